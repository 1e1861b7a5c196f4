"""The report of an audit, in Markdown and in HTML that needs nothing beside itself."""

import re
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from rlvr.errors import ConfigError
from rlvr.runner.report.html import page
from rlvr.runner.report.tables import TextTable
from rlvr.verifiers.audit import AuditSummary, Difference, Rate
from rlvr.verifiers.audit.summary import CaseReport, Latency

MAX_ROWS = 200
MARK = "<!-- audit -->"
CASE_COLUMNS = ("case", "label", "gold", "completion", "verdict", "why")
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { border: 1px solid #8884; padding: .25rem .6rem; text-align: left; }
td { overflow-wrap: anywhere; max-width: 28rem; } h1, h2 { line-height: 1.2; } code { font-size: 90%; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } }
"""


def headline(summaries: Sequence[AuditSummary]) -> TextTable:
    """What was measured, one column a verifier."""
    facts: dict[str, Callable[[AuditSummary], str]] = {
        "cases": lambda s: str(s.cases),
        "wrong answers accepted": lambda s: str(s.false_accept),
        "right answers rejected": lambda s: str(s.false_reject),
        "gold answers accepted": lambda s: str(s.gold_accepted),
        "near misses refused": lambda s: str(s.near_misses_refused),
        "attacks accepted": lambda s: str(s.attacks_accepted),
        "controls rejected": lambda s: str(s.controls_rejected),
        "errors, timeouts": lambda s: f"{s.errors}, {s.timeouts}",
        "over the deadline": lambda s: f"{s.hangs} (> {s.hang_limit_s:g} s)",
        "largest worker, MB": lambda s: f"{s.peak_worker_mb:.0f}",
        "verdicts per second": lambda s: "–" if s.throughput_per_s is None else f"{s.throughput_per_s:,.0f}",
        "ms a verdict: median / p99 / max": lambda s: _latency(s.latency_ms),
    }
    rows = [[name, *map(fact, summaries)] for name, fact in facts.items()]
    return TextTable("Rates", ["", *(summary.verifier for summary in summaries)], rows)


def _latency(latency: Latency) -> str:
    values = (latency.median, latency.p99, latency.max)
    return " / ".join("–" if value is None else f"{value:.2f}" for value in values)


def overview(summaries: Sequence[AuditSummary]) -> TextTable:
    """One row a verifier: what a reader of the documentation wants to know of all of them."""
    columns = ["verifier", "gold accepted", "near misses refused", "attacks accepted", "wrong accepted", "right rejected",
               "errors", "ms: median / max", "deadline, s"]  # fmt: skip
    return TextTable("Measured rates", columns, [_overview_row(summary) for summary in summaries])


def _overview_row(s: AuditSummary) -> Sequence[str]:
    median, largest = s.latency_ms.median, s.latency_ms.max
    rates = (s.gold_accepted, s.near_misses_refused, s.attacks_accepted, s.false_accept, s.false_reject)
    return [
        s.audited,
        *map(_count, rates),
        str(s.errors),
        "–" if median is None else f"{median:.2f} / {largest:.0f}",
        f"{s.deadline_s:g}",
    ]


def _count(rate: Rate) -> str:
    return f"{rate.count:,} of {rate.total:,}" if rate.total else "–"


def put_table(file: Path, table: TextTable) -> None:
    """Write a table in Markdown: after the line MARK of an existing file, in place of the table there.

    Raises ConfigError for an existing file without that line.
    """
    before = file.read_text(encoding="utf-8") if file.exists() else f"{MARK}\n"
    head, mark, rest = before.partition(f"{MARK}\n")
    if not mark:
        raise ConfigError(f"{file}: no line {MARK!r} to put the table behind")
    tail = re.sub(r"\A\s*(?:\|[^\n]*\n)*", "", rest)
    text = head + mark + "\n" + "\n".join(table.markdown()) + "\n"
    file.write_text(text + ("\n" + tail.lstrip("\n") if tail.strip() else ""), encoding="utf-8")


def tables(
    summaries: Sequence[AuditSummary], different: Sequence[Difference], failed: Sequence[str]
) -> list[TextTable]:
    """All tables of the report. `different` are cases that the first two verifiers decide differently."""
    report = [headline(summaries)]
    if failed:
        report.append(TextTable("Bars not met", ["bar"], [[bar] for bar in failed]))
    for summary in summaries:
        report += _tables_of(summary)
    if different:
        first, second = (summary.verifier for summary in summaries[:2])
        rows = [[*_case(case), case.other_status, case.right] for case in different[:MAX_ROWS]]
        report.append(TextTable(f"Where {first} and {second} differ", [*CASE_COLUMNS, second, "right"], rows))
    return report


def _tables_of(s: AuditSummary) -> list[TextTable]:
    name = s.verifier
    rows = [[count.label, count.status, str(count.cases)] for count in s.confusion]
    report = [TextTable(f"{name}: confusion", ["label", "verdict", "cases"], rows)]
    groups = {
        "source": s.by_source,
        "attack": s.by_attack,
        "convention of the label": s.by_convention,
        "pack": s.by_pack,
    }
    for title, rates in groups.items():
        if rates:
            rows = [[group.name, str(group.cases), str(group.false_accept), str(group.false_reject)] for group in rates]
            report.append(TextTable(f"{name}: by {title}", [title, "cases", "wrong accepted", "right rejected"], rows))
    rows = [[count.reason, str(count.cases), str(count.wrong)] for count in s.by_reason]
    report.append(TextTable(f"{name}: by reason of the verdict", ["reason", "cases", "against the label"], rows))
    if s.wrong:
        rows = [_case(case) for case in s.wrong[:MAX_ROWS]]
        report.append(TextTable(f"{name}: verdicts against their label", CASE_COLUMNS, rows))
    return report


def _case(case: CaseReport) -> list[str]:
    name = f"{case.source} {case.id}" + (f" [{case.attack}]" if case.attack else "")
    return [name, case.label, case.gold, case.completion, case.status, case.reason]


def markdown(title: str, tables: Sequence[TextTable]) -> str:
    """The report as a Markdown file."""
    lines = [f"# {title}"]
    for table in tables:
        lines += ["", f"## {table.title}", "", *table.markdown()]
    return "\n".join(lines) + "\n"


def as_html(title: str, tables: Sequence[TextTable]) -> str:
    """The report as a page."""
    parts = [f"<h1>{escape(title)}</h1>"]
    for table in tables:
        head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in table.rows)
        parts.append(f"<h2>{escape(table.title)}</h2><table><tr>{head}</tr>\n{body}</table>")
    return page(title, parts, _STYLE)
