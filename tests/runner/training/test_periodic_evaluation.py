"""Evaluations during a run: the best model is kept whole, a run that doesn't improve ends early, overlap is told."""

import json
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rlvr.runner.generation.models import BEST
from rlvr.runner.process.processes import ALONE
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig
from rlvr.runner.training.periodic_evaluation import PeriodicEvaluation, best_of
from rlvr.runner.training.plan import RunContext
from rlvr.runner.training.stopping import Ending, StopFlag


class Model:
    """Saves the number of its step; a stand-in for trainer and tokenizer."""

    def __init__(self) -> None:
        self.state = SimpleNamespace(global_step=0)

    def save_model(self, path: str) -> None:
        Path(path).mkdir(parents=True, exist_ok=True)
        (Path(path) / "weights").write_text(str(self.state.global_step))

    def save_pretrained(self, path: Path) -> None:
        (path / "tokenizer").write_text("t")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "addition", "tiny", RunConfig(), {})


class Evaluations:
    """A run's evaluations, with what each step's finds."""

    def __init__(self, folder: RunFolder, accuracies: dict[int, float | None], **config: Any) -> None:
        self.trainer = Model()
        plan = SimpleNamespace(config=RunConfig(**config), eval_examples=[object()], tokenizer=self.trainer)
        self.stop = StopFlag()
        context = RunContext(plan, folder, None, None, ALONE, self.stop)  # type: ignore[arg-type]
        self.evaluation = PeriodicEvaluation(context)

        def evaluate(trainer: Model, name: str, title: str, step: int) -> None:
            summary = {"step": step, "strict": {"accuracy": accuracies[step]}}
            folder.eval.mkdir(exist_ok=True)
            folder.write_json(f"eval/{name}.json", summary)
            (folder.eval / f"{name}.jsonl").write_text("")
            if step:
                self.evaluation._keep_if_best(trainer, step, accuracies[step])

        self.evaluation._evaluate = evaluate  # type: ignore[method-assign]

    def before(self, again: bool = True) -> None:
        self.evaluation.before(self.trainer, again=again)

    def at(self, step: int) -> bool:
        """Whether the run ends after `step`."""
        self.trainer.state.global_step = step
        self.evaluation.maybe_evaluate(self.trainer)
        assert self.stop.ending in (None, Ending.DONE)
        return self.stop.ending is not None

    def after(self, step: int) -> None:
        self.trainer.state.global_step = step
        self.evaluation.after(self.trainer)


def kept(folder: RunFolder) -> tuple[str, dict[str, Any] | None]:
    assert sorted(path.name for path in (folder.path / BEST).iterdir()) == ["best.json", "tokenizer", "weights"]
    assert not [path for path in folder.path.iterdir() if path.name.startswith(f".{BEST}")]
    return (folder.path / BEST / "weights").read_text(), best_of(folder)


def test_the_best_model_is_kept_with_its_step(folder: RunFolder) -> None:
    made = Evaluations(folder, {0: 0.9, 2: 0.2, 4: 0.5, 6: 0.5, 8: 0.4, 10: 0.6}, eval_every=2, steps=100)
    assert best_of(folder) is None
    made.before()
    assert best_of(folder) is None  # an untrained model isn't the run's work
    for step in range(1, 9):
        made.at(step)
    assert kept(folder) == ("4", {"step": 4, "accuracy": 0.5})  # of equal ones the first
    made.at(10)
    assert kept(folder) == ("10", {"step": 10, "accuracy": 0.6})


def test_the_best_one_may_be_the_last(folder: RunFolder) -> None:
    made = Evaluations(folder, {2: 0.2, 3: 0.5}, eval_every=2, steps=3)
    made.at(2)
    made.at(3)  # the evaluation after the run is that step's
    made.after(3)
    assert kept(folder) == ("3", {"step": 3, "accuracy": 0.5})
    assert sorted(path.name for path in folder.eval.glob("*.json")) == ["after.json", "step-000002.json"]


def test_an_evaluation_of_failures_alone_says_nothing(folder: RunFolder) -> None:
    made = Evaluations(folder, {2: None, 4: 0.1, 6: None}, eval_every=2, steps=100)
    for step in (2, 4, 6):
        made.at(step)
    assert kept(folder) == ("4", {"step": 4, "accuracy": 0.1})


def test_a_kill_between_the_renames_loses_no_model(folder: RunFolder) -> None:
    made = Evaluations(folder, {2: 0.5, 4: 0.4, 6: 0.7}, eval_every=2, steps=100)
    made.at(2)
    (folder.path / BEST).replace(folder.path / f".{BEST}.old")
    (folder.path / f".{BEST}.new").mkdir()
    (folder.path / f".{BEST}.new/shard-of-another").write_text("")
    made.at(4)
    assert best_of(folder) == {"step": 2, "accuracy": 0.5}
    made.at(6)
    assert kept(folder) == ("6", {"step": 6, "accuracy": 0.7})


