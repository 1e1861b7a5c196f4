"""A run in a few figures: what `rlvr run` shows at its end, and prints with --json."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rlvr.runner.alarms import Alarm
from rlvr.runner.evaluation.summary import KINDS, Accuracy, Kind, Summary
from rlvr.runner.run_folder.folder import RunFolder


@dataclass(frozen=True, slots=True)
class BeforeAndAfter:
    """Accuracy before and after training; None if it wasn't measured."""

    before: Accuracy | None
    after: Accuracy | None

    def as_json(self) -> dict[str, Any]:
        """As JSON values; what wasn't measured is left out."""
        sides = {"before": self.before, "after": self.after}
        return {when: accuracy.as_json() for when, accuracy in sides.items() if accuracy}


@dataclass(frozen=True, slots=True)
class RunResult:
    """`steps` were made, at `seconds_per_step` on average. Rewards are the means of the first and the last step."""

    accuracy: Mapping[Kind, BeforeAndAfter]
    steps: int = 0
    first_reward: float | None = None
    last_reward: float | None = None
    seconds_per_step: float = 0.0
    alarms: Sequence[Alarm] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        """Without steps and alarms if there were none."""
        table: dict[str, Any] = {"accuracy": {kind: both.as_json() for kind, both in self.accuracy.items()}}
        if self.steps:
            table["steps"] = self.steps
            table["reward"] = {"first": self.first_reward, "last": self.last_reward}
            table["seconds_per_step"] = self.seconds_per_step
        if self.alarms:
            table["alarms"] = [alarm.in_short() for alarm in self.alarms]
        return table


def before_and_after(before: Summary | None, after: Summary | None) -> dict[Kind, BeforeAndAfter]:
    """The accuracies of two evaluations, of each kind that one of them has."""
    accuracies = {
        kind: BeforeAndAfter(before.of(kind) if before else None, after.of(kind) if after else None) for kind in KINDS
    }
    return {kind: both for kind, both in accuracies.items() if both.before or both.after}


def result(folder: RunFolder) -> RunResult:
    """The figures of a run as it is now. Raises ConfigError for a file that can't be read."""
    accuracy = before_and_after(folder.evaluation("before"), folder.evaluation("after"))
    metrics, alarms = folder.metrics(), folder.alarms()
    if not metrics:
        return RunResult(accuracy, alarms=alarms)
    seconds = sum(row.get("time/step") or 0.0 for row in metrics) / len(metrics)
    return RunResult(
        accuracy, int(metrics[-1]["step"]), metrics[0].get("reward"), metrics[-1].get("reward"), seconds, alarms
    )
