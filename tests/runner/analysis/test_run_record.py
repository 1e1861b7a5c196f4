"""A run folder as it is compared: which evaluations count, and answers that were kept or not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rlvr.errors import ConfigError
from rlvr.runner.analysis.run_record import open_runs

Run = Callable[..., Path]


def test_a_whole_run(evaluated_run: Run) -> None:
    first, other = open_runs([evaluated_run(), evaluated_run(seed=1, reward="random")])
    assert (first.name, first.pack, first.steps, first.finished) == ("A", "sums", 10, True)
    assert (first.control_reward, other.control_reward) == ("", "random")
    assert first.before is not None
    assert first.last is not None
    assert (first.before.at_step, first.last.at_step) == (0, 10)
    assert len(first.answers(first.last, "strict")) == 200
    assert first.answers(first.last, "strict") is first.answers(first.last, "strict")  # read once
    assert first.answers(None, "strict") == {}
    assert {name for name in first.settings if first.settings[name] != other.settings[name]} == {"seed", "reward"}


def test_a_run_that_goes_on_counts_with_its_latest_evaluation(evaluated_run: Run) -> None:
    run, _ = open_runs([evaluated_run(steps=5, name="step-000005"), evaluated_run(seed=1)])
    assert run.last is not None
    assert (run.last.at_step, run.steps, run.finished) == (5, 5, False)


def test_a_run_without_evaluations(evaluated_run: Run) -> None:
    run, _ = open_runs([evaluated_run(before=None, after=None), evaluated_run(seed=1)])
    assert (run.before, run.last) == (None, None)


def test_a_run_that_was_only_evaluated_before(evaluated_run: Run) -> None:
    run, _ = open_runs([evaluated_run(after=None), evaluated_run(seed=1)])
    assert run.before is not None
    assert run.last is None


def test_answers_that_were_deleted(evaluated_run: Run) -> None:
    path = evaluated_run()
    (path / "eval" / "after.jsonl").unlink()
    run, _ = open_runs([path, evaluated_run(seed=1)])
    assert run.answers(run.last, "strict") == {}
    assert run.answers(run.before, "strict")


def test_names_go_on_after_z(evaluated_run: Run, tmp_path: Path) -> None:
    paths = [evaluated_run(tmp_path / str(number), before=None, after=None, steps=0) for number in range(28)]
    assert [run.name for run in open_runs(paths)][24:] == ["Y", "Z", "R27", "R28"]


@pytest.mark.parametrize("count", [0, 1])
def test_one_run_is_not_enough(evaluated_run: Run, count: int) -> None:
    with pytest.raises(ConfigError, match="name at least two run folders"):
        open_runs([evaluated_run() for _ in range(count)])
