"""Makes report.html: one self-contained page about a run, for reading rather than for machines."""

import html
import json
import math
import re
from pathlib import Path
from typing import Any

from rlvr.runner.run_folder import RunFolder, read_json, write_whole
from rlvr.tasks.files import read_toml

MAX_ROLLOUTS = 10_000  # the newest of a long run; the Parquet file has all
CURVES = [  # (title, [(metric, label)])
    ("reward", [("reward", "mean of the step")]),
    ("correct", [("verdicts/correct", "share of completions")]),
    ("reward by part", "reward_parts/"),
    ("groups without variance", [("frac_reward_zero_std", "share")]),
    ("completion length", [("completions/mean_length", "tokens")]),
    ("entropy", [("entropy", "nats")]),
    ("verdicts that are failures of ours", [("verdicts/error", "error"), ("verdicts/skipped", "skipped")]),
    ("seconds a step", [("time/generate", "generate"), ("time/verify", "verify"), ("time/update", "update"), ("time/sync", "sync")]),
]  # fmt: skip


def write(folder: RunFolder) -> Path:
    """Write the page. Works for a run that was stopped too."""
    template = (Path(__file__).parent / "report_template.html").read_text(encoding="utf-8")
    metrics, rollouts = folder.metrics(), folder.rollouts()
    config = read_toml(folder.path / "config.toml")
    environment = folder.environment()
    fields = (
        "step", "group", "id", "category", "question", "prompt", "completion", "finish_reason", "tokens", "gold",
        "status", "score", "extracted", "reason", "reward", "advantage",
    )  # fmt: skip
    newest = rollouts[-MAX_ROLLOUTS:]
    shown = [{name: _json_value(row.get(name)) for name in fields} for row in newest]
    prompts = list(dict.fromkeys(row["prompt"] for row in shown))  # each stands once: a group shares it
    number = {prompt: i for i, prompt in enumerate(prompts)}
    for row in shown:
        row["prompt"] = number[row["prompt"]]
    values = {
        "title": html.escape(folder.path.name),
        "summary": _summary(result(folder), environment, config, len(rollouts), len(shown)),
        "curves": "".join(_curve(title, _series(metrics, names)) for title, names in CURVES),
        "categories": _categories(folder),
        "config": html.escape((folder.path / "config.toml").read_text(encoding="utf-8")),
        "environment": html.escape(json.dumps(environment, indent=1)),
        "rollouts": _script_json({"prompts": prompts, "rows": shown}),
    }
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)  # in one pass: values are never templates
    path = folder.path / "report.html"
    write_whole(path, page)
    return path


def result(folder: RunFolder) -> dict[str, Any]:
    """A run in figures: accuracy before and after, and the last metrics."""
    found: dict[str, Any] = {"accuracy": {}}
    for when in ("before", "after"):
        summary = _evaluation(folder, when)
        for kind in ("strict", "lenient"):
            if kind in summary:
                found["accuracy"].setdefault(kind, {})[when] = summary[kind]
    metrics = folder.metrics()
    if metrics:
        found |= {
            "steps": metrics[-1]["step"],
            "reward": {"first": metrics[0].get("reward"), "last": metrics[-1].get("reward")},
        }
        found["seconds_per_step"] = sum(row.get("time/step", 0.0) for row in metrics) / len(metrics)
    return found


def _evaluation(folder: RunFolder, when: str) -> dict[str, Any]:
    path = folder.eval / f"{when}.json"
    return read_json(path) if path.exists() else {}


def _summary(
    found: dict[str, Any], environment: dict[str, Any], config: dict[str, Any], all_rollouts: int, shown: int
) -> str:
    rows = []
    for kind, both in found["accuracy"].items():
        cells = "".join(f"<td>{_share(both.get(when))}</td>" for when in ("before", "after"))
        rows.append(f"<tr><th>{kind} accuracy</th>{cells}</tr>")
    head = "<tr><th></th><th>before [95 % interval]</th><th>after [95 % interval]</th></tr>" if rows else ""
    model, data = environment.get("model", {}), environment.get("data") or {}
    origin = data.get("train") or {}
    facts = [
        f"pack {config.get('pack')}", f"model {model.get('name')} ({model.get('origin')})",
        f"generation by {environment.get('backend')}", f"{found.get('steps', 0)} of {config.get('steps')} steps",
        f"{all_rollouts} rollouts" + (f", the last {shown} below" if shown < all_rollouts else ""),
        f"data: {origin.get('source')} {origin.get('hub') or origin.get('dataset') or ''}",
    ]  # fmt: skip
    warning = ""
    if origin.get("source") == "substitute":
        warning = (
            f"<p class=warning>The data is a substitute ({html.escape(str(origin.get('dataset')))}) for "
            f"{html.escape(str(origin.get('instead_of')))}: figures are not comparable with published ones.</p>"
        )
    items = "".join(f"<li>{html.escape(str(fact))}</li>" for fact in facts)
    return f"{warning}<table>{head}{''.join(rows)}</table><ul class=facts>{items}</ul>"


