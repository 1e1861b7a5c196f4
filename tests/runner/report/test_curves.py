"""The curves of a page: which metrics are drawn, and how a step's time is shared."""

import math

import pytest

from rlvr.runner.evaluation.summary import Accuracies, Accuracy, Summary
from rlvr.runner.report.curves import accuracy_chart, curves, is_number, series, time_split


def summary(step: int, strict: float | None, lenient: float | None = None) -> Summary:
    accuracies = Accuracies(
        Accuracy(9, strict, (0.1, 0.9)), None if lenient is None else Accuracy(9, lenient, (0.2, 0.8))
    )
    return Summary(questions=9, samples=1, accuracies=accuracies, step=step)


def test_series_leave_out_what_is_no_number() -> None:
    rows = [{"step": 1, "a": 1.0}, {"step": 2, "a": math.nan}, {"step": 3, "a": None}, {"step": 4, "a": 2}]
    (line,) = series(rows, [("a", "shown"), ("nowhere", "not shown")])
    assert (line.label, line.points) == ("shown", [(1.0, 1.0), (4.0, 2.0)])


def test_series_by_prefix() -> None:
    rows = [{"step": 1, "parts/x": 1.0, "parts/y": 2.0, "z": 3.0}]
    assert [line.label for line in series(rows, "parts/")] == ["x", "y"]
    assert [line.interval for line in series(rows, "parts/")] == [False, False]
    assert [line.interval for line in series(rows, [("z", "alone")])] == [True]
    assert [line.interval for line in series(rows, [("z", "alone")], intervals=False)] == [False]


def test_accuracy_of_one_run_is_strict_and_lenient_of_several_strict() -> None:
    evaluations = [summary(0, 0.2, 0.4), summary(5, None, 0.5), summary(9, 0.6, 0.7)]
    alone = accuracy_chart("accuracy", {"": evaluations})
    assert ">strict</span>" in alone
    assert ">lenient</span>" in alone
    assert alone.count("<circle") == 2 + 3  # without the one that has no verdict
    both = accuracy_chart("accuracy", {"A": evaluations, "<B>": evaluations[:1]})
    assert ">A</span>" in both
    assert ">&lt;B&gt;</span>" in both
    assert "lenient" not in both
    assert accuracy_chart("accuracy", {"": []}) == ""


@pytest.mark.parametrize(("value", "drawn"), [(0.0, False), (0.5, True)])
def test_a_metric_that_is_always_zero_may_have_no_chart(value: float, drawn: bool) -> None:
    page = curves([{"step": step, "kl": value, "entropy": 0.0} for step in (1, 2)], [])
    assert ("distance from the reference model" in page) == drawn
    assert "entropy" in page


def test_how_a_steps_time_is_shared() -> None:
    rows = [
        {"step": step, "time/step": 9.0, "time/generate": 3.0, "time/<b>": 1.0, "time/none": 0.0} for step in (1, 2)
    ]
    text = time_split(rows)
    assert "generate 75.0% (3 s a step)" in text
    assert "&lt;b&gt; 25.0% (1 s a step)" in text
    assert "none" not in text
    assert time_split([{"step": 1}]) == ""


@pytest.mark.parametrize(
    ("value", "yes"), [(1, True), (0.5, True), (math.inf, False), (None, False), (True, False), ("1", False)]
)
def test_is_number(value: object, yes: bool) -> None:
    assert is_number(value) is yes
