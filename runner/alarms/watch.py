"""Turns conditions into alarms: one goes off when its condition has held long enough, once, until it has cleared.

The state follows from the rows alone, so a resumed run restores it by observing the old rows again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rlvr.runner.alarms import evidence
from rlvr.runner.alarms.detectors import AT_ONCE, CRITICAL, DETECTORS
from rlvr.runner.alarms.history import History, seen
from rlvr.runner.alarms.settings import AlarmSettings
from rlvr.verifiers.types import Rollout


@dataclass(frozen=True, slots=True)
class Alarm:
    """What was seen at a step and what to do, in one line; `rollouts` are (step, index in that step) of some that show it."""

    step: int
    name: str
    severity: str  # warning | critical
    message: str
    rollouts: tuple[tuple[int, int], ...] = ()

    @property
    def critical(self) -> bool:
        return self.severity == CRITICAL

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Alarms:
    """Watches one run."""

    def __init__(self, settings: AlarmSettings | None = None) -> None:
        self.settings = settings or AlarmSettings()
        self._history = History(self.settings.window)
        self._held: Counter[str] = Counter()  # steps in a row that a condition has held
        self._clear: Counter[str] = Counter()  # steps in a row that it hasn't, since its alarm
        self._raised: dict[str, str] = {}  # alarms that stand -> severity

    def observe(
        self,
        row: Mapping[str, Any],
        rollouts: Sequence[Rollout | Mapping[str, Any]] = (),
        evaluations: Iterable[Mapping[str, Any]] = (),
    ) -> list[Alarm]:
        """The alarms that go off at a step.

        `row` is its metrics, `rollouts` are its rollouts or their rows, and `evaluations` the summaries of those that
        were made (known ones may be given again; each is told apart by its `step`).
        """
        known = [seen(rollout, index) for index, rollout in enumerate(rollouts)]
        for evaluation in evaluations:
            self._history.evaluations[int(evaluation.get("step", 0))] = evaluation
        self._history.add(row, known, evidence.counts(known))
        found = [self._judge(name) for name in DETECTORS if name not in self.settings.off]
        return [alarm for alarm in found if alarm is not None]

    def _judge(self, name: str) -> Alarm | None:
        found = DETECTORS[name](self._history, self.settings)
        if found is None:
            self._held[name] = 0
            self._clear[name] += 1
            if self._clear[name] >= self.settings.persistence:
                self._raised.pop(name, None)
            return None
        self._held[name] += 1
        self._clear[name] = 0
        needed = 1 if name in AT_ONCE else self.settings.persistence
        if self._held[name] < needed or self._raised.get(name) in (found.severity, CRITICAL):
            return None
        self._raised[name] = found.severity
        return Alarm(self._history.step, name, found.severity, found.message, found.rollouts)


def replay(
    settings: AlarmSettings,
    rows: Iterable[Mapping[str, Any]],
    rollouts: Iterable[Mapping[str, Any]],
    evaluations: Iterable[Mapping[str, Any]],
) -> tuple[Alarms, list[Alarm]]:
    """What a run's folder says went off, and the watch as it stood after its last step: to go on from, or to judge a run
    with other thresholds."""
    by_step: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for rollout in rollouts:
        by_step[int(rollout["step"])].append(rollout)
    waiting = sorted(evaluations, key=lambda one: int(one.get("step", 0)))
    watch, found = Alarms(settings), []
    for row in rows:
        # An evaluation after step n was known from step n + 1 on.
        known = [one for one in waiting if int(one.get("step", 0)) < int(row["step"])]
        waiting = waiting[len(known) :]
        found += watch.observe(row, by_step.get(int(row["step"]), ()), known)
    return watch, found
