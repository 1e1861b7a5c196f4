"""A run evaluates, trains and evaluates again, in this order, and ends for the right reason."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("trl")

from rlvr.runner.display.terminal_view import View
from rlvr.runner.process.processes import ALONE
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig
from rlvr.runner.training import run as running
from rlvr.runner.training.periodic_evaluation import PeriodicEvaluation
from rlvr.runner.training.plan import Plan, RunContext
from rlvr.runner.training.stopping import Ending

pytestmark = pytest.mark.train


class Trainer:
    """Writes down what it is asked for; while it trains, `stop` is requested."""

    def __init__(self, context: RunContext, events: list[str], stop: Ending | None) -> None:
        self.context, self.events, self.stop = context, events, stop
        self.state = SimpleNamespace(global_step=0)
        self.worker = SimpleNamespace(restore=lambda checkpoint: events.append(f"restore {checkpoint.name}"))

    def start_clock(self) -> None:
        pass

    def load(self, checkpoint: Path) -> None:
        self.events.append(f"load {checkpoint.name}")

    def train(self, resume_from_checkpoint: str | None) -> None:
        self.events.append("train" if resume_from_checkpoint is None else "train on")
        if self.stop:
            self.context.stop.request(self.stop)


@pytest.fixture
def plan() -> Plan:
    config = RunConfig(steps=4, eval_every=2, early_stop=1)
    model = SimpleNamespace(name="m", origin="o")
    return SimpleNamespace(config=config, backend="transformers", model=model, shots=None)  # type: ignore[return-value]


@pytest.fixture
def carry_out(monkeypatch: pytest.MonkeyPatch, plan: Plan, tmp_path: Path) -> Any:
    """(ending, events) of a run; `done` is the step of its last checkpoint, `best` how many evaluations ago it was best."""

    def call(stop: Ending | None = None, done: int | None = None, best: int = 0, final: bool = False) -> Any:
        events: list[str] = []
        folder = RunFolder.create(tmp_path, "sums", "m", plan.config, {})
        checkpoint = folder.checkpoints / f"checkpoint-{done}" if done is not None else None
        monkeypatch.setattr(running.models, "load_for_training", lambda *_, **__: None)
        monkeypatch.setattr(running.models, "is_tiny", lambda _: False)
        monkeypatch.setattr(running, "_trainer", lambda context, *_: Trainer(context, events, stop))
        monkeypatch.setattr(running, "check_signal", lambda *_, force: events.append("forced" if force else "check"))
        monkeypatch.setattr(PeriodicEvaluation, "_evaluate", lambda self, trainer, name, *_: events.append(name))
        monkeypatch.setattr("rlvr.runner.training.periodic_evaluation.evaluations_since_best", lambda _: best)
        monkeypatch.setattr(RunFolder, "last_checkpoint", lambda _: checkpoint)
        monkeypatch.setattr(RunFolder, "evaluated", lambda _, name: name == "before" or final)
        monkeypatch.setattr(RunFolder, "finish", lambda _: events.append("finish"))
        ending = running.run(plan, folder, View(quiet=True), resume=done is not None, processes=ALONE)
        return ending, events

    return call


def test_evaluate_train_evaluate(carry_out: Any) -> None:
    assert carry_out() == (Ending.DONE, ["check", "before", "train", "after", "finish"])


@pytest.mark.parametrize("ending", [Ending.DONE, Ending.ALARM])
def test_a_run_that_stops_early_is_evaluated(carry_out: Any, ending: Ending) -> None:
    assert carry_out(stop=ending) == (ending, ["check", "before", "train", "after", "finish"])


def test_an_interrupted_run_is_left_to_be_resumed(carry_out: Any) -> None:
    assert carry_out(stop=Ending.INTERRUPTED) == (Ending.INTERRUPTED, ["check", "before", "train"])


@pytest.mark.parametrize(
    ("given", "does"),
    [
        ({"done": 2}, "train on"),
        ({"done": 4}, "load checkpoint-4"),  # killed between the last step and the last evaluation
        ({"done": 2, "best": 1}, "load checkpoint-2"),  # the same, after an early stop
        ({"done": 2, "best": 1, "final": True}, "train on"),  # ended early, and was given more steps
    ],
)
def test_a_resumed_run_goes_on_from_its_checkpoint(carry_out: Any, given: dict[str, Any], does: str) -> None:
    restored = f"restore checkpoint-{given['done']}"
    assert carry_out(**given) == (Ending.DONE, [restored, does, "after", "finish"])


def test_without_early_stop_evaluations_end_nothing(carry_out: Any, plan: Plan) -> None:
    plan.config = plan.config.model_copy(update={"early_stop": 0})  # type: ignore[misc]
    assert carry_out(done=2, best=5)[1] == ["restore checkpoint-2", "train on", "after", "finish"]
