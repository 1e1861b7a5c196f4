"""A profile on a terminal."""

import io

from rich.console import Console

from rlvr.runner.analysis.profile import ExampleProfile, summarize_profile
from rlvr.runner.display.profile_table import profile_table

ROWS = [
    ExampleProfile("a", "1+1", "[b]two", 8, 0, 0.0, 10.0),
    ExampleProfile("b", "1+2", "[b]two", 8, 2, 0.5, 20.0),
    ExampleProfile("c", "1+3", "three", 8, 8, 0.0, 30.0),
    ExampleProfile("d", "1+4", "three", 0, 0, 0.5, 40.0),
]


def shown(rows: list[ExampleProfile]) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(profile_table("sums by m", summarize_profile(rows, 4)))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_histogram_categories_and_what_is_left_out() -> None:
    text = shown(ROWS)
    assert "sums by m" in text
    for row in ("0% │        1 │ ████", "from 25%, below 50% │        1 │ ████", "from 75%, below 90% │        0 │  "):
        assert row in text
    assert "│ all      │        4 │   41.7% [" in text
    assert "│ [b]two   │        2 │" in text  # a category is no markup
    assert "varied: groups of 4 that hold right and wrong completions" in text
    assert "left out because all their verdicts are infrastructure errors: 1" in text


def test_without_examples() -> None:
    assert "│ all      │        0 │ 0.0% [0.0%, 100.0%]" in shown([])
