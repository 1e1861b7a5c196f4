"""Gains with intervals, paired if the same questions were asked, and clear words on what can't be said."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rlvr.errors import ConfigError
from rlvr.runner.analysis.compare import between_gains, gain, in_words
from rlvr.runner.analysis.differences import independent
from rlvr.runner.analysis.run_record import open_runs

QUESTIONS = 200


def test_equal_gains_do_not_differ(evaluated_run: Callable[..., Path]) -> None:
    runs = open_runs(
        [evaluated_run(before=0.2, after=0.5), evaluated_run(before=0.2, after=0.5, reward="random", seed=2)]
    )
    both = between_gains(*runs, "strict")
    assert both is not None
    assert not both.apart
    assert in_words(*runs).endswith("the gains don't differ significantly: the verifier may have taught nothing.")


def test_pairing_makes_the_interval_narrower(evaluated_run: Callable[..., Path]) -> None:
    (both, _) = open_runs([evaluated_run(), evaluated_run(seed=1)])
    found = gain(both, "strict")
    assert found is not None
    assert found.paired
    before, after = both.before, both.last
    assert before is not None
    assert after is not None
    assert after.strict.accuracy is not None
    assert before.strict.accuracy is not None
    alone = independent(
        after.strict.accuracy, after.strict.interval, before.strict.accuracy, before.strict.interval, QUESTIONS
    )
    assert found.value == pytest.approx(alone.value)
    assert found.high - found.low < alone.high - alone.low


def test_verdicts_of_ours_that_failed_leave_the_rest_paired(evaluated_run: Callable[..., Path]) -> None:
    runs = open_runs([evaluated_run(error=0.02), evaluated_run(seed=1, error=0.02)])
    both = between_gains(*runs, "strict")
    assert both is not None
    assert both.paired
    assert 0.85 * QUESTIONS < both.questions < QUESTIONS


def test_a_changed_file_of_answers(evaluated_run: Callable[..., Path]) -> None:
    path = evaluated_run()
    (path / "eval" / "after.jsonl").write_text('{"nothing": 1}\n')
    runs = open_runs([path, evaluated_run(seed=1)])
    with pytest.raises(ConfigError, match=r"after\.jsonl:1: no verdict of a question"):
        gain(runs[0], "strict")


def test_answers_that_were_not_kept(evaluated_run: Callable[..., Path]) -> None:
    path = evaluated_run()
    (path / "eval" / "after.jsonl").unlink()
    found = gain(open_runs([path, evaluated_run(seed=1)])[0], "strict")
    assert found is not None
    assert not found.paired
