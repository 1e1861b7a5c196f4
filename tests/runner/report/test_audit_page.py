"""The report of an audit: what models wrote is text, tables are put into documentation, and rates come with intervals."""

from pathlib import Path

import pytest

from rlvr.errors import ConfigError
from rlvr.runner.report import audit_page
from rlvr.runner.report.tables import TextTable
from rlvr.verifiers.audit import AuditCase, AuditOutcome, AuditRun, Kind, Label, summarize
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.types import Completion, Example, Verdict


def outcome(right: bool, accepted: bool, seconds: float = 0.001, **fields: object) -> AuditOutcome:
    label = Label.RIGHT if right else Label.WRONG
    case = AuditCase("1", "own", Example("1", "?", "<5>"), Completion("a|b"), label, **fields)  # type: ignore[arg-type]
    verdict = Verdict.of(accepted, "5", "12 digits")
    return AuditOutcome(case, Verdict(verdict.status, verdict.score, "5", "12 digits", {}, seconds))


def run(name: str, *outcomes: AuditOutcome) -> AuditRun:
    return AuditRun(registry().verifier(name), list(outcomes), wall_s=0.5, peak_mb=64.4)


def test_the_headline_has_a_column_for_each_verifier() -> None:
    outcomes = [outcome(True, True), outcome(True, False), outcome(False, False), outcome(False, True, attack="echo")]
    first, second = summarize(run("number", *outcomes)), summarize(run("exact"))
    table = audit_page.headline([first, second])
    assert table.columns == ["", "number", "exact"]
    cells = {name: (left, right) for name, left, right in table.rows}
    assert cells["right answers rejected"] == ("50.0% [9.5%, 90.5%], 1 of 2", "–")
    assert cells["attacks accepted"][0] == "100.0% [20.7%, 100.0%], 1 of 1"
    assert cells["largest worker, MB"][0] == "64"
    assert cells["verdicts per second"] == ("8", "0")
    assert cells["ms a verdict: median / p99 / max"] == ("1.00 / 1.00 / 1.00", "– / – / –")


def test_the_overview_has_a_row_for_each_verifier() -> None:
    gold = outcome(True, True, kind=Kind.GOLD)
    table = audit_page.overview([summarize(run("number", gold, gold))])
    assert table.rows[0][1:6] == ["2 of 2", "–", "–", "–", "–"]
    assert len(table.rows[0]) == len(table.columns)


def test_all_tables() -> None:
    first = summarize(run("number", outcome(True, False, attack="echo"), outcome(False, True, convention="a choice")))
    titles = [table.title for table in audit_page.tables([first], [], ["errors 1 is over 0"])]
    assert titles == [
        "Rates", "Bars not met", "number: confusion", "number: by attack", "number: by convention of the label",
        "number: by reason of the verdict", "number: verdicts against their label",
    ]  # fmt: skip
    *_, wrong = audit_page.tables([first], [], [])
    assert wrong.rows[0] == ["own 1 [echo]", "right", "<5>", "a|b", "incorrect", "12 digits"]


def test_reports_escape_what_models_write() -> None:
    table = TextTable("t", ["a"], [["<script>|x|</script>\n2"]])
    assert "<script>" not in audit_page.as_html("t", [table])
    assert "| <script>\\|x\\|</script> 2 |" in audit_page.markdown("t", [table])


def test_a_table_is_put_after_its_mark(tmp_path: Path) -> None:
    file = tmp_path / "index.md"
    file.write_text("# Verifiers\n\n<!-- audit -->\n\n| old |\n| --- |\n| row |\n\nMore.\n")
    audit_page.put_table(file, TextTable("t", ["a", "b"], [["1", "2|3"]]))
    assert file.read_text() == "# Verifiers\n\n<!-- audit -->\n\n| a | b |\n| --- | --- |\n| 1 | 2\\|3 |\n\nMore.\n"
    file.write_text("# Verifiers\n")
    with pytest.raises(ConfigError, match=r"index\.md: no line '<!-- audit -->'"):
        audit_page.put_table(file, TextTable("t", ["a"], []))
