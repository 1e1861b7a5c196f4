"""What people see: plain lines without a terminal, a panel with one, and nothing that a model writes steers it."""

import io
from typing import Any

import pytest
from rich.console import Console

from rlvr.runner.live import View, evaluation_table, rollout_lines
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict

ROW = {"step": 1, "reward": 0.5, "reward_std": 0.1, "verdicts/correct": 0.5, "verdicts/error": 0.1, "time/step": 1.5}


def view(terminal: bool = False, quiet: bool = False) -> tuple[View, io.StringIO]:
    made, file = View(quiet), io.StringIO()
    made.console = Console(file=file, force_terminal=terminal, width=80, highlight=False, color_system=None)
    return made, file


def rollout(text: str, value: float | None = 1.0) -> Rollout:
    verdict = Verdict(Status.CORRECT, 1.0, text, "so")
    return Rollout(Example("1", "q", "gold"), "p", Completion(text), verdict, Reward(value), None, 0, 1)


def test_lines_are_not_broken_and_markup_is_text() -> None:
    made, file = view()
    made.say("run folder: /" + "x" * 100 + " [red]")
    made.warn("careful")
    assert file.getvalue() == "run folder: /" + "x" * 100 + " [red]\nwarning: careful\n"


def test_quiet() -> None:
    made, file = view(quiet=True)
    made.say("nothing")
    made.warn("this")
    assert file.getvalue() == "warning: this\n"


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("row", [ROW, {"step": 1}, ROW | {"reward": float("nan")}, ROW | {"reward": None}])
def test_a_step(terminal: bool, row: dict[str, Any]) -> None:
    made, file = view(terminal)
    made.start(10, 0)
    for step in (1, 2, 3):
        made.rollouts([rollout("#### 4")])
        made.metrics({**row, "step": step})
    made.stop()
    assert ("GRPO" if terminal else "step 3/10") in file.getvalue()


def test_nothing_that_a_model_writes_steers_the_terminal() -> None:
    lines = rollout_lines([rollout("a\x1b[2Jb\x07\n[red]c\u202e"), rollout("x" * 200, None)])
    assert "a�[2Jb� [red]c�" in lines[0].plain
    assert "\x1b" not in lines[0].plain
    assert "masked" in lines[1].plain


def test_an_evaluation() -> None:
    figures = {
        "questions": 3,
        "accuracy": 0.5,
        "interval": [0.2, 0.8],
        "pass_at_k": {"2": {"value": 0.7, "interval": [0.5, 1]}},
    }
    summary = {
        "questions": 3, "shots": 0, "strict": figures, "lenient": {**figures, "accuracy": None},
        "categories": {"": {"strict": figures}, "[b]": {"strict": figures}}, "tokens_per_second": 12.5, "truncated": 0.0,
        "statuses": {str(status): 1 for status in Status},
    }  # fmt: skip
    made, file = view()
    made.console.print(evaluation_table("before", summary))
    shown = file.getvalue()
    assert "accuracy before: 3 questions, 0 shots\n" in shown
    for text in ("[b]", "50.0% [20.0%, 80.0%]", "no verdict", "pass@2", "2 verdicts are failures of ours and left out"):
        assert text in shown


def test_the_outcome() -> None:
    made, file = view()
    figures = {"accuracy": 0.5, "interval": [0.2, 0.8]}
    made.outcome({"accuracy": {}})
    assert file.getvalue() == ""
    made.outcome({"accuracy": {"strict": {"before": figures}}})
    assert "50.0% [20.0%, 80.0%]" in file.getvalue()
