"""The categories of a run's report: held-out accuracy by category, and what training was like in each."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape

from rlvr.runner.evaluation.summary import KINDS, Accuracies, Summary
from rlvr.runner.report import charts
from rlvr.runner.report.curves import Metrics, is_number, series
from rlvr.runner.report.html import accuracy_cell, table
from rlvr.verifiers.types import Status

MAX_CATEGORIES = 8  # curves in one chart; the table has all
TAIL = 0.1  # the last part of the steps, over which the figures of the category table are means
PER_CATEGORY = [
    ("pass_rate", "correct, by category"), ("reward", "reward, by category"), ("length", "length, by category"),
    ("no_variance", "zero-variance groups, by category"), ("share", "share of the questions, by category"),
]  # fmt: skip


def categories(before: Summary | None, after: Summary | None, metrics: Metrics) -> str:
    """The section of the report; empty if there is only one category."""
    sides = [summary.categories if summary else {} for summary in (before, after)]
    evaluated, trained = list(dict.fromkeys([*sides[0], *sides[1]])), training_categories(metrics)
    parts = [_evaluated(evaluated, sides) if len(evaluated) > 1 else "", _trained(trained)]
    if not any(parts):
        return ""
    curves = _curves(metrics, list(trained))
    return f'<h2 id="categories">By category</h2>{"".join(parts)}<div class=curves>{curves}</div>'


def _evaluated(names: Sequence[str], sides: Sequence[Mapping[str, Accuracies]]) -> str:
    kinds = [kind for kind in KINDS if any(accuracies.of(kind) for side in sides for accuracies in side.values())]
    head = ["category", "questions", *(f"{kind} {when}" for kind in kinds for when in ("before", "after"))]
    rows = []
    for name in names:
        accuracies = [side.get(name) for side in sides]
        questions = next((side.strict.questions for side in accuracies if side), "–")
        cells = [accuracy_cell(side.of(kind) if side else None) for kind in kinds for side in accuracies]
        rows.append([escape(name or "–"), questions, *cells])
    return table("Held-out accuracy [95 % interval]", head, rows)


def _trained(trained: Mapping[str, Mapping[str, float]]) -> str:
    if not trained:
        return ""
    columns = {"asked": ("share", ".0%"), "correct": ("pass_rate", ".0%"), "reward": ("reward", ".2f"),
               "zero-variance groups": ("no_variance", ".0%"), "tokens": ("length", ".0f")}  # fmt: skip
    rows = [
        [escape(name or "–"), *("–" if key not in figures else format(figures[key], shape) for key, shape in columns.values()),
         _status_shares(figures)]
        for name, figures in trained.items()
    ]  # fmt: skip
    return table(f"In training, the last {TAIL:.0%} of the steps", ["category", *columns, "verdicts"], rows)


def _curves(metrics: Metrics, names: Sequence[str]) -> str:
    drawn = []
    note = f"the first {MAX_CATEGORIES} of {len(names)}" if len(names) > MAX_CATEGORIES else ""
    for figure, title in PER_CATEGORY:
        wanted = [(f"category/{name}/{figure}", name or "–") for name in names[:MAX_CATEGORIES]]
        drawn.append(charts.lines(title, series(metrics, wanted, intervals=False), note))
    return "".join(drawn)


def training_categories(metrics: Metrics) -> dict[str, dict[str, float]]:
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
        name: {figure: math.fsum(numbers) / len(numbers) for figure, numbers in figures.items()}
        for name, figures in values.items()
    }


def _status_shares(figures: Mapping[str, float]) -> str:
    shares = [(str(status), figures.get(f"verdicts/{status}", 0.0)) for status in Status]
    return " ".join(f'<span class="{status}">{status} {share:.0%}</span>' for status, share in shares if share >= 0.005)
