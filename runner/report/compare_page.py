"""The page of `rlvr compare --html`: the same tables and sentences, and the runs' curves in each other's charts."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from rlvr.files import write_whole
from rlvr.runner.analysis.compare import Comparison
from rlvr.runner.analysis.differences import Difference
from rlvr.runner.analysis.run_record import RunRecord
from rlvr.runner.evaluation.summary import Accuracy
from rlvr.runner.report import charts
from rlvr.runner.report.curves import accuracy_chart, series
from rlvr.runner.report.html import STYLE, page, table
from rlvr.runner.report.tables import TextTable
from rlvr.text import percent_with_interval

CURVES = (
    ("correct in training", "verdicts/correct"), ("reward", "reward"), ("zero-variance groups", "groups/no_variance"),
    ("completion length", "completions/mean_length"), ("entropy", "entropy"),
    ("generated tokens per useful token", "tokens/per_useful"), ("seconds a step", "time/step"),
)  # fmt: skip


def write(path: Path, comparison: Comparison) -> None:
    """Write the page. Raises ConfigError for a file of a run that can't be read, OSError if `path` can't be written."""
    runs = [gains.run for gains in comparison.runs]
    title = "Comparison of " + ", ".join(run.folder.path.name for run in runs)
    body = [f"<h1>{escape(title)}</h1>"]
    body += [f"<p class=note>{escape(text)}</p>" for text in comparison.warnings]
    body += [f"<p>{escape(text)}</p>" for text in comparison.verdicts]
    body += [
        table(text.title, text.columns, [[escape(cell) for cell in row] for row in text.rows])
        for text in tables(comparison)
    ]
    body.append(f"<h2>Curves</h2><div class=curves>{_curves(runs)}</div>")
    body += [
        f"<details class=file><summary>config.toml of {escape(run.name)}</summary>"
        f"<pre>{escape((run.folder.path / 'config.toml').read_text(encoding='utf-8'))}</pre></details>"
        for run in runs
    ]
    write_whole(path, page(title, body, STYLE.read_text(encoding="utf-8")))


def _curves(runs: Sequence[RunRecord]) -> str:
    drawn = [accuracy_chart("held-out accuracy", {run.name: run.evaluations for run in runs})]
    for title, metric in CURVES:
        lines = [
            charts.Line(run.name, line.points)
            for run in runs
            for line in series(run.metrics, [(metric, run.name)], intervals=False)
        ]
        drawn.append(charts.lines(title, lines))
    return "".join(drawn)


def tables(comparison: Comparison) -> list[TextTable]:
    """The tables of a comparison, for the page and the terminal. Those without rows are left out."""
    made = [_settings(comparison), _accuracy(comparison), _differences(comparison), _by_category(comparison)]
    return [_runs(comparison), *(text for text in made if text.rows)]


def _runs(comparison: Comparison) -> TextTable:
    rows = []
    for run in (gains.run for gains in comparison.runs):
        went_off = run.folder.alarms()
        critical = sum(alarm.critical for alarm in went_off)
        alarms = f"{len(went_off)}" + (f", {critical} critical" if critical else "")
        rows.append([run.name, run.folder.path.name, run.pack, run.environment.model or "–", run.config.reward,
                     str(run.config.seed), f"{run.steps} of {run.config.steps}", alarms])  # fmt: skip
    return TextTable("runs", ["", "folder", "pack", "model", "reward", "seed", "steps", "alarms"], rows)


def _settings(comparison: Comparison) -> TextTable:
    rows = [
        [f"{pair.first}, {pair.other}", name, *map(str, values)]
        for pair in comparison.differences
        for name, values in pair.settings.items()
    ]
    return TextTable("settings that differ", ["", "setting", "first", "other"], rows)


def _accuracy(comparison: Comparison) -> TextTable:
    rows = [
        [gains.run.name, kind, _accuracy_cell(both.before), _accuracy_cell(both.after), _points_cell(gains.gain[kind])]
        for gains in comparison.runs
        for kind, both in gains.accuracy.items()
    ]
    return TextTable("held-out accuracy [95 % interval]", ["", "accuracy", "before", "after", "gain, points"], rows)


def _differences(comparison: Comparison) -> TextTable:
    rows = []
    for pair in comparison.differences:
        for kind, after in pair.after.items():
            gains = pair.gains[kind]
            behind = gains or after
            how = "by question" if behind and behind.paired else "independent"
            significant = "–" if gains is None else "yes" if gains.apart else "no"
            cells = [_points_cell(after), _points_cell(gains), significant, how]
            rows.append([f"{pair.first} – {pair.other}", kind, *cells])
    columns = ["", "accuracy", "after, points", "gains, points", "significant", "compared"]
    return TextTable("differences [95 % interval]", columns, rows)


def _by_category(comparison: Comparison) -> TextTable:
    names = list(dict.fromkeys(name for gains in comparison.runs for name in gains.categories))
    less: list[Mapping[str, Difference | None]] = [{}, *(pair.categories for pair in comparison.differences)]
    rows = []
    for name in names:
        for place, gains in enumerate(comparison.runs):
            own = gains.categories.get(name)
            cells = (
                [_accuracy_cell(own.before), _accuracy_cell(own.after), _points_cell(own.gain)] if own else ["–"] * 3
            )
            rows.append(["" if place else name or "–", gains.run.name, *cells, _points_cell(less[place].get(name))])
    columns = ["category", "", "before", "after", "gain, points", f"{comparison.runs[0].run.name}'s gain less it"]
    return TextTable("by category, strict [95 % interval]", columns, rows)


def _points_cell(difference: Difference | None) -> str:
    return str(difference) if difference else "–"


def _accuracy_cell(accuracy: Accuracy | None) -> str:
    if accuracy is None or accuracy.accuracy is None:
        return "–"
    return percent_with_interval(accuracy.accuracy, accuracy.interval)
