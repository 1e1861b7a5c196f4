"""Rates with intervals, from outcomes. Cases whose label is a convention are counted apart."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from rlvr.intervals import Interval, wilson
from rlvr.text import percent_with_interval
from rlvr.verifiers.audit.cases import Kind, Label
from rlvr.verifiers.audit.measure import AuditOutcome, AuditRun
from rlvr.verifiers.types import Status

HANG_SLACK = 0.5  # seconds over the deadline that still count as in time


@dataclass(frozen=True)
class Rate:
    """count of total, with the 95 % interval of Wilson (1927)."""

    count: int
    total: int

    @property
    def rate(self) -> float:
        """In [0, 1]; 0 of nothing is 0."""
        return self.count / self.total if self.total else 0.0

    @property
    def interval(self) -> Interval:
        """Its bounds, in [0, 1]."""
        return wilson(self.count, self.total)

    def as_json(self) -> dict[str, Any]:
        """`count`, `total`, `rate` and `interval`, rounded to six digits."""
        interval = [round(bound, 6) for bound in self.interval]
        return {"count": self.count, "total": self.total, "rate": round(self.rate, 6), "interval": interval}

    def __str__(self) -> str:
        if not self.total:
            return "–"
        return f"{percent_with_interval(self.rate, self.interval)}, {self.count} of {self.total}"


@dataclass(frozen=True, slots=True)
class LabelCount:
    """How many cases with a label got a status."""

    label: str
    status: str
    cases: int


@dataclass(frozen=True, slots=True)
class GroupRates:
    """The rates of the cases of one source, attack, convention or pack."""

    name: str
    cases: int
    false_accept: Rate
    false_reject: Rate


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often a reason was given, its digits replaced by `#`, and how often the verdict contradicts the label."""

    reason: str
    cases: int
    wrong: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds for a verdict; None if there was no case."""

    median: float | None
    p99: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class CaseReport:
    """One case with its verdict, long texts cut, for a report."""

    id: str
    source: str
    attack: str
    convention: str
    label: str
    gold: str
    completion: str
    status: str
    extracted: str
    reason: str
    why: str


@dataclass(frozen=True, slots=True)
class Difference(CaseReport):
    """A case that two verifiers decide differently. `right` is the verifier that agrees with the label, if one does."""

    other_status: str
    right: str


@dataclass(frozen=True, slots=True)
class AuditSummary:
    """All that was measured of one verifier."""

    verifier: str
    cases: int
    statuses: Mapping[str, int]
    confusion: Sequence[LabelCount]
    false_accept: Rate
    false_reject: Rate
    gold_accepted: Rate
    near_misses_refused: Rate
    attacks_accepted: Rate
    controls_rejected: Rate
    errors: int
    timeouts: int
    hangs: int
    hang_limit_s: float
    deadline_s: float
    peak_worker_mb: float
    throughput_per_s: float | None
    latency_ms: Latency
    by_source: Sequence[GroupRates]
    by_reason: Sequence[ReasonCount]
    by_attack: Sequence[GroupRates]
    by_convention: Sequence[GroupRates]
    by_pack: Sequence[GroupRates]
    wrong: Sequence[CaseReport]
    audited: str = ""  # the name that it was audited under: a verifier's, or a pack's folder
    notes: Sequence[str] = ()  # what couldn't be measured

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {field.name: as_json(getattr(self, field.name)) for field in fields(self)}


def as_json(value: Any) -> Any:
    """A record of this module, or a sequence of them, as JSON values."""
    if isinstance(value, Rate):
        return value.as_json()
    if is_dataclass(value):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value


def false_accepts(outcomes: Iterable[AuditOutcome]) -> Rate:
    """How many of the wrong answers were accepted; masked verdicts don't count."""
    wrong = [o for o in outcomes if o.case.label is Label.WRONG and not o.verdict.status.masked]
    return Rate(sum(o.accepted for o in wrong), len(wrong))


def false_rejects(outcomes: Iterable[AuditOutcome]) -> Rate:
    """How many of the right answers were rejected; masked verdicts don't count."""
    right = [o for o in outcomes if o.case.label is Label.RIGHT and not o.verdict.status.masked]
    return Rate(sum(not o.accepted for o in right), len(right))


def wrongly_decided(outcome: AuditOutcome) -> bool:
    """Whether the verdict contradicts the label; a masked verdict doesn't."""
    if outcome.verdict.status.masked or outcome.case.label is Label.NO_HANG:
        return False
    return outcome.accepted != (outcome.case.label is Label.RIGHT)


