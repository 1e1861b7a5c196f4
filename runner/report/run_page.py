"""Makes report.html: one self-contained page about a run, for reading rather than for machines."""

import html
import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlvr.files import read_json, read_toml, write_whole
from rlvr.runner.alarms import Alarm
from rlvr.runner.report import charts
from rlvr.runner.report.rollout_viewer import chosen, embedded
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.verifiers.types import Status

HERE = Path(__file__).parent
MAX_CATEGORIES = 8  # curves in one chart; the table has all
TAIL = 0.1  # the last part of the steps, over which the figures of the category table are means
Row = dict[str, Any]
Names = Sequence[tuple[str, str]] | str  # [(metric, label)], or the prefix of metrics
CURVES: list[tuple[str, Names]] = [
    ("correct", [("verdicts/correct", "share of completions")]),
    ("reward", [("reward", "mean of the step")]),
    ("reward by part", "reward_parts/"),
    ("groups without variance", [("groups/no_variance", "share")]),
    ("completion length", [("completions/mean_length", "tokens")]),
    ("cut off by the token limit", [("completions/clipped_ratio", "share")]),
    ("entropy", [("entropy", "nats a token")]),
    ("gradient norm", [("grad_norm", "before clipping")]),
    ("distance from the reference model", [("kl", "nats a token")]),
    ("clipped updates", [("clip_ratio/region_mean", "share of tokens")]),
    ("generated tokens per useful token", [("tokens/per_useful", "1 is best")]),
    ("refill rounds", [("resample/rounds", "rounds")]),
    ("worked examples in prompts", [("shots", "shots")]),
    ("shadow verifier disagrees", [("shadow/disagreement", "share")]),
]  # fmt: skip
CONSTANT = (
    "completions/clipped_ratio",
    "clip_ratio/region_mean",
    "shots",
    "resample/rounds",
    "kl",
)  # no chart where always 0
PER_CATEGORY = [
    ("pass_rate", "correct, by category"), ("reward", "reward, by category"), ("length", "length, by category"),
    ("no_variance", "groups without variance, by category"), ("share", "share of the questions, by category"),
]  # fmt: skip


def write(folder: RunFolder) -> Path:
    """Write the page. Works for a run that goes on or was stopped too."""
    metrics, steps, alarms = folder.metrics(), folder.rollout_steps(), folder.alarms()
    config = read_toml(folder.path / "config.toml")
    environment = folder.environment()
    places, indices = chosen(steps, [place for alarm in alarms for place in alarm.rollouts])
    values = {
        "title": html.escape(folder.path.name),
        "style": (HERE / "report.css").read_text(encoding="utf-8"),
        "script": (HERE / "report.js").read_text(encoding="utf-8"),
        "summary": _summary(result(folder), environment, config, metrics, len(steps), len(places)),
        "alarms": _alarms(alarms),
        "curves": _curves(metrics, folder.evaluations()),
        "time": _time(metrics),
        "categories": _categories(folder, metrics),
        "config": html.escape((folder.path / "config.toml").read_text(encoding="utf-8")),
        "environment": html.escape(json.dumps(environment, indent=1)),
        "rollouts": embedded(folder.rollouts(places), indices),
    }
    template = (HERE / "report_template.html").read_text(encoding="utf-8")
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)  # in one pass: values are never templates
    path = folder.path / "report.html"
    write_whole(path, page)
    return path


def result(folder: RunFolder) -> Row:
    """A run in figures: accuracy before and after, the last metrics, and the alarms that went off."""
    found: Row = {"accuracy": {}}
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
        found["seconds_per_step"] = sum(row.get("time/step") or 0.0 for row in metrics) / len(metrics)
    alarms = folder.alarms()
    if alarms:
        found["alarms"] = [{"step": a.step, "name": a.name, "severity": a.severity} for a in alarms]
    return found


def _evaluation(folder: RunFolder, when: str) -> Row:
    path = folder.eval / f"{when}.json"
    return read_json(path) if path.exists() else {}


def _summary(found: Row, environment: Row, config: Row, metrics: Sequence[Row], all_rollouts: int, shown: int) -> str:
    rows = []
    for kind, both in found["accuracy"].items():
        cells = "".join(f"<td>{share_cell(both.get(when))}</td>" for when in ("before", "after"))
        rows.append(f"<tr><th>{kind} accuracy</th>{cells}</tr>")
    head = (
        "<thead><tr><th></th><th>before [95 % interval]</th><th>after [95 % interval]</th></tr></thead>" if rows else ""
    )
    model, data = environment.get("model") or {}, environment.get("data") or {}
    origin = data.get("train") or {}
    facts = [
        f"pack {config.get('pack')}", f"model {model.get('name')} ({model.get('origin')})",
        f"verifier {verifier_name(environment.get('verifier'))}",
        f"generation by {environment.get('backend')}", f"{found.get('steps', 0)} of {config.get('steps')} steps",
        f"{all_rollouts:,} rollouts" + (f", {shown:,} of them below" if shown < all_rollouts else ""),
        f"data: {origin.get('source')} {origin.get('hub') or origin.get('dataset') or ''}",
    ]  # fmt: skip
    tokens = [sum(row.get(f"tokens/{name}") or 0.0 for row in metrics) for name in ("generated", "useful")]
    if tokens[0]:
        share = f", {tokens[0] / tokens[1]:.2f} per useful one" if tokens[1] else ", none of them useful"
        facts.append(f"{tokens[0]:,.0f} tokens generated{share}")
    items = "".join(f"<li>{html.escape(str(fact))}</li>" for fact in facts)
    notes = "".join(f"<p class=note>{html.escape(note)}</p>" for note in _notes(environment, config, origin))
    table = f"<div class=wide><table>{head}{''.join(rows)}</table></div>" if rows else ""
    return f"{notes}{table}<ul class=facts>{items}</ul>"


