"""What people see of a run: a live panel on a terminal, plain lines elsewhere. Everything goes to stderr."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from rlvr.runner.alarms import Alarm
from rlvr.runner.display import panel
from rlvr.runner.display.panel import SHOWN_ROLLOUTS, answer_line
from rlvr.runner.evaluation.answers import Answered
from rlvr.runner.evaluation.summary import Summary
from rlvr.runner.run_folder.result import RunResult
from rlvr.verifiers.types import Rollout, Status


class View:
    """Prints to stderr; `quiet` leaves out all but warnings and results."""

    def __init__(self, quiet: bool = False) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.quiet = quiet
        self._live: Live | None = None
        self._progress: Progress | None = None
        self._rollouts: Sequence[Rollout] = ()
        self._rewards: list[float] = []
        self._row: Mapping[str, Any] = {}
        self._evaluations: list[tuple[str, float]] = []  # (when, strict accuracy)
        self._alarms: list[Alarm] = []

    def say(self, text: str) -> None:
        """Print a line, unless quiet."""
        if not self.quiet:
            self.console.print(Text(text), soft_wrap=True)

    def warn(self, text: str) -> None:
        """Print a warning, also if quiet."""
        self.console.print(Text(f"warning: {text}", style="bold yellow"), soft_wrap=True)

    # ---- training

    def callback(self, steps: int) -> Any:
        """A TrainerCallback that opens and closes the live panel around training."""
        from transformers import TrainerCallback

        view = self

        class Panels(TrainerCallback):  # type: ignore[misc]
            def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                view.start(steps, state.global_step)

            def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                view.stop()

        return Panels()

    def start(self, steps: int, done: int) -> None:
        """Begin to show a run of so many steps, of which `done` are made."""
        self._progress = _progress_bar(self.console, "steps")
        self._task = self._progress.add_task("training", total=steps, completed=done)
        self._steps = steps
        if self.console.is_terminal and not self.quiet:
            self._live = Live(console=self.console, refresh_per_second=4)
            self._live.start()
            self._refresh()

    def stop(self) -> None:
        """Close the panel."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def rollouts(self, rollouts: Sequence[Rollout]) -> None:
        """The rollouts of the step that is being made; the panel shows some with its metrics."""
        self._rollouts = rollouts

    def metrics(self, row: Mapping[str, Any]) -> None:
        """Show one finished step."""
        reward = row.get("reward") or 0.0
        self._rewards.append(reward if math.isfinite(reward) else 0.0)
        self._row = row
        if self._progress is not None:
            self._progress.update(self._task, completed=row["step"])
        if self._live is not None:
            self._refresh()
        elif not self.quiet:
            self.console.print(Text(panel.line(row, self._steps)), soft_wrap=True)

    def alarm(self, alarm: Alarm) -> None:
        """Say that an alarm went off; the panel keeps the newest in sight."""
        self._alarms.append(alarm)
        self.console.print(panel.alarm_line(alarm), soft_wrap=True)
        self._refresh()

    def _refresh(self) -> None:
        if self._live is not None and self._progress is not None:
            shown = panel.panel(
                self._progress, self._row, self._rewards, self._rollouts, self._evaluations, self._alarms
            )
            self._live.update(shown)

    # ---- evaluation

    @contextmanager
    def progress(self, what: str, total: int, unit: str = "questions") -> Iterator[Callable[[int], None]]:
        """A bar that counts up to `total`; call what it yields with how many more are done."""
        if self.quiet or not self.console.is_terminal:
            self.say(f"{what}: {total:,} {unit} …")
            yield lambda _: None
            return
        with _progress_bar(self.console, unit) as bar:
            task = bar.add_task(what, total=total)
            yield lambda count: bar.update(task, advance=count)

    def evaluation(self, name: str, summary: Summary, answered: Sequence[Answered]) -> None:
        """The table of an evaluation, and some answers with their verdicts. `name` says when: before, after step 5, …"""
        if summary.strict.accuracy is not None:
            self._evaluations.append((name.removeprefix("after "), summary.strict.accuracy))
            self._refresh()
        self.console.print(evaluation_table(name, summary))
        for question in answered[:SHOWN_ROLLOUTS]:
            line = answer_line(question.completions[0].text, question.strict[0], question.example.gold)
            self.console.print(line, soft_wrap=True)

    def sweep(self, summaries: Sequence[Summary]) -> None:
        """Accuracy by the number of few-shot examples."""
        table = Table(title="by few-shot examples", title_justify="left")
        kinds = summaries[0].kinds
        for column in ("shots", *(f"{kind} [95 % interval]" for kind in kinds), "unparsed", "truncated"):
            table.add_column(column, justify="right")
        for summary in summaries:
            unparsed = summary.statuses.get(Status.UNPARSED, 0) / max(1, sum(summary.statuses.values()))
            cells = [str(summary.of(kind)) for kind in kinds]
            table.add_row(str(summary.shots), *cells, f"{unparsed:.0%}", f"{summary.truncated:.0%}")
        self.console.print(table)

    def outcome(self, result: RunResult) -> None:
        """Before and after, side by side."""
        if not result.accuracy:
            return
        table = Table(title="result", title_justify="left")
        for column in ("", "before [95 % interval]", "after [95 % interval]"):
            table.add_column(column, justify="left" if not column else "right")
        for kind, both in result.accuracy.items():
            table.add_row(kind, str(both.before or "-"), str(both.after or "-"))
        self.console.print(table)


def evaluation_table(name: str, summary: Summary) -> Group:
    """Accuracy strict and lenient, overall and by category."""
    title = f"accuracy {name}: {summary.questions} questions, {summary.shots} shots"
    table = Table()
    kinds = summary.kinds
    table.add_column("category")
    table.add_column("questions", justify="right")
    for kind in kinds:
        table.add_column(f"{kind} [95 % interval]", justify="right")
    by_category = {} if len(summary.categories) < 2 else summary.categories
    for category, accuracies in {"all": summary.accuracies, **by_category}.items():
        table.add_row(
            escape(category) or "-",
            str(accuracies.strict.questions),
            *(str(accuracies.of(kind) or "") for kind in kinds),
            style="bold" if category == "all" else "",
        )
    for k, figure in summary.strict.pass_at_k.items():
        table.add_row(f"pass@{k}", "", str(figure), *[""] * (len(kinds) - 1))
    counts = ", ".join(f"{count} {status}" for status, count in summary.statuses.items() if count)
    caption = f"{counts}; truncated {summary.truncated:.0%}; {summary.tokens_per_second or 0:g} tokens/s"
    if masked := sum(count for status, count in summary.statuses.items() if status.masked):
        caption += f"; {masked} verdicts are infrastructure errors and left out"
    return Group(Text(title, style="italic"), table, Text(caption, style="dim italic"))


def _progress_bar(console: Console, unit: str) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=console,
    )  # fmt: skip