def summarize(run: AuditRun) -> AuditSummary:
    """The figures of a run, which is measured under its verifier's name."""
    outcomes = run.outcomes
    generated = [o for o in outcomes if o.case.kind is not Kind.CASE]
    gold = [o for o in generated if o.case.kind is Kind.GOLD]
    near = [o for o in generated if o.case.kind is Kind.NEAR_MISS]
    plain = [o for o in outcomes if o.case.kind is Kind.CASE and not o.case.attack and not o.case.convention]
    attacks = [o for o in outcomes if o.case.attack and o.case.label is Label.WRONG]
    controls = [o for o in outcomes if o.case.attack and o.case.label is Label.RIGHT]
    limit = run.deadline_s + HANG_SLACK
    return AuditSummary(
        verifier=run.verifier.name,
        cases=len(outcomes),
        statuses=dict(Counter(str(o.verdict.status) for o in outcomes)),
        confusion=_confusion(outcomes),
        false_accept=false_accepts(plain),
        false_reject=false_rejects(plain),
        gold_accepted=Rate(sum(o.accepted for o in gold), len(gold)),
        near_misses_refused=Rate(sum(_refused(o) for o in near), len(near)),
        attacks_accepted=Rate(sum(o.accepted for o in attacks), len(attacks)),
        controls_rejected=Rate(sum(not o.accepted for o in controls), len(controls)),
        errors=sum(o.verdict.status is Status.ERROR for o in outcomes),
        timeouts=sum(o.verdict.status is Status.TIMEOUT for o in outcomes),
        hangs=sum(o.verdict.seconds > limit for o in outcomes),
        hang_limit_s=limit,
        deadline_s=run.deadline_s,
        peak_worker_mb=round(run.peak_mb, 1),
        throughput_per_s=round(len(outcomes) / run.wall_s, 1) if run.wall_s else None,
        latency_ms=_latency(sorted(o.verdict.seconds for o in outcomes)),
        by_source=_grouped(plain, lambda o: o.case.source),
        by_reason=_by_reason(outcomes),
        by_attack=_grouped([o for o in outcomes if o.case.attack], lambda o: o.case.attack),
        by_convention=_grouped([o for o in outcomes if o.case.convention], lambda o: o.case.convention),
        by_pack=_grouped(generated, lambda o: o.case.source),
        wrong=[CaseReport(**_texts(o)) for o in outcomes if wrongly_decided(o)],
        audited=run.verifier.name,
    )


def differences(first: AuditRun, second: AuditRun) -> list[Difference]:
    """The cases that one of two verifiers accepts and the other doesn't."""
    outcomes = {id(o.case): o for o in second.outcomes}
    out = []
    for outcome in first.outcomes:
        other = outcomes.get(id(outcome.case))
        if other is not None and other.accepted != outcome.accepted:
            right = ""
            if outcome.case.label is not Label.NO_HANG:
                agrees = outcome.accepted == (outcome.case.label is Label.RIGHT)
                right = (first if agrees else second).verifier.name
            out.append(Difference(**_texts(outcome), other_status=str(other.verdict.status), right=right))
    return out


def _refused(outcome: AuditOutcome) -> bool:
    """An `error` is no refusal: it is masked in training, but the verifier didn't do its work."""
    return not outcome.accepted and not outcome.verdict.status.masked


def _confusion(outcomes: Sequence[AuditOutcome]) -> list[LabelCount]:
    counts = Counter((str(o.case.label), str(o.verdict.status)) for o in outcomes)
    return [LabelCount(label, status, n) for (label, status), n in sorted(counts.items())]


def _grouped(outcomes: Sequence[AuditOutcome], key: Callable[[AuditOutcome], str]) -> list[GroupRates]:
    groups: dict[str, list[AuditOutcome]] = {}
    for outcome in outcomes:
        groups.setdefault(key(outcome), []).append(outcome)
    return [
        GroupRates(name, len(group), false_accepts(group), false_rejects(group))
        for name, group in sorted(groups.items())
    ]


def _by_reason(outcomes: Sequence[AuditOutcome]) -> list[ReasonCount]:
    """The most frequent reasons: reasons that differ in their digits only are one."""
    counts: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for outcome in outcomes:
        reason = "".join("#" if c.isdigit() else c for c in outcome.verdict.reason[:120]) or "(none)"
        counts[reason] += 1
        wrong[reason] += wrongly_decided(outcome)
    return [ReasonCount(reason, n, wrong[reason]) for reason, n in counts.most_common(40)]


def _latency(seconds: Sequence[float]) -> Latency:
    def at(share: float) -> float | None:
        if not seconds:
            return None
        return round(1000 * seconds[min(len(seconds) - 1, int(share * len(seconds)))], 4)

    return Latency(at(0.5), at(0.99), at(1.0))


def _texts(outcome: AuditOutcome) -> dict[str, str]:
    """The fields of a CaseReport."""
    case = outcome.case
    return {
        "id": case.id,
        "source": case.source,
        "attack": case.attack,
        "convention": case.convention,
        "label": str(case.label),
        "gold": case.example.gold[-300:],
        "completion": case.completion.text[-300:],
        "status": str(outcome.verdict.status),
        "extracted": (outcome.verdict.extracted or "")[:300],
        "reason": outcome.verdict.reason[:300],
        "why": case.why[:300],
    }