@pytest.mark.parametrize(
    ("accuracies", "early_stop", "ends"),
    [
        ([0.1, 0.2, 0.3, 0.4], 1, None),
        ([0.5, 0.4, 0.3, 0.6], 1, 2),
        ([0.5, 0.4, 0.3, 0.6], 2, 4),
        ([0.1, 0.3, 0.2, 0.25, 0.29, 0.9], 3, 8),
        ([0.1, 0.3, 0.3, 0.3], 2, 6),  # equal is not better
        ([0.5, 0.4, 0.3, 0.2], 0, None),
        ([0.1, None, 0.2, 0.15, 0.1], 2, 8),
        ([0.5, None, None, 0.6], 1, None),  # failures of ours say nothing,
    ],
)
def test_a_run_that_does_not_improve_ends_early(
    folder: RunFolder, accuracies: list[float | None], early_stop: int, ends: int | None
) -> None:
    found = {2 * number: accuracy for number, accuracy in enumerate(accuracies)}
    made = Evaluations(folder, found, eval_every=2, early_stop=early_stop, steps=100)
    made.before()
    assert next((step for step in range(1, max(found) + 1) if made.at(step)), None) == ends


def test_before_is_made_once(folder: RunFolder) -> None:
    made = Evaluations(folder, {0: 0.25}, steps=100)
    made.before(again=False)
    first = (folder.eval / "before.json").stat().st_mtime_ns
    made.before(again=False)
    assert (folder.eval / "before.json").stat().st_mtime_ns == first


def test_rewinding_drops_evaluations_of_later_steps(folder: RunFolder) -> None:
    made = Evaluations(folder, dict.fromkeys((0, 2, 4, 5), 0.1), eval_every=2, steps=100)
    made.before()
    for step in (2, 4):
        made.at(step)
    made.after(5)
    folder.rewind(3)
    assert sorted(path.name for path in folder.eval.iterdir()) == [
        "before.json", "before.jsonl", "step-000002.json", "step-000002.jsonl",
    ]  # fmt: skip
    assert [summary.at_step for summary in folder.evaluations()] == [0, 2]


# ---- with a real model


FLAGS = (
    "--prompts-per-step", "2", "--group-size", "2", "--eval-examples", "6", "--backend", "transformers",
    "--signal-check", "0",
)  # fmt: skip


@pytest.mark.train
def test_samples_give_pass_at_k_and_early_stop_ends_the_run(warm, tmp_path: Path) -> None:
    done = warm(
        "run", "addition", "--steps", "50", *FLAGS, "--learning-rate", "1e-9", "--eval-every", "2", "--early-stop", "2",
        "--eval-samples", "4", "--output", str(tmp_path), "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.iterdir()
    steps = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4]  # nothing is learnt: the evaluations at 2 and 4 are no better than that before
    assert (folder / "checkpoints/checkpoint-4/trainer_state.json").exists()
    found = RunFolder(folder).evaluations()
    assert [summary.at_step for summary in found] == [0, 2, 4, 4]
    for summary in found:
        assert summary.strict.questions == 6
        sampled = summary.sampled
        assert sampled is not None
        assert (sampled.samples, sampled.temperature) == (4, 1.0)
        assert set(sampled.accuracies.strict.pass_at_k) == {1, 2, 4}
    assert best_of(RunFolder(folder))["step"] == 2  # type: ignore[index]


@pytest.mark.train
def test_killed_after_an_early_stop_the_run_still_ends_there(warm, tmp_path: Path) -> None:
    done = warm(
        "run", "addition", "--steps", "50", *FLAGS, "--learning-rate", "1e-9", "--eval-every", "2", "--early-stop", "1",
        "--output", str(tmp_path), kill=("rlvr.runner.training.periodic_evaluation:PeriodicEvaluation.after", 1, "before"),
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    (folder,) = tmp_path.iterdir()
    assert warm("run", "--resume", str(folder)).returncode == 0
    assert [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()] == [1, 2]
    assert (folder / "eval/after.json").exists()


LEAKY = """
def generate(split, size, seed):
    for number in range(size):
        question = f"{number}+1"
        yield {"question": question, "answer": str(number + 1)}
"""


@pytest.mark.train
def test_evaluation_questions_that_training_shows_are_told_and_recorded(warm, tmp_path: Path) -> None:
    pack = tmp_path / "leaky"
    pack.mkdir()
    (pack / "task.toml").write_text(
        'name = "leaky"\ndescription = "Sums"\nlicense = "CC0-1.0"\n[data.generator]\nsizes = { train = 4, test = 6 }\n'
        '[prompt]\nstyle = "plain"\nquestion = "{question}="\n[verifier]\nname = "exact"\n[run]\nmodel = "tiny"\n'
    )
    (pack / "data.py").write_text(LEAKY)
    (pack / "fewshot.jsonl").write_text('{"question": "5+1", "completion": "6", "gold": "6"}\n')
    done = warm(
        "run", str(pack), "--steps", "1", *FLAGS, "--max-completion-length", "2", "--output", str(tmp_path / "runs")
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    known = RunFolder(folder).environment().table["contamination"]
    assert known["questions"] == 6
    assert len(known["equal"]) == 5  # four of the training data, one of the few-shot examples
    assert known["similar"] == {}
    assert "5 of 6 evaluation questions are in the training data or among the few-shot examples, such as" in " ".join(
        done.stderr.split()
    )
