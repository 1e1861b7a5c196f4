"""Turns conditions into alarms: one goes off when its condition has held long enough, once, until it has cleared.

The state follows from the rows alone, so a resumed run restores it by observing the old rows again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rlvr.runner.alarms import evidence
from rlvr.runner.alarms.detectors import AT_ONCE, DETECTORS
from rlvr.runner.alarms.finding import Place, Severity
from rlvr.runner.alarms.history import History, view_of
from rlvr.runner.alarms.settings import AlarmSettings
from rlvr.runner.evaluation.summary import Summary
from rlvr.verifiers.types import Rollout


@dataclass(frozen=True, slots=True)
class Alarm:
    """What was seen at a step and what to do, in one line; `rollouts` are some that show it."""

    step: int
    name: str
    severity: Severity
    message: str
    rollouts: tuple[Place, ...] = ()

    @property
    def critical(self) -> bool:
        """Whether it stops a run with on_alarm = "stop"."""
        return self.severity is Severity.CRITICAL

    def as_json(self) -> dict[str, Any]:
        """Its line in alarms.jsonl."""
        return asdict(self)

    def in_short(self) -> dict[str, Any]:
        """Step, name and severity, for summaries of a run."""
        return {"step": self.step, "name": self.name, "severity": str(self.severity)}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Alarm":
        """The inverse of `as_json`. Raises ValueError for a severity that isn't one."""
        rollouts = tuple((int(step), int(index)) for step, index in row["rollouts"])
        return cls(row["step"], row["name"], Severity(row["severity"]), row["message"], rollouts)


class Alarms:
    """Watches one run."""

    def __init__(self, settings: AlarmSettings | None = None) -> None:
        self.settings = settings or AlarmSettings()
        self._history = History(self.settings.window)
        self._held: Counter[str] = Counter()  # steps in a row that a condition has held
        self._clear: Counter[str] = Counter()  # steps in a row that it hasn't, since its alarm
        self._raised: dict[str, Severity] = {}  # alarms whose condition hasn't cleared

    def observe(
        self, row: Mapping[str, Any], rollouts: Sequence[Rollout] = (), evaluations: Iterable[Summary] = ()
    ) -> list[Alarm]:
        """The alarms that go off at a step.

        `row` is its metrics, `rollouts` are its rollouts in the order in which the run's folder has them, and
        `evaluations` are those that were made; known ones may be given again, since each is told apart by its step.
        """
        views = [view_of(rollout, index) for index, rollout in enumerate(rollouts)]
        self._history.add_evaluations(evaluations)
        self._history.add(row, views, evidence.counts(views))
        alarms = [self._judge(name) for name in DETECTORS if name not in self.settings.off]
        return [alarm for alarm in alarms if alarm is not None]

    def _judge(self, name: str) -> Alarm | None:
        finding = DETECTORS[name](self._history, self.settings)
        if finding is None:
            self._held[name] = 0
            self._clear[name] += 1
            if self._clear[name] >= self.settings.persistence:
                self._raised.pop(name, None)
            return None
        self._held[name] += 1
        self._clear[name] = 0
        needed = 1 if name in AT_ONCE else self.settings.persistence
        if self._held[name] < needed or self._raised.get(name) in (finding.severity, Severity.CRITICAL):
            return None
        self._raised[name] = finding.severity
        return Alarm(self._history.step, name, finding.severity, finding.message, finding.rollouts)


def replay(
    settings: AlarmSettings,
    rows: Iterable[Mapping[str, Any]],
    rollouts: Iterable[Rollout],
    evaluations: Iterable[Summary],
) -> tuple[Alarms, list[Alarm]]:
    """What goes off in a run that was logged: to go on from its last step, or to judge it with other thresholds.

    Returns the watch as it is after the last of `rows` (the metrics by step), and its alarms.
    """
    by_step: dict[int, list[Rollout]] = defaultdict(list)
    for rollout in rollouts:
        by_step[rollout.step].append(rollout)
    waiting = sorted(evaluations, key=lambda summary: summary.at_step)
    watch, alarms = Alarms(settings), []
    for row in rows:
        # An evaluation after step n was known from step n + 1 on.
        known = [summary for summary in waiting if summary.at_step < int(row["step"])]
        waiting = waiting[len(known) :]
        alarms += watch.observe(row, by_step.get(int(row["step"]), ()), known)
    return watch, alarms
