"""What people see: plain lines without a terminal, a panel with one, and nothing that a model writes steers it."""

import io
from typing import Any

import pytest
from rich.console import Console

from rlvr.runner.alarms import Alarm, Severity
from rlvr.runner.display.terminal_view import View, evaluation_table
from rlvr.runner.evaluation.summary import Accuracies, Accuracy, Summary
from rlvr.runner.run_folder.result import BeforeAndAfter, RunResult
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict

ROW = {"step": 1, "reward": 0.5, "reward_std": 0.1, "verdicts/correct": 0.5, "verdicts/error": 0.1, "time/step": 1.5}


def view(terminal: bool = False, quiet: bool = False) -> tuple[View, io.StringIO]:
    made, file = View(quiet), io.StringIO()
    made.console = Console(file=file, force_terminal=terminal, width=80, highlight=False, color_system=None)
    return made, file


def rollout(text: str, value: float | None = 1.0, group: int = 0, status: str = "correct") -> Rollout:
    verdict = Verdict(Status(status), float(status == "correct"), text, "so")
    return Rollout(Example("1", "q", "gold"), "p", Completion(text), verdict, Reward(value), None, group, 1)


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
    made.console.print(evaluation_table("before", Summary.from_json(summary)))
    shown = file.getvalue()
    assert "accuracy before: 3 questions, 0 shots\n" in shown
    for text in (
        "[b]",
        "50.0% [20.0%, 80.0%]",
        "no verdict",
        "pass@2",
        "2 verdicts are infrastructure errors and left out",
    ):
        assert text in shown


def test_the_outcome() -> None:
    made, file = view()
    made.outcome(RunResult({}))
    assert file.getvalue() == ""
    made.outcome(RunResult({"strict": BeforeAndAfter(Accuracy(3, 0.5, (0.2, 0.8)), None)}))
    assert "50.0% [20.0%, 80.0%]" in file.getvalue()


FULL = ROW | {
    "verdicts/correct": 0.4, "verdicts/incorrect": 0.5, "shadow/disagreement": 0.25, "reward_parts/verdict": 0.4,
    "reward_parts/format": 0.1, "time/generate": 2.0, "time/verify": 0.5, "time/wait": 0.01, "time/update": 1.0,
    "time/sync": 0.25, "tokens/generated": 1000.0, "tokens/per_useful": 2.5, "category/a [b]/pass_rate": 0.75,
    "category/c\x1b/pass_rate": 0.25,
}  # fmt: skip


def test_the_panel_shows_what_a_step_was() -> None:
    made, file = view(terminal=True)
    made.console = Console(file=file, force_terminal=True, width=120, height=50, highlight=False, color_system=None)
    made.start(10, 0)
    made.evaluation("before", summary_of(0.25), [])
    made.evaluation("after step 5", summary_of(0.5), [])
    made.rollouts([rollout(f"text {group}-{i}", group=group) for group in range(4) for i in range(2)])
    made.metrics(FULL)
    made.alarm(Alarm(1, "entropy", Severity.CRITICAL, "exploration ends\x1b[2J"))
    made.stop()
    last = file.getvalue().rpartition("╭")[2]
    for text in (
        "critical: entropy at step 1: exploration ends\N{REPLACEMENT CHARACTER}[2J",
        "before 25.0% → step 5 50.0%",
        "a [b] 75%",
        "c\N{REPLACEMENT CHARACTER} 25%",
        "wait 0.01 s",
        "500 tokens/s",
        "2.5 tokens per useful one",
        "the shadow verifier disagrees on 25%",
        "format  ████████ ",
        "text 0-0",
        "text 1-0",
        "text 2-0",
    ):
        assert text in last
    assert "text 0-1" not in last  # three of different groups


def summary_of(accuracy: float | None) -> Summary:
    return Summary(
        questions=3, samples=1, accuracies=Accuracies(Accuracy(3, accuracy, (0.2, 0.8))), shots=0,
        statuses=dict.fromkeys(Status, 1), tokens_per_second=12.5,
    )  # fmt: skip


def test_an_alarm_is_a_line_without_a_terminal() -> None:
    made, file = view()
    made.alarm(Alarm(3, "echo", Severity.WARNING, "30% [red]repeat"))
    assert file.getvalue() == "warning: echo at step 3: 30% [red]repeat\n"


def test_a_bar_within_the_panel() -> None:
    # An evaluation during training has its own bar while the panel is alive.
    made, file = view(terminal=True)
    made.start(10, 0)
    with made.progress("accuracy after step 5", 3) as advance:
        advance(3)
    made.evaluation("after step 5", summary_of(None), [])
    made.metrics(FULL)
    made.stop()
    assert "accuracy after step 5" in file.getvalue()
    assert "no verdict" in file.getvalue()
