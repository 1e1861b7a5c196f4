"""Loads the examples of a pack's splits, from the source that the pack names.

The result says what was loaded, and from where: a run records it, and a substitute is never silent.
"""

import functools
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.files import read_jsonl
from rlvr.tasks.pack import Pack, Split
from rlvr.tasks.sources.files import file_rows
from rlvr.tasks.sources.generator import generate, generator_rows
from rlvr.tasks.sources.hub import MIRROR_VARIABLE, hub_rows, mirror_rows
from rlvr.tasks.sources.mixture import mix
from rlvr.tasks.sources.rows import Origin, Rows, of_split, own_code
from rlvr.tasks.sources.substitute import substitute_rows
from rlvr.verifiers.rows import MissingColumn, Row, example_from_row
from rlvr.verifiers.types import Example


def load_split(pack: Pack, split: str, mirror: str | None = None) -> Split:
    """The examples of `split`, "train" or "test". `mirror` is a folder with the hub's layout (default: RLVR_HUB_MIRROR).

    Raises ConfigError for what is wrong with the pack, the mirror or the data, PrerequisiteError for what is missing.
    """
    if pack.examples is not None:
        return Split(list(of_split(pack, split, pack.examples)), {"source": "memory"})
    if pack.members:
        return mix(pack, split, lambda member: load_split(member, split, mirror))
    rows, origin = _rows(pack, split, mirror)
    examples = list(examples_of(pack, split, rows, origin))
    if not examples:
        where = ", ".join(f"{key} {value}" for key, value in origin.items() if value is not None)
        raise ConfigError(f"{pack.folder / 'task.toml'}: split {split!r} is empty ({where})")
    return Split(examples, origin)


def split_names(pack: Pack) -> list[str]:
    """The names of the pack's splits."""
    if pack.examples is not None:
        return [*pack.examples]
    data = pack.task.data
    sized = data.generator or data.packs
    return [*data.files] or [*(sized.sizes if sized else data.hub_splits)]


def fresh_rows(pack: Pack, size: int, seed: int, mirror: str | None = None) -> Iterator[tuple[str, Rows, Origin]]:
    """(split, rows, origin) with at most `size` rows in all: a generator's for `seed`, or those that the splits have.

    Raises what `load_split` raises.
    """
    generator = pack.task.data.generator
    for split in split_names(pack):
        if size <= 0:
            return
        if generator is not None:
            rows: Rows = generate(pack, split, size, seed)
            origin: Origin = {"source": "generator", "seed": seed, "size": size}
        else:
            rows, origin = _rows(pack, split, mirror)
        rows = list(itertools.islice(rows, size))
        size -= len(rows)
        yield split, rows, origin


def _rows(pack: Pack, split: str, mirror: str | None) -> tuple[Rows, Origin]:
    if pack.task.data.files:
        return file_rows(pack, split)
    if pack.task.data.generator is not None:
        return generator_rows(pack, split)
    if mirror := mirror or os.environ.get(MIRROR_VARIABLE):
        return mirror_rows(pack, split, mirror)
    try:
        return hub_rows(pack, split)
    except PrerequisiteError as error:
        return substitute_rows(pack, split, str(error))


def examples_of(pack: Pack, split: str, rows: Rows, origin: Origin) -> Iterator[Example]:
    """The examples in rows, by [data.columns] and the pack's own `to_example`. Raises ConfigError that names the row."""
    substituted = origin["source"] == "substitute"
    to_example = None if substituted else getattr(pack.module("data"), "to_example", None)
    columns = {} if substituted else pack.task.data.columns
    for index, raw in enumerate(rows):
        if not isinstance(raw, Mapping):
            raise ConfigError(f"{place(pack, split, index)}: expected a mapping, found {type(raw).__name__}")
        row: dict[str, Any] = dict(raw)
        for field, column in columns.items():
            if column not in row:
                raise ConfigError(
                    f"{pack.folder / 'task.toml'}: data.columns.{field}: the data has no column {column!r} "
                    f"(it has: {', '.join(row)})"
                )
            row[field] = row[column]
        if to_example is not None:
            with own_code(pack, f"to_example(row) of row {index} of split {split!r}"):
                row = to_example(row)
        yield _example(pack, row, f"{split}-{index}", functools.partial(place, pack, split, index))


def _example(pack: Pack, row: Row, default_id: str, where: Callable[[], str]) -> Example:
    hint = "map one in [data.columns] or in data.py"
    if row.get("question") is None:
        raise ConfigError(f"{where()}: no column 'question'; found {', '.join(map(str, row))}; {hint}")
    try:
        example = example_from_row(row, where)
    except MissingColumn as error:
        raise ConfigError(f"{error}; {hint}") from None
    # A data set's columns of these names mean something else, unless the pack has verifiers by name.
    verifier = example.verifier if pack.task.verifiers else ""
    example = replace(example, id=example.id or default_id, pack="", verifier=verifier)
    pack.check_verifier(example, where)
    return example


def place(pack: Pack, split: str, index: int) -> str:
    """The place of row `index` of a split, for messages: its file and line if it has one."""
    name = pack.task.data.files.get(split, "")
    if name.endswith(".jsonl"):
        numbers = (number for number, _ in read_jsonl(pack.folder / name))
        return f"{pack.folder / name}:{next(itertools.islice(numbers, index, None))}"
    file = "data.py" if pack.task.data.generator else name or "task.toml"
    return f"{pack.folder / file}: split {split!r}, row {index}"
