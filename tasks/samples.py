"""Right and nearly right completions from a pack's data, for `rlvr audit`.

A pack's data.py may define `near_misses(row, random)`, which returns completions that look right and are wrong.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rlvr.errors import ConfigError
from rlvr.tasks.pack import Pack
from rlvr.tasks.prompt import gold_completion
from rlvr.tasks.sources.rows import own_code
from rlvr.tasks.splits import examples_of, fresh_rows
from rlvr.verifiers.types import Completion, Example

SEED = 1_000_003  # not a pack's own seed, so that a generator makes other rows than its splits have


@dataclass(frozen=True)
class Sample:
    """An example, its gold answer as a completion, and completions that are nearly right."""

    example: Example
    gold: Completion | None  # None if the pack has no template `gold_completion`
    near_misses: tuple[Completion, ...]
    origin: Mapping[str, Any]


def samples(pack: Pack, size: int, mirror: str | None = None, seed: int = SEED) -> list[Sample]:
    """Up to `size` samples, from fresh rows of the pack's generator or from its data; `mirror` as in `load_split`.

    Raises ConfigError for what is wrong with the pack, PrerequisiteError if its data is out of reach.
    """
    if pack.members:
        return [
            replace(sample, example=replace(sample.example, pack=name))
            for name, member in pack.members.items()
            for sample in samples(member, math.ceil(size / len(pack.members)), mirror, seed)
        ]
    near_misses = getattr(pack.module("data"), "near_misses", None)
    draw = random.Random(seed)
    collected = []
    for split, rows, origin in fresh_rows(pack, size, seed, mirror):
        for row, example in zip(rows, examples_of(pack, split, rows, origin), strict=True):
            gold = gold_completion(pack, example)
            near: Sequence[str] = ()
            if near_misses is not None:
                with own_code(pack, f"near_misses() of example {example.id!r}"):
                    near = near_misses(_as_row(row, example), draw)
            collected.append(Sample(example, gold, tuple(Completion(_text(pack, text)) for text in near), origin))
    return collected


def _as_row(row: Mapping[str, Any], example: Example) -> dict[str, Any]:
    """The row, with every column of an example filled in."""
    return {
        **row,
        "id": example.id,
        "question": example.question,
        "gold": example.gold,
        "category": example.category,
        "metadata": dict(example.metadata),
    }


def _text(pack: Pack, text: object) -> str:
    if not isinstance(text, str):
        raise ConfigError(f"{pack.folder / 'data.py'}: near_misses() must return texts, not {type(text).__name__}")
    return text
