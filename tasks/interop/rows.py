"""Examples as flat rows, which every framework's data sets can hold, and back."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.prompt import choose_shots, messages
from rlvr.tasks.splits import load_split
from rlvr.verifiers.rows import COLUMNS, MissingColumn, Row, example_from_row
from rlvr.verifiers.types import Example


def pack_of(pack: Pack | str) -> Pack:
    """The pack, loaded if it is given by name or folder. Raises ConfigError, also for what is wrong with its verifiers."""
    return (load_pack(pack) if isinstance(pack, str) else pack).checked()


def to_rows(pack: Pack, split: str, shots: int | None, mirror: str | None = None) -> list[dict[str, Any]]:
    """The examples of a split as rows: `prompt` (chat messages), and the columns that `to_example` reads.

    `metadata` is JSON text, since a table's columns would give every row the keys of all others. Each prompt has `shots`
    few-shot examples (None: as many as the pack says). Raises ConfigError for more than the pack has, and what
    `load_split` raises.
    """
    chosen = choose_shots(pack, pack.task.prompt.shots if shots is None else shots)
    rows = []
    for example in load_split(pack, split, mirror).examples:
        row = {column: getattr(example, column) for column in COLUMNS}
        rows.append({**row, "metadata": json.dumps(dict(example.metadata)), "prompt": messages(pack, example, chosen)})
    return rows


def to_example(row: Row, gold: str = "gold") -> Example:
    """The example in a row with at least a gold answer, in the column called `gold`.

    Raises MissingColumn if that column is missing, ConfigError for a wrong value.
    """
    where = "a row of the data set"
    if row.get(gold) is None:
        raise MissingColumn(f"{where}: no column {gold!r} with the gold answers; found {', '.join(row)}")
    return example_from_row({**row, "gold": row[gold]}, where)


def text_of(completion: str | Sequence[Mapping[str, Any]]) -> str:
    """The text of a completion that may be chat messages."""
    if isinstance(completion, str):
        return completion
    return "".join(str(message.get("content") or "") for message in completion if message.get("role") == "assistant")