def _notes(environment: Row, config: Row, origin: Row) -> list[str]:
    """What a reader must know before any figure."""
    found = []
    if origin.get("source") == "substitute":
        found.append(
            f"The data is a substitute ({origin.get('dataset')}) for {origin.get('instead_of')}: figures are not "
            "comparable with published ones."
        )
    arm = config.get("reward", "verifier")
    if arm != "verifier":
        found.append(
            f"A control arm: the reward was {arm}, not the verifier's. What improved was not taught by verdicts."
        )
    known = environment.get("contamination") or {}
    if known.get("equal"):
        found.append(
            f"{len(known['equal'])} of {known.get('questions')} evaluation questions stand in the training data or among the "
            "worked examples: accuracy says little of them."
        )
    return found


def verifier_name(described: object) -> str:
    """A verifier as a run recorded it, in a few words."""
    if not isinstance(described, dict):
        return "not recorded"
    if "name" not in described:  # several, by name
        return ", ".join(f"{name}: {verifier_name(one)}" for name, one in described.items())
    options = ", ".join(f"{key}={value!r}" for key, value in (described.get("options") or {}).items())
    return f"{described['name']} version {described.get('version')}" + (f" ({options})" if options else "")


def _alarms(alarms: Sequence[Alarm]) -> str:
    if not alarms:
        return ""
    items = []
    for alarm in alarms:
        links = " ".join(f'<a href="#r-{step}-{index}">{index}</a>' for step, index in alarm.rollouts)
        severity = "critical" if alarm.critical else "warning"
        items.append(
            f'<li class="{severity}"><b class="{severity}">{html.escape(alarm.name)}</b> at step {alarm.step}: '
            f"{html.escape(alarm.message)}" + (f" <small>rollouts {links}</small>" if links else "") + "</li>\n"
        )
    return f'<h2 id="alarms">Alarms</h2><ul class=alarms>{"".join(items)}</ul>'


def _curves(metrics: Sequence[Row], evaluations: Sequence[Row]) -> str:
    drawn = [accuracy_chart("held-out accuracy", {"": evaluations})]
    for title, names in CURVES:
        shown = series(metrics, names)
        if isinstance(names, str) or names[0][0] not in CONSTANT or any(y for line in shown for _, y in line.points):
            drawn.append(charts.lines(title, shown))
    statuses = series(metrics, [(f"verdicts/{status}", str(status)) for status in Status])
    drawn.insert(2, charts.areas("verdicts", statuses, colours=[line.label for line in statuses]))
    drawn.append(charts.areas("seconds a step", series(metrics, [(name, label) for name, label, _ in _times(metrics)])))
    return "".join(drawn)


def accuracy_chart(title: str, runs: Mapping[str, Sequence[Row]]) -> str:
    """Held-out accuracy by step, with 95 % intervals: of one run strict and lenient, of several strict."""
    shown = []
    for label, evaluations in runs.items():
        for kind in ("strict", "lenient") if len(runs) == 1 else ("strict",):
            known = [
                (e.get("step", 0), e[kind]) for e in evaluations if (e.get(kind) or {}).get("accuracy") is not None
            ]
            shown.append(
                charts.Line(
                    label or kind, [(float(step), f["accuracy"]) for step, f in known],
                    [f["interval"][0] for _, f in known], [f["interval"][1] for _, f in known],
                )
            )  # fmt: skip
    return charts.lines(title, shown, "bands are 95 % intervals")


def series(metrics: Sequence[Row], names: Names, intervals: bool = True) -> list[charts.Line]:
    """Metrics as curves. The band around a mean over completions is its 95 % interval."""
    if isinstance(names, str):
        prefix = names
        found = dict.fromkeys(key for row in metrics for key in row if key.startswith(prefix))
        names = [(key, key.removeprefix(prefix)) for key in found]
    shown = []
    for key, label in names:
        points = [(float(row["step"]), float(row[key])) for row in metrics if is_number(row.get(key))]
        if points:
            shown.append(charts.Line(label, points, interval=intervals and len(names) == 1))
    return shown


def _times(metrics: Sequence[Row]) -> list[tuple[str, str, float]]:
    """(metric, label, seconds in all) of the parts of a step."""
    names = dict.fromkeys(key for row in metrics for key in row if key.startswith("time/") and key != "time/step")
    sums = [(name, math.fsum(row[name] for row in metrics if is_number(row.get(name)))) for name in names]
    return [(name, name.removeprefix("time/"), seconds) for name, seconds in sums if seconds > 0]


def _time(metrics: Sequence[Row]) -> str:
    """Where the time went."""
    parts, steps = _times(metrics), len(metrics)
    total = math.fsum(seconds for _, _, seconds in parts)
    if not total:
        return ""
    bars = "".join(
        f'<span class="c{i % 6}" style="width:{100 * seconds / total:.2f}%"></span>'
        for i, (_, _, seconds) in enumerate(parts)
    )
    keys = " ".join(
        f'<span class="key c{i % 6}">{html.escape(label)} {seconds / total:.1%} ({seconds / steps:.3g} s a step)</span>'
        for i, (_, label, seconds) in enumerate(parts)
    )
    return f'<h2 id="time">Time</h2><div class=split>{bars}</div><p>{keys}</p>'


def _categories(folder: RunFolder, metrics: Sequence[Row]) -> str:
    before, after = (_evaluation(folder, when).get("categories") or {} for when in ("before", "after"))
    evaluated, trained = list(dict.fromkeys([*before, *after])), training_categories(metrics)
    parts = [_evaluated(evaluated, before, after) if len(evaluated) > 1 else "", _trained(trained)]
    if not any(parts):
        return ""
    curves = category_curves(metrics, list(trained))
    return f'<h2 id="categories">By category</h2>{"".join(parts)}<div class=curves>{curves}</div>'


def _evaluated(names: Sequence[str], before: Row, after: Row) -> str:
    kinds = [
        kind for kind in ("strict", "lenient") if any(kind in one for side in (before, after) for one in side.values())
    ]
    head = ["category", "questions", *(f"{kind} {when}" for kind in kinds for when in ("before", "after"))]
    rows = []
    for name in names:
        sides = [side.get(name) or {} for side in (before, after)]
        questions = ((sides[0] or sides[1]).get("strict") or {}).get("questions", "–")
        rows.append(
            [html.escape(name or "–"), questions, *(share_cell(side.get(kind)) for kind in kinds for side in sides)]
        )
    return table("Held-out accuracy [95 % interval]", head, rows)


def _trained(trained: Mapping[str, Mapping[str, float]]) -> str:
    if not trained:
        return ""
    figures = {"asked": ("share", ".0%"), "correct": ("pass_rate", ".0%"), "reward": ("reward", ".2f"),
               "groups without variance": ("no_variance", ".0%"), "tokens": ("length", ".0f")}  # fmt: skip
    rows = [
        [html.escape(name or "–"), *("–" if key not in mine else format(mine[key], shape) for key, shape in figures.values()),
         _status_shares(mine)]
        for name, mine in trained.items()
    ]  # fmt: skip
    return table(f"In training, the last {TAIL:.0%} of the steps", ["category", *figures, "verdicts"], rows)


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table whose cells are HTML already; the first column names its row."""
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    lines = "".join(f"<tr><th>{row[0]}</th>{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>\n" for row in rows)
    return f"<h3>{html.escape(title)}</h3><div class=wide><table><thead><tr>{heads}</tr></thead>{lines}</table></div>"


def category_curves(metrics: Sequence[Row], names: Sequence[str]) -> str:
    drawn = []
    note = f"the first {MAX_CATEGORIES} of {len(names)}" if len(names) > MAX_CATEGORIES else ""
    for figure, title in PER_CATEGORY:
        wanted = [(f"category/{name}/{figure}", name or "–") for name in names[:MAX_CATEGORIES]]
        drawn.append(charts.lines(title, series(metrics, wanted, intervals=False), note))
    return "".join(drawn)


def training_categories(metrics: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Category -> its figures in training: means over the last steps in which it was asked."""
    last = metrics[-max(1, round(TAIL * len(metrics))) :]
    values: dict[str, dict[str, list[float]]] = {}
    for row in metrics:
        for key in row:
            if key.startswith("category/") and key.endswith("/share"):
                values.setdefault(key[len("category/") : -len("/share")], defaultdict(list))
    for row in last:
        for name, figures in values.items():
            prefix = f"category/{name}/"
            for key, value in row.items():
                if key.startswith(prefix) and is_number(value):
                    figures[key.removeprefix(prefix)].append(float(value))
    return {
        name: {figure: math.fsum(found) / len(found) for figure, found in figures.items()}
        for name, figures in values.items()
    }


def _status_shares(figures: Mapping[str, float]) -> str:
    shares = [(str(status), figures.get(f"verdicts/{status}", 0.0)) for status in Status]
    return " ".join(f'<span class="{status}">{status} {share:.0%}</span>' for status, share in shares if share >= 0.005)


def share_cell(figures: Mapping[str, Any] | None) -> str:
    if not figures or figures.get("accuracy") is None:
        return "–"
    low, high = figures["interval"]
    return f"{figures['accuracy']:.1%} <small>[{low:.1%}, {high:.1%}]</small>"


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
