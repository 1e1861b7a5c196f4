"""How a composite decides: from the verdicts of its parts to one verdict. rlvr.verifiers.composite.composite has the table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rlvr.verifiers.types import Status, Verdict
from rlvr.verifiers.verifier import Verifier


@dataclass(frozen=True)
class Part:
    """One verifier of a composite. `label` is its name in the verdict's parts."""

    label: str
    verifier: Verifier
    weight: float = 1.0


Judged = Sequence[tuple[Part, Verdict]]


def all_of(judged: Judged) -> Verdict:
    """Correct if every part is; the score is the lowest of the parts'."""
    unmasked = _unmasked(judged)
    failed = [(part, verdict) for part, verdict in unmasked if verdict.status is not Status.CORRECT]
    lowest = min((verdict.score for _, verdict in unmasked), default=0.0)
    masked = _masked(judged)
    if masked is not None and not any(verdict.score == 0 for _, verdict in failed):
        return masked
    if failed:
        return replace(_labelled(*failed[0]), score=lowest)
    return Verdict(Status.CORRECT, lowest, judged[-1][1].extracted, "every part is correct")


def any_of(judged: Judged) -> Verdict:
    """Correct if one part is; the score is the highest of the parts'."""
    unmasked = _unmasked(judged)
    correct = [(part, verdict) for part, verdict in unmasked if verdict.status is Status.CORRECT]
    highest = max((verdict.score for _, verdict in unmasked), default=0.0)
    masked = _masked(judged)
    if masked is not None and not any(verdict.score == 1 for _, verdict in correct):
        return masked
    if correct:
        return replace(_labelled(*max(correct, key=lambda pair: pair[1].score)), score=highest)
    order = (Status.INCORRECT, Status.TIMEOUT, Status.UNPARSED)  # the statuses of an unmasked part that isn't correct
    return replace(_labelled(*min(unmasked, key=lambda pair: order.index(pair[1].status))), score=highest)


def weighted_of(judged: Judged, *, threshold: float = 1.0) -> Verdict:
    """The weighted mean of the parts' scores; correct if it reaches `threshold`, which is in (0, 1]."""
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
    extracted = next((verdict.extracted for _, verdict in reversed(judged) if verdict.extracted is not None), None)
    scores = ", ".join(f"{part.label} {verdict.score:g}" for part, verdict in judged)
    return Verdict(status, score, extracted, f"weighted {score:.4g} ({scores}), threshold {threshold:g}")


def gate_of(judged: Judged) -> Verdict:
    """The verdict of the gate that closed, else of the last part."""
    return _labelled(*judged[-1])


def _unmasked(judged: Judged) -> list[tuple[Part, Verdict]]:
    return [(part, verdict) for part, verdict in judged if not verdict.status.masked]


def _masked(judged: Judged) -> Verdict | None:
    """`error` if a part is, else `skipped` if a part is, else None."""
    for status in (Status.ERROR, Status.SKIPPED):
        for part, verdict in judged:
            if verdict.status is status:
                return Verdict(status, 0.0, None, f"{part.label}: {verdict.reason}")
    return None


def _labelled(part: Part, verdict: Verdict) -> Verdict:
    return replace(verdict, reason=f"{part.label}: {verdict.reason}")
