"""Cases that a verifier's own `generate` and `near_misses` make, for verifiers that no pack with generated data uses."""

import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rlvr.errors import ConfigError
from rlvr.verifiers.audit.cases import AuditCase, Kind, Label
from rlvr.verifiers.types import Completion, Example
from rlvr.verifiers.verifier import Verifier


def own_cases(verifier: Verifier, size: int, seed: int) -> list[AuditCase]:
    """A gold answer and one near miss for each of `size` rows; nothing where the verifier generates none.

    Raises ConfigError for a row without a completion.
    """
    return [] if verifier.generate is None else list(_cases(verifier, verifier.generate(size, seed), seed))


def _cases(verifier: Verifier, rows: Iterable[Mapping[str, Any]], seed: int) -> Iterator[AuditCase]:
    draw = random.Random(seed)
    for number, row in enumerate(rows):
        id_, question, metadata = str(row.get("id", number)), str(row.get("question", "")), row.get("metadata") or {}
        if not isinstance(metadata, dict) or not isinstance(row.get("completion"), str):
            raise ConfigError(f"generate() of verifier {verifier.name!r}: row {number} needs a text 'completion'")
        example = Example(id_, question, str(row.get("answer", "")), str(row.get("category", "")), metadata)
        yield gold_case(example, Completion(str(row["completion"])), verifier, "made by its module")
        if verifier.near_misses is not None:
            yield from near_miss_cases(example, verifier.near_misses(row, draw), verifier, "made by its module", draw)


def gold_case(example: Example, completion: Completion, verifier: Verifier, source: str) -> AuditCase:
    return AuditCase(example.id, source, example, completion, Label.RIGHT, kind=Kind.GOLD, verifier=verifier)


def near_miss_cases(
    example: Example, texts: list[str], verifier: Verifier, source: str, draw: random.Random
) -> Iterator[AuditCase]:
    """One of an example's near misses, chosen at random: over many examples each kind gets its turn."""
    if texts:
        completion = Completion(draw.choice(texts))
        yield AuditCase(
            example.id, source, example, completion, Label.WRONG, kind=Kind.NEAR_MISS, verifier=verifier
        )  # fmt: skip
