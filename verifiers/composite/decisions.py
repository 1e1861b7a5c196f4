"""How a composite decides: from the verdicts of its parts to one verdict. See rlvr.verifiers.composite.composite for the table."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rlvr.verifiers.types import Status, Verdict

if TYPE_CHECKING:
    from rlvr.verifiers.composite.composite import Part

Judged = Sequence[tuple["Part", Verdict]]


def _masked(judged: Judged) -> Verdict | None:
    """`error` where a part is, else `skipped` where a part is, else None."""
    for status in (Status.ERROR, Status.SKIPPED):
        for part, verdict in judged:
            if verdict.status is status:
                return Verdict(status, 0.0, None, f"{part.label}: {verdict.reason}")
    return None


def _named(part: "Part", verdict: Verdict) -> Verdict:
    return replace(verdict, reason=f"{part.label}: {verdict.reason}")


def all_of(judged: Judged) -> Verdict:
    known = [(part, verdict) for part, verdict in judged if not verdict.status.masked]
    failed = [(part, verdict) for part, verdict in known if verdict.status is not Status.CORRECT]
    lowest = min((verdict.score for _, verdict in known), default=0.0)
    masked = _masked(judged)
    if masked is not None and not any(verdict.score == 0 for _, verdict in failed):
        return masked
    if failed:
        return replace(_named(*failed[0]), score=lowest)
    return Verdict(Status.CORRECT, lowest, judged[-1][1].extracted, "every part is correct")


def any_of(judged: Judged) -> Verdict:
    known = [(part, verdict) for part, verdict in judged if not verdict.status.masked]
    right = [(part, verdict) for part, verdict in known if verdict.status is Status.CORRECT]
    highest = max((verdict.score for _, verdict in known), default=0.0)
    masked = _masked(judged)
    if masked is not None and not any(verdict.score == 1 for _, verdict in right):
        return masked
    if right:
        return replace(_named(*max(right, key=lambda one: one[1].score)), score=highest)
    for status in (Status.INCORRECT, Status.TIMEOUT, Status.UNPARSED):
        for part, verdict in known:
            if verdict.status is status:
                return replace(_named(part, verdict), score=highest)
    raise AssertionError  # a part that isn't masked has one of these statuses


def weighted_of(judged: Judged, *, threshold: float = 1.0) -> Verdict:
    masked = _masked(judged)
    if masked is not None:
        return masked
    total = math.fsum(part.weight for part, _ in judged)
    score = math.fsum(part.weight * verdict.score for part, verdict in judged) / total
    score = min(1.0, max(0.0, score))
    statuses = {verdict.status for _, verdict in judged}
    status = Status.INCORRECT
    if score >= threshold - 1e-9:
        status = Status.CORRECT
    elif len(statuses) == 1 and score == 0:  # all unparsed, or all too slow
        status = statuses.pop()
    answer = next((verdict.extracted for _, verdict in reversed(judged) if verdict.extracted is not None), None)
    shown = ", ".join(f"{part.label} {verdict.score:g}" for part, verdict in judged)
    return Verdict(status, score, answer, f"weighted {score:.4g} ({shown}), threshold {threshold:g}")


def gate_of(judged: Judged) -> Verdict:
    part, verdict = judged[-1]  # the gate that closed, or the last part
    return _named(part, verdict)
