"""What becomes of a step: the folder, the view, plugins and alarms get it; an evaluation is in the next row."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rlvr.runner.alarms import AlarmSettings
from rlvr.runner.display.terminal_view import View
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig
from rlvr.runner.training.recorder import Recorder, observe
from rlvr.runner.training.stopping import Ending, StopFlag
from rlvr.verifiers.plugins.hookspecs import hookimpl
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict


class Plugin:
    """Observes, or fails."""

    def __init__(self, fails: bool = False) -> None:
        self.fails, self.steps, self.rollouts = fails, list[int](), list[Rollout]()

    @hookimpl
    def step_finished(self, step: int, metrics: Mapping[str, float]) -> None:
        if self.fails:
            raise RuntimeError("observer")
        self.steps.append(step)

    @hookimpl
    def rollout_scored(self, rollout: Rollout) -> None:
        self.rollouts.append(rollout)


@pytest.fixture
def plugin(request: pytest.FixtureRequest) -> Iterator[Plugin]:
    observer = Plugin(getattr(request, "param", False))
    registry().manager.register(observer)
    yield observer
    registry().manager.unregister(observer)


def context(tmp_path: Path, **settings: Any) -> Any:
    config = RunConfig(steps=100, **settings)
    folder = RunFolder.create(tmp_path, "sums", "tiny", config, {})
    plan = SimpleNamespace(config=config, shots=SimpleNamespace(count=lambda step: 2))
    return SimpleNamespace(folder=folder, plan=plan, view=View(quiet=True), stop=StopFlag())


def rollout(step: int) -> Rollout:
    verdict = Verdict(Status.CORRECT, 1.0, "2")
    return Rollout(Example("1", "1+1", "2"), "1+1=", Completion("2"), verdict, Reward(1.0), 0.5, 0, step)


def summary(accuracy: float, at_step: int) -> Any:
    return SimpleNamespace(strict=SimpleNamespace(accuracy=accuracy, interval=(0.0, 1.0)), at_step=at_step)


def test_a_step_is_in_the_folder_and_with_the_plugins(tmp_path: Path, plugin: Plugin) -> None:
    run = context(tmp_path)
    recorder = Recorder(run)
    recorder.rollouts([rollout(1)])
    recorder.metrics({"step": 1, "reward": 1.0})
    assert [(row["step"], row["reward"], row["shots"]) for row in run.folder.metrics()] == [(1, 1.0, 2)]
    assert [one.step for one in run.folder.rollouts()] == [1]
    assert plugin.steps == [1]
    assert [one.completion.text for one in plugin.rollouts] == ["2"]


def test_an_evaluation_is_in_the_next_row_only(tmp_path: Path) -> None:
    run = context(tmp_path)
    recorder = Recorder(run)
    recorder.evaluation(summary(0.25, 0))
    recorder.metrics({"step": 1})
    recorder.metrics({"step": 2})
    assert [row.get("eval/accuracy") for row in run.folder.metrics()] == [0.25, None]


@pytest.mark.parametrize(("on_alarm", "ending"), [("stop", Ending.ALARM), ("warn", None)])
def test_a_critical_alarm_ends_the_run_if_it_is_asked_to(tmp_path: Path, on_alarm: str, ending: Ending | None) -> None:
    run = context(tmp_path, on_alarm=on_alarm, alarms=AlarmSettings())
    recorder = Recorder(run)
    for step in range(1, 4):
        recorder.metrics({"step": step, "reward": float("nan"), "loss": float("nan")})
    assert any(alarm.critical for alarm in run.folder.alarms())
    assert run.stop.ending is ending


@pytest.mark.parametrize("plugin", [True], indirect=True)
def test_observers_of_plugins_cannot_stop_a_run(plugin: Plugin, capsys: pytest.CaptureFixture[str]) -> None:
    observe("step_finished", View(), [{"step": 1, "metrics": {}}])
    assert "a plugin's step_finished failed: RuntimeError: observer" in capsys.readouterr().err
