"""Tables of text in Markdown."""

from rlvr.runner.report.tables import TextTable


def test_markdown() -> None:
    table = TextTable("t", ["a", "b"], [["1", "2|3"], ["two\nlines ", ""]])
    assert table.markdown() == ["| a | b |", "| --- | --- |", "| 1 | 2\\|3 |", "| two lines |  |"]


def test_without_rows() -> None:
    assert TextTable("t", ["a"], []).markdown() == ["| a |", "| --- |"]
