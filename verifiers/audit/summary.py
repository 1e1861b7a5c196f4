"""Rates with intervals, from outcomes. Cases whose label is a choice of policy are counted apart."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rlvr.verifiers.audit.cases import Kind, Label
from rlvr.verifiers.audit.measure import Outcome, Run
from rlvr.verifiers.types import Status

Z95 = 1.959963984540054
HANG_SLACK = 0.5  # seconds over the deadline that still count as in time


@dataclass(frozen=True)
class Rate:
    """count of total, with Wilson's 95 % interval."""

    count: int
    total: int

    @property
    def rate(self) -> float:
        return self.count / self.total if self.total else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        if not self.total:
            return 0.0, 1.0
        n, z2 = self.total, Z95 * Z95
        middle = (self.rate + z2 / (2 * n)) / (1 + z2 / n)
        half = Z95 * math.sqrt(self.rate * (1 - self.rate) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        # At the ends the bound is exact; rounding must not push it inside.
        low = 0.0 if self.count == 0 else max(0.0, middle - half)
        return low, 1.0 if self.count == n else min(1.0, middle + half)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "rate": round(self.rate, 6), "interval": [round(x, 6) for x in self.interval]}

    def __str__(self) -> str:
        if not self.total:
            return "–"
        low, high = self.interval
        return f"{100 * self.rate:.1f} % ({self.count}/{self.total}; {100 * low:.1f} to {100 * high:.1f})"


def false_accepts(outcomes: Iterable[Outcome]) -> Rate:
    wrong = [o for o in outcomes if o.case.label is Label.WRONG and not o.verdict.status.masked]
    return Rate(sum(o.accepted for o in wrong), len(wrong))


def false_rejects(outcomes: Iterable[Outcome]) -> Rate:
    right = [o for o in outcomes if o.case.label is Label.RIGHT and not o.verdict.status.masked]
    return Rate(sum(not o.accepted for o in right), len(right))


def wrongly_decided(outcome: Outcome) -> bool:
    """The verdict contradicts the label; errors are counted apart."""
    if outcome.verdict.status.masked or outcome.case.label is Label.NO_HANG:
        return False
    return outcome.accepted != (outcome.case.label is Label.RIGHT)


def _refused(outcome: Outcome) -> bool:
    """An `error` is no refusal: it is masked in training, but the verifier didn't do its work."""
    return not outcome.accepted and not outcome.verdict.status.masked


def summarize(run: Run) -> dict[str, Any]:
    """All that was measured of one verifier, as JSON values."""
    outcomes = run.outcomes
    made = [o for o in outcomes if o.case.kind is not Kind.CASE]
    gold = [o for o in made if o.case.kind is Kind.GOLD]
    near = [o for o in made if o.case.kind is Kind.NEAR_MISS]
    plain = [o for o in outcomes if o.case.kind is Kind.CASE and not o.case.attack and not o.case.policy]
    attacks = [o for o in outcomes if o.case.attack and o.case.label is Label.WRONG]
    controls = [o for o in outcomes if o.case.attack and o.case.label is Label.RIGHT]
    limit = run.deadline_s + HANG_SLACK
    seconds = sorted(o.verdict.seconds for o in outcomes)
    return {
        "verifier": run.verifier.name,
        "cases": len(outcomes),
        "statuses": dict(Counter(str(o.verdict.status) for o in outcomes)),
        "confusion": _confusion(outcomes),
        "false_accept": false_accepts(plain).as_json(),
        "false_reject": false_rejects(plain).as_json(),
        "gold_accepted": Rate(sum(o.accepted for o in gold), len(gold)).as_json(),
        "near_misses_refused": Rate(sum(_refused(o) for o in near), len(near)).as_json(),
        "attacks_accepted": Rate(sum(o.accepted for o in attacks), len(attacks)).as_json(),
        "controls_rejected": Rate(sum(not o.accepted for o in controls), len(controls)).as_json(),
        "errors": sum(o.verdict.status is Status.ERROR for o in outcomes),
        "timeouts": sum(o.verdict.status is Status.TIMEOUT for o in outcomes),
        "hangs": sum(o.verdict.seconds > limit for o in outcomes),
        "hang_limit_s": limit,
        "deadline_s": run.deadline_s,
        "peak_worker_mb": round(run.peak_mb, 1),
        "throughput_per_s": round(len(outcomes) / run.wall, 1) if run.wall else None,
        "latency_ms": {
            "median": _milliseconds(seconds, 0.5),
            "p99": _milliseconds(seconds, 0.99),
            "max": _milliseconds(seconds, 1.0),
        },
        "by_source": _grouped(plain, lambda o: o.case.source),
        "by_reason": _by_reason(outcomes),
        "by_attack": _grouped([o for o in outcomes if o.case.attack], lambda o: o.case.attack),
        "by_policy": _grouped([o for o in outcomes if o.case.policy], lambda o: o.case.policy),
        "by_pack": _grouped(made, lambda o: o.case.source),
        "wrong": [_shown(o) for o in outcomes if wrongly_decided(o)],
    }


def _confusion(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    counts = Counter((str(o.case.label), str(o.verdict.status)) for o in outcomes)
    return [{"label": label, "status": status, "cases": n} for (label, status), n in sorted(counts.items())]


def _grouped(outcomes: Sequence[Outcome], key: Callable[[Outcome], str]) -> list[dict[str, Any]]:
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(key(outcome), []).append(outcome)
    return [
        {
            "name": name,
            "cases": len(group),
            "false_accept": false_accepts(group).as_json(),
            "false_reject": false_rejects(group).as_json(),
        }
        for name, group in sorted(groups.items())
    ]


def _by_reason(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Which rule decided how often, and how often wrongly: numbers in the reason don't count."""
    counts: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for outcome in outcomes:
        reason = "".join("#" if c.isdigit() else c for c in outcome.verdict.reason[:120]) or "(none)"
        counts[reason] += 1
        wrong[reason] += wrongly_decided(outcome)
    return [{"reason": r, "cases": n, "wrong": wrong[r]} for r, n in counts.most_common(40)]


def _milliseconds(seconds: Sequence[float], share: float) -> float | None:
    if not seconds:
        return None
    return round(1000 * seconds[min(len(seconds) - 1, int(share * len(seconds)))], 4)


def _shown(outcome: Outcome) -> dict[str, Any]:
    case = outcome.case
    return {
        "id": case.id,
        "source": case.source,
        "attack": case.attack,
        "policy": case.policy,
        "label": str(case.label),
        "gold": case.example.gold[-300:],
        "completion": case.completion.text[-300:],
        "status": str(outcome.verdict.status),
        "extracted": (outcome.verdict.extracted or "")[:300],
        "reason": outcome.verdict.reason[:300],
        "why": case.why[:300],
    }


def differences(first: Run, second: Run) -> list[dict[str, Any]]:
    """The cases that the two accept differently."""
    other = {id(o.case): o for o in second.outcomes}
    out = []
    for outcome in first.outcomes:
        theirs = other.get(id(outcome.case))
        if theirs is not None and theirs.accepted != outcome.accepted:
            right = outcome.case.label is Label.RIGHT
            better = (
                ""
                if outcome.case.label is Label.NO_HANG
                else (first if outcome.accepted == right else second).verifier.name
            )
            out.append({**_shown(outcome), "other_status": str(theirs.verdict.status), "right": better})
    return out
