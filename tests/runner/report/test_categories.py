"""The categories of a report: held-out accuracy side by side, and means over the last steps of training."""

import pytest

from rlvr.runner.evaluation.summary import Accuracies, Accuracy, Summary
from rlvr.runner.report.categories import categories, training_categories


def summary(**accuracy: float) -> Summary:
    by_category = {name: Accuracies(Accuracy(7, value, (0.1, 0.9))) for name, value in accuracy.items()}
    return Summary(questions=7, samples=1, accuracies=Accuracies(Accuracy(7, 0.5)), categories=by_category)


def row(step: int, **figures: float) -> dict[str, float]:
    return {
        "step": step,
        "category/a/b/share": 0.5,
        **{f"category/a/b/{name}": value for name, value in figures.items()},
    }


def test_means_over_the_last_tenth_of_the_steps() -> None:
    rows = [row(step, pass_rate=0.0) for step in range(1, 19)] + [row(19, pass_rate=0.5), row(20, pass_rate=1.0)]
    assert training_categories(rows) == {"a/b": {"share": 0.5, "pass_rate": 0.75}}
    assert training_categories([]) == {}


def test_a_category_that_the_last_steps_did_not_ask() -> None:
    rows = [row(1, pass_rate=0.5), *({"step": step} for step in range(2, 30))]
    assert training_categories(rows) == {"a/b": {}}
    assert "a/b" in categories(None, None, rows)


def test_held_out_accuracy_side_by_side() -> None:
    text = categories(summary(x=0.2, y=0.4), summary(x=0.6), [])
    assert "<th>strict before</th><th>strict after</th>" in text
    assert "<tr><th>x</th><td>7</td><td>20.0% <small>[10.0%, 90.0%]</small></td><td>60.0% " in text
    assert "<tr><th>y</th><td>7</td><td>40.0% <small>[10.0%, 90.0%]</small></td><td>–</td></tr>" in text


@pytest.mark.parametrize(("before", "after"), [(None, None), (summary(x=0.2), summary(x=0.4))])
def test_one_category_is_no_section(before: Summary | None, after: Summary | None) -> None:
    assert categories(before, after, [{"step": 1}]) == ""


def test_names_and_statuses_are_text() -> None:
    rows = [
        {
            "step": 1,
            "category/<i>/share": 1.0,
            "category/<i>/verdicts/correct": 0.5,
            "category/<i>/verdicts/error": 0.001,
        }
    ]
    text = categories(None, None, rows)
    assert "&lt;i&gt;" in text
    assert "<i>" not in text
    assert "correct 50%" in text
    assert "error 0%" not in text