def _categories(folder: RunFolder) -> str:
    before, after = _evaluation(folder, "before"), _evaluation(folder, "after")
    names = list(before.get("categories") or after.get("categories") or {})
    kinds = [kind for kind in ("strict", "lenient") if kind in (before or after)]
    rows = []
    for name in names:
        cells = []
        for kind in kinds:
            for summary in (before, after):
                figures = summary.get("categories", {}).get(name, {}).get(kind)
                cells.append(f"<td>{_share(figures)}</td>")
        questions = (before or after)["categories"][name]["strict"]["questions"]
        rows.append(f"<tr><th>{html.escape(name or '-')}</th><td>{questions}</td>{''.join(cells)}</tr>")
    if not rows:
        return ""
    head = "".join(f"<th>{kind} {when}</th>" for kind in kinds for when in ("before", "after"))
    return f"<h2>By category</h2><div class=wide><table><tr><th>category</th><th>questions</th>{head}</tr>{''.join(rows)}</table></div>"


def _share(figures: dict[str, Any] | None) -> str:
    if not figures or figures.get("accuracy") is None:
        return "–"
    low, high = figures["interval"]
    return f"{figures['accuracy']:.1%} <small>[{low:.1%}, {high:.1%}]</small>"


def _series(
    metrics: list[dict[str, Any]], names: list[tuple[str, str]] | str
) -> list[tuple[str, list[tuple[float, float]]]]:
    if isinstance(names, str):
        found = dict.fromkeys(key for row in metrics for key in row if key.startswith(names))
        names = [(key, key.removeprefix(names)) for key in found]
    lines = []
    for key, label in names:
        points = [(float(row["step"]), float(row[key])) for row in metrics if _is_number(row.get(key))]
        if points:
            lines.append((label, points))
    return lines


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _curve(title: str, lines: list[tuple[str, list[tuple[float, float]]]]) -> str:
    """One chart as inline SVG: each step thin, their running mean thick."""
    if not lines:
        return ""
    width, height, left, bottom = 320, 150, 44, 20
    steps = [x for _, points in lines for x, _ in points]
    values = [y for _, points in lines for _, y in points]
    x0, x1, y0, y1 = min(steps), max(steps), min(0.0, *values), max(values)
    y1 = y1 if y1 > y0 else y0 + 1

    def place(x: float, y: float) -> str:
        across = left + (width - left - 6) * ((x - x0) / (x1 - x0) if x1 > x0 else 0.5)
        return f"{across:.1f},{6 + (height - bottom - 6) * (1 - (y - y0) / (y1 - y0)):.1f}"

    drawn, legend = [], []
    for number, (label, points) in enumerate(lines):
        window = max(1, len(points) // 25)
        smooth = [
            (x, sum(y for _, y in points[max(0, i - window) : i + 1]) / len(points[max(0, i - window) : i + 1]))
            for i, (x, _) in enumerate(points)
        ]
        for style, path in (("raw", points), ("mean", smooth)):
            drawn.append(f'<polyline class="{style} c{number % 4}" points="{" ".join(place(x, y) for x, y in path)}"/>')
        if len(points) == 1:
            drawn.append(
                f'<circle class="c{number % 4}" r="3" cx="{place(*points[0]).replace(",", chr(34) + " cy=" + chr(34))}"/>'
            )
        legend.append(f'<span class="key c{number % 4}">{html.escape(label)}</span>')
    axis = (
        f'<text x="{left - 4}" y="12" text-anchor="end">{y1:.3g}</text>'
        f'<text x="{left - 4}" y="{height - bottom}" text-anchor="end">{y0:.3g}</text>'
        f'<text x="{left}" y="{height - 4}">{x0:g}</text>'
        f'<text x="{width - 6}" y="{height - 4}" text-anchor="end">step {x1:g}</text>'
    )
    return (
        f"<figure><figcaption>{html.escape(title)} {' '.join(legend)}</figcaption>"
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(title)} by step">'
        f'<line class="axis" x1="{left}" y1="6" x2="{left}" y2="{height - bottom}"/>'
        f'<line class="axis" x1="{left}" y1="{height - bottom}" x2="{width - 6}" y2="{height - bottom}"/>'
        f"{axis}{''.join(drawn)}</svg></figure>"
    )


def _json_value(value: Any) -> Any:
    """`value`, or None for what JSON has no number for."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _script_json(value: object) -> str:
    """JSON that can't end the script element it stands in."""
    return (
        json.dumps(value, ensure_ascii=False)
        .replace("<", "\\u003c")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )
