"""The curves of report pages: metrics and held-out accuracy by step, and where the time went."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, TypeGuard

from rlvr.runner.evaluation.summary import KINDS, Summary
from rlvr.runner.report import charts
from rlvr.verifiers.types import Status

Names = Sequence[tuple[str, str]] | str  # [(metric, label)], or the prefix of metrics
Metrics = Sequence[Mapping[str, Any]]  # by step, as the run's folder has them
CURVES: list[tuple[str, Names]] = [
    ("correct", [("verdicts/correct", "share of completions")]),
    ("reward", [("reward", "mean of the step")]),
    ("reward by part", "reward_parts/"),
    ("zero-variance groups", [("groups/no_variance", "share")]),
    ("completion length", [("completions/mean_length", "tokens")]),
    ("cut off by the token limit", [("completions/clipped_ratio", "share")]),
    ("entropy", [("entropy", "nats a token")]),
    ("gradient norm", [("grad_norm", "before clipping")]),
    ("distance from the reference model", [("kl", "nats a token")]),
    ("clipped updates", [("clip_ratio/region_mean", "share of tokens")]),
    ("generated tokens per useful token", [("tokens/per_useful", "1 is best")]),
    ("resample rounds", [("resample/rounds", "rounds")]),
    ("few-shot examples in prompts", [("shots", "shots")]),
    ("shadow verifier disagrees", [("shadow/disagreement", "share")]),
]  # fmt: skip
CONSTANT = {
    "completions/clipped_ratio",
    "clip_ratio/region_mean",
    "shots",
    "resample/rounds",
    "kl",
}  # no chart if always 0


def curves(metrics: Metrics, evaluations: Sequence[Summary]) -> str:
    """All charts of one run, as HTML."""
    drawn = [accuracy_chart("held-out accuracy", {"": evaluations})]
    for title, names in CURVES:
        lines = series(metrics, names)
        if isinstance(names, str) or names[0][0] not in CONSTANT or any(y for line in lines for _, y in line.points):
            drawn.append(charts.lines(title, lines))
    statuses = series(metrics, [(f"verdicts/{status}", str(status)) for status in Status])
    drawn.insert(2, charts.areas("verdicts", statuses, colors=[line.label for line in statuses]))
    drawn.append(charts.areas("seconds a step", series(metrics, [(name, label) for name, label, _ in _times(metrics)])))
    return "".join(drawn)


def accuracy_chart(title: str, runs: Mapping[str, Sequence[Summary]]) -> str:
    """Held-out accuracy by step, with 95 % intervals: of one run strict and lenient, of several strict."""
    lines = []
    for label, evaluations in runs.items():
        for kind in KINDS if len(runs) == 1 else KINDS[:1]:
            points, low, high = [], [], []
            for summary in evaluations:
                accuracy = summary.of(kind)
                if accuracy is not None and accuracy.accuracy is not None:
                    points.append((float(summary.at_step), accuracy.accuracy))
                    low.append(accuracy.interval[0])
                    high.append(accuracy.interval[1])
            lines.append(charts.Line(label or kind, points, low, high))
    return charts.lines(title, lines, "bands are 95 % intervals")


def series(metrics: Metrics, names: Names, intervals: bool = True) -> list[charts.Line]:
    """Metrics as curves. The band around a mean over completions is its 95 % interval."""
    if isinstance(names, str):
        prefix = names
        keys = dict.fromkeys(key for row in metrics for key in row if key.startswith(prefix))
        names = [(key, key.removeprefix(prefix)) for key in keys]
    lines = []
    for key, label in names:
        points = [(float(row["step"]), float(row[key])) for row in metrics if is_number(row.get(key))]
        if points:
            lines.append(charts.Line(label, points, interval=intervals and len(names) == 1))
    return lines


def _times(metrics: Metrics) -> list[tuple[str, str, float]]:
    """(metric, label, seconds in all) of the parts of a step."""
    names = dict.fromkeys(key for row in metrics for key in row if key.startswith("time/") and key != "time/step")
    sums = [(name, math.fsum(row[name] for row in metrics if is_number(row.get(name)))) for name in names]
    return [(name, name.removeprefix("time/"), seconds) for name, seconds in sums if seconds > 0]


def time_split(metrics: Metrics) -> str:
    """How the time of a step is shared, as HTML."""
    parts, steps = _times(metrics), len(metrics)
    total = math.fsum(seconds for _, _, seconds in parts)
    if not total:
        return ""
    bars = "".join(
        f'<span class="c{i % 6}" style="width:{100 * seconds / total:.2f}%"></span>'
        for i, (_, _, seconds) in enumerate(parts)
    )
    keys = " ".join(
        f'<span class="key c{i % 6}">{escape(label)} {seconds / total:.1%} ({seconds / steps:.3g} s a step)</span>'
        for i, (_, label, seconds) in enumerate(parts)
    )
    return f'<h2 id="time">Time</h2><div class=split>{bars}</div><p>{keys}</p>'


def is_number(value: object) -> TypeGuard[float]:
    """Whether a metric is a finite number: what JSON had no number for is null."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
