"""What becomes of each step's rollouts and metrics: the run's folder, the view, plugins, and the alarms that watch them."""

from typing import Any

from rlvr.runner.alarms import replay
from rlvr.runner.display.terminal_view import View
from rlvr.runner.evaluation.summary import Summary
from rlvr.runner.training.plan import RunContext
from rlvr.runner.training.stopping import Ending
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.types import Rollout


class Recorder:
    """The main process's. A critical alarm requests the run's end if on_alarm = stop."""

    def __init__(self, context: RunContext) -> None:
        folder, config = context.folder, context.plan.config
        self._folder, self._view, self._stop = folder, context.view, context.stop
        self._stop_on_alarm, self._shots = config.on_alarm == "stop", context.plan.shots
        self._rollouts: list[Rollout] = []
        rows, evaluations = folder.metrics(), folder.evaluations()
        self._alarms, _ = replay(config.alarms, rows, folder.rollouts(), evaluations)
        done = rows[-1]["step"] if rows else 0
        self._evaluations = [summary for summary in evaluations if summary.at_step == done]  # that are in no row yet

    def evaluation(self, summary: Summary) -> None:
        """The next row of metrics has its accuracy, and the alarms see it."""
        self._evaluations.append(summary)

    def rollouts(self, rollouts: list[Rollout]) -> None:
        """Those of one step, before its metrics."""
        self._rollouts = rollouts
        self._folder.add_rollouts(rollouts)
        self._view.rollouts(rollouts)
        observe("rollout_scored", self._view, [{"rollout": rollout} for rollout in rollouts])

    def metrics(self, row: dict[str, Any]) -> None:
        """Those of one finished step."""
        row["shots"] = self._shots.count(row["step"])
        for summary in self._evaluations:
            row["eval/accuracy"] = summary.strict.accuracy
        self._folder.add_metrics(row)
        self._view.metrics(row)
        observe("step_finished", self._view, [{"step": row["step"], "metrics": row}])
        for alarm in self._alarms.observe(row, self._rollouts, self._evaluations):
            self._folder.add_alarm(alarm)
            self._view.alarm(alarm)
            if self._stop_on_alarm and alarm.critical:
                self._stop.request(Ending.ALARM)
        self._evaluations = []


def observe(hook: str, view: View, calls: list[dict[str, Any]]) -> None:
    """Call plugins' observers of `hook` once with each of the arguments; one that fails is reported, and the run goes on."""
    caller = getattr(registry().manager.hook, hook)
    if not caller.get_hookimpls():
        return
    for arguments in calls:
        try:
            caller(**arguments)
        except Exception as error:  # noqa: BLE001 - an observer must not stop the run
            view.warn(f"a plugin's {hook} failed: {type(error).__name__}: {error}")
            return
