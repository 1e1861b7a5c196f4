"""The page of `rlvr compare --html`: the same tables and sentences, and the runs' curves in each other's charts."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlvr.files import write_whole
from rlvr.runner.analysis.compare import Run, points
from rlvr.runner.report import charts
from rlvr.runner.report.run_page import accuracy_chart, series, share_cell, table

CURVES = (
    ("correct in training", "verdicts/correct"), ("reward", "reward"), ("groups without variance", "groups/no_variance"),
    ("completion length", "completions/mean_length"), ("entropy", "entropy"),
    ("generated tokens per useful token", "tokens/per_useful"), ("seconds a step", "time/step"),
)  # fmt: skip


def write(path: Path, runs: Sequence[Run], found: dict[str, Any]) -> None:
    """Write the page."""
    style = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
    title = "Comparison of " + ", ".join(run.folder.path.name for run in runs)
    body = [f"<h1>{html.escape(title)}</h1>"]
    body += [f"<p class=note>{html.escape(text)}</p>" for text in found["warnings"]]
    body += [f"<p>{html.escape(text)}</p>" for text in found["verdicts"]]
    body += [
        table(name, head, [[html.escape(cell) for cell in row] for row in rows]) for name, head, rows in tables(found)
    ]
    drawn = [accuracy_chart("held-out accuracy", {run.name: run.evaluations for run in runs})]
    for name, metric in CURVES:
        shown = [
            charts.Line(run.name, line.points)
            for run in runs
            for line in series(run.metrics, [(metric, run.name)], intervals=False)
        ]
        drawn.append(charts.lines(name, shown))
    body.append(f"<h2>Curves</h2><div class=curves>{''.join(drawn)}</div>")
    body += [
        f"<details class=file><summary>config.toml of {html.escape(run.name)}</summary>"
        f"<pre>{html.escape((run.folder.path / 'config.toml').read_text(encoding='utf-8'))}</pre></details>"
        for run in runs
    ]
    write_whole(
        path,
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title>\n<style>\n{style}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n",
    )


Table = tuple[str, list[str], list[list[str]]]  # title, columns, rows


def tables(found: dict[str, Any]) -> list[Table]:
    """The tables of a comparison, for the page and the terminal."""
    return [_runs(found), *_settings(found), *_accuracy(found), *_differences(found), *_by_category(found)]


def _runs(found: dict[str, Any]) -> Table:
    rows = []
    for run in found["runs"]:
        critical = sum(alarm["severity"] == "critical" for alarm in run["alarms"])
        alarms = f"{len(run['alarms'])}" + (f", {critical} critical" if critical else "")
        rows.append([run["name"], Path(run["folder"]).name, run["pack"], str(run["model"] or "–"), run["reward"],
                     str(run["seed"]), f"{run['steps']} of {run['of']}", alarms])  # fmt: skip
    return "runs", ["", "folder", "pack", "model", "reward", "seed", "steps", "alarms"], rows


def _settings(found: dict[str, Any]) -> list[Table]:
    rows = [
        [f"{pair['of']}, {pair['from']}", name, *map(str, values)]
        for pair in found["differences"]
        for name, values in pair["settings"].items()
    ]
    return [("settings that differ", ["", "setting", "first", "other"], rows)] if rows else []


def _accuracy(found: dict[str, Any]) -> list[Table]:
    rows = [
        [run["name"], kind, *(_share(sides.get(when)) for when in ("before", "after")), _points(run["gain"][kind])]
        for run in found["runs"]
        for kind, sides in run["accuracy"].items()
    ]
    columns = ["", "accuracy", "before", "after", "gain, points"]
    return [("held-out accuracy [95 % interval]", columns, rows)] if rows else []


def _differences(found: dict[str, Any]) -> list[Table]:
    rows = []
    for pair in found["differences"]:
        for kind, after in pair["after"].items():
            gains = pair["gains"][kind]
            how = "by question" if (gains or after)["paired"] else "independent"
            apart = "–" if gains is None else "yes" if gains["apart"] else "no"
            rows.append([f"{pair['of']} – {pair['from']}", kind, _points(after), _points(gains), apart, how])
    columns = ["", "accuracy", "after, points", "gains, points", "gains apart", "compared"]
    return [("differences [95 % interval]", columns, rows)] if rows else []


def _by_category(found: dict[str, Any]) -> list[Table]:
    names = list(dict.fromkeys(name for run in found["runs"] for name in run["categories"]))
    first = found["runs"][0]["name"]
    rows = []
    for name in names:
        for place, run in enumerate(found["runs"]):
            mine = run["categories"].get(name) or {}
            less = found["differences"][place - 1]["categories"].get(name) if place else None
            rows.append(["" if place else name or "–", run["name"], _share(mine.get("before")), _share(mine.get("after")),
                         _points(mine.get("gain")), _points(less)])  # fmt: skip
    columns = ["category", "", "before", "after", "gain, points", f"{first}'s gain less it"]
    return [("by category, strict [95 % interval]", columns, rows)] if rows else []


def _points(difference: dict[str, Any] | None) -> str:
    return points(difference).replace(" points", "") if difference else "–"


def _share(figures: dict[str, Any] | None) -> str:
    return share_cell(figures).replace("<small>", "").replace("</small>", "")
