"""What the pages have in common: titles are text, and a page needs nothing beside itself."""

from rlvr.runner.evaluation.summary import Accuracy
from rlvr.runner.report.html import STYLE, accuracy_cell, page, table


def test_a_page() -> None:
    text = page("<A & B>", ["<p>one</p>", "<p>two</p>"], "p { color: red }")
    assert "<title>&lt;A &amp; B&gt;</title>" in text
    assert "<style>\np { color: red }</style>" in text
    assert "<p>one</p>\n<p>two</p>" in text
    assert "src=" not in text
    assert "href=" not in text


def test_a_table() -> None:
    text = table("<t>", ["", "<b>"], [["&lt;row&gt;", 1, "<small>2</small>"]])
    assert text.startswith("<h3>&lt;t&gt;</h3>")
    assert "<th></th><th>&lt;b&gt;</th>" in text
    assert "<tr><th>&lt;row&gt;</th><td>1</td><td><small>2</small></td></tr>" in text


def test_an_accuracy() -> None:
    assert accuracy_cell(Accuracy(4, 0.5, (0.1, 0.9))) == "50.0% <small>[10.0%, 90.0%]</small>"
    assert accuracy_cell(Accuracy(0, None)) == accuracy_cell(None) == "–"


def test_the_style_is_there() -> None:
    assert "table" in STYLE.read_text(encoding="utf-8")
