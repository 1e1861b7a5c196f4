"""Labelled cases: an example, a completion, and whether a verifier that is right accepts it.

Rows are JSON objects, as rlvr.verifiers.rows reads them. The label is `expected`: true, "accept" or "correct"; false,
"reject", "incorrect" or "unparsed"; "no_hang" if any verdict in time will do. Programs may have `max_reward` or
`expected_fraction` instead.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from rlvr.errors import ConfigError
from rlvr.verifiers.rows import Row
from rlvr.verifiers.types import Completion, Example
from rlvr.verifiers.verifier import Verifier, option_types


class Label(StrEnum):
    """What must become of a case: accepted, not accepted, or any verdict within the deadline."""

    RIGHT = "right"
    WRONG = "wrong"
    NO_HANG = "no_hang"


class Kind(StrEnum):
    """Where a case comes from: somebody wrote it, or a pack or a verifier generated it."""

    CASE = "case"
    GOLD = "gold"  # a gold answer, written as a completion
    NEAR_MISS = "near_miss"  # a gold answer changed so that it is wrong


_LABELS = {
    **dict.fromkeys(("true", "accept", "correct", "pass"), Label.RIGHT),
    **dict.fromkeys(("false", "reject", "incorrect", "unparsed", "must not be rewarded"), Label.WRONG),
    "no_hang": Label.NO_HANG,
}


@dataclass(frozen=True)
class AuditCase:
    """One labelled completion.

    `attack` names what it tries, if it is an attack; `convention` names the one that its label follows, if other
    labels would be right too. `options` are the verifier's for this case. `verifier` is the pack's, with its options
    and limits, or None for the verifier that is measured.
    """

    id: str
    source: str
    example: Example
    completion: Completion
    label: Label
    why: str = ""
    attack: str = ""
    convention: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    kind: Kind = Kind.CASE
    verifier: Verifier | None = None


def read_cases(path: Path, verifier: Verifier) -> list[AuditCase]:
    """The cases of a JSONL file, without rows that have no label known here.

    Raises ConfigError, with file and line, for what is not JSON, and for a row that `Verifier.pair_from_row` refuses.
    """
    cases = []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = dict(json.loads(line))
        except (ValueError, TypeError, RecursionError) as error:
            raise ConfigError(f"{where}: {error}") from None
        case = case_from_row({"id": row.get("name", number), **row}, verifier, path.stem, where)
        if case is not None:
            cases.append(case)
    return cases


def case_from_row(row: Row, verifier: Verifier, source: str, where: str) -> AuditCase | None:
    """The case in a row with an id, or None if it has no label known here. `source` is for a row without that column.

    Raises ConfigError, which begins with `where`, as `Verifier.pair_from_row`.
    """
    try:
        label = _label(row)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from None
    if label is None:
        return None
    example, completion = verifier.pair_from_row(row, where)
    bare = row.get("kind") == "pair" and "bare" in option_types(verifier.verify)
    adversarial = str(row.get("expected")) in ("reject", "accept", "no_hang") or "max_reward" in row
    return AuditCase(
        id=str(row["id"]),
        source=str(row.get("source") or source),
        example=example,
        completion=completion,
        label=label,
        why=str(row.get("why") or row.get("note") or ""),
        attack=str(row.get("category") or row.get("class") or "attack") if adversarial else "",
        convention=str(row.get("convention") or row.get("policy") or ""),
        options={"bare": True} if bare else {},
    )


def _label(row: Row) -> Label | None:
    if "max_reward" in row:
        return Label.WRONG if float(row["max_reward"]) < 1 else None
    if "expected_fraction" in row:
        return Label.RIGHT if float(row["expected_fraction"]) == 1 else Label.WRONG
    return _LABELS.get(str(row.get("expected")).lower())


def shipped_cases(verifier: Verifier) -> list[AuditCase]:
    """The cases that come with a verifier: those of its file `cases`. Raises ConfigError as `read_cases`."""
    return [] if verifier.cases is None else read_cases(verifier.cases, verifier)
