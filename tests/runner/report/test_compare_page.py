"""The page of a comparison stands alone, and what runs hold is text in it."""

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

from rlvr.runner.analysis.compare import compare_runs
from rlvr.runner.analysis.run_record import open_runs
from rlvr.runner.report.compare_page import tables, write


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not {name for name, _ in attributes} & {"src", "href", "onclick"}, "the page stands alone"

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page(evaluated_run: Callable[..., Path], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    comparison = compare_runs(
        open_runs([evaluated_run(), evaluated_run(before=0.2, after=0.2, seed=1, reward="constant")])
    )
    write(page, comparison)
    found = Page(page.read_text())
    assert "b" not in found.tags  # a category is text
    assert "<b>even" in found.words
    assert found.tags.count("svg") == 4  # accuracy, correct, reward, seconds
    assert "the gain of A is significantly larger than that of B" in found.words


def test_the_tables(evaluated_run: Callable[..., Path]) -> None:
    first, other = evaluated_run(before=0.2, after=0.6), evaluated_run(before=0.2, after=0.3, seed=1, lenient=False)
    shown = {table.title: table for table in tables(compare_runs(open_runs([first, other])))}
    assert list(shown) == [
        "runs",
        "settings that differ",
        "held-out accuracy [95 % interval]",
        "differences [95 % interval]",
        "by category, strict [95 % interval]",
    ]
    assert shown["runs"].rows[0] == ["A", first.name, "sums", "tiny", "verifier", "0", "10 of 10", "0"]
    assert shown["settings that differ"].rows == [["A, B", "seed", "0", "1"]]
    assert [row[:2] for row in shown["held-out accuracy [95 % interval]"].rows] == [
        ["A", "strict"],
        ["A", "lenient"],
        ["B", "strict"],
    ]
    (difference,) = shown["differences [95 % interval]"].rows  # B has no lenient accuracy
    assert difference[:2] == ["A – B", "strict"]
    assert difference[-2:] == ["yes", "by question"]
    by_category = shown["by category, strict [95 % interval]"]
    assert by_category.columns[-1] == "A's gain less it"
    assert [row[:2] for row in by_category.rows] == [["<b>even", "A"], ["", "B"], ["odd", "A"], ["", "B"]]
    assert by_category.rows[0][-1] == "–"
    assert all(len(row) == len(table.columns) for table in shown.values() for row in table.rows)


def test_one_run_without_evaluations(evaluated_run: Callable[..., Path]) -> None:
    runs = open_runs([evaluated_run(before=None, after=None), evaluated_run(before=None, after=None, seed=1)])
    assert [table.title for table in tables(compare_runs(runs))] == ["runs", "settings that differ"]
