"""Labelled cases: an example, a completion, and whether a right verifier accepts it.

Rows are JSON objects. The label is `expected`: true, "accept" or "correct"; false, "reject", "incorrect" or
"unparsed"; "no_hang" where any verdict in time will do. Programs say it with `max_reward` or `expected_fraction`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from rlvr.errors import ConfigError
from rlvr.verifiers.types import Completion, Example
from rlvr.verifiers.verifier import Verifier, option_types


class Label(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    NO_HANG = "no_hang"


class Kind(StrEnum):
    """Where a case comes from: somebody wrote it, or a pack made it."""

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
    """One labelled completion. `attack` names what it tries, where it is one; `policy` says that its label is a choice."""

    id: str
    source: str
    example: Example
    completion: Completion
    label: Label
    why: str = ""
    attack: str = ""
    policy: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)  # of the verifier, for this case
    kind: Kind = Kind.CASE
    verifier: Verifier | None = (
        None  # the pack's, options and limits set; None: the one that is measured, with `options`
    )


def read_cases(path: Path, verifier: Verifier) -> list[AuditCase]:
    """The cases of a JSONL file. Raises ConfigError with file and line; rows with another label are left out."""
    cases = []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            case = case_from_row(dict(json.loads(line)), verifier, path.stem, number)
        except KeyError as error:
            raise ConfigError(f"{path}:{number}: no column {error.args[0]!r}") from None
        except (ValueError, TypeError, ConfigError) as error:
            raise ConfigError(f"{path}:{number}: {error}") from None
        if case is not None:
            cases.append(case)
    return cases


def case_from_row(row: Mapping[str, Any], verifier: Verifier, source: str, number: int) -> AuditCase | None:
    """A case, or None for a row without a label that we know."""
    label = _label(row)
    if label is None:
        return None
    if verifier.from_row is not None:
        example, completion = verifier.from_row(dict(row))
    else:
        text = row["completion"] if "completion" in row or "gold" not in row else row["answer"]
        gold = row.get("gold", row.get("answer"))
        metadata = row.get("metadata") if isinstance(row.get("metadata"), dict) else {}
        example = Example(str(row.get("id", number)), str(row.get("question", "")), str(gold), "", metadata or {})
        completion = Completion(str(text))
    bare = row.get("kind") == "pair" and "bare" in option_types(verifier.verify)
    adversarial = str(row.get("expected")) in ("reject", "accept", "no_hang") or "max_reward" in row
    return AuditCase(
        id=str(row.get("id") or row.get("name") or number),
        source=str(row.get("source") or source),
        example=example,
        completion=completion,
        label=label,
        why=str(row.get("why") or row.get("note") or ""),
        attack=str(row.get("category") or row.get("class") or "attack") if adversarial else "",
        policy=str(row.get("policy") or ""),
        options={"bare": True} if bare else {},
    )


def _label(row: Mapping[str, Any]) -> Label | None:
    if "max_reward" in row:
        return Label.WRONG if float(row["max_reward"]) < 1 else None
    if "expected_fraction" in row:
        return Label.RIGHT if float(row["expected_fraction"]) == 1 else Label.WRONG
    return _LABELS.get(str(row.get("expected")).lower())


def shipped_cases(verifier: Verifier) -> list[AuditCase]:
    """The cases that come with a verifier: those of its file `cases`. Raises ConfigError as `read_cases`."""
    return [] if verifier.cases is None else read_cases(verifier.cases, verifier)
