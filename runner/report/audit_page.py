"""The report of an audit, in Markdown and in HTML that needs nothing beside itself."""

import html
import re
from collections.abc import Sequence
from pathlib import Path

from rlvr.errors import ConfigError
from rlvr.verifiers.audit import AuditSummary, Difference, Rate
from rlvr.verifiers.audit.summary import CaseReport

MAX_ROWS = 200
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { border: 1px solid #8884; padding: .25rem .6rem; text-align: left; }
td { overflow-wrap: anywhere; max-width: 28rem; } h1, h2 { line-height: 1.2; } code { font-size: 90%; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } }
"""
Block = tuple[str, Sequence[str], Sequence[Sequence[str]]]  # title, columns, rows


def rate(value: Rate) -> str:
    """A rate as people read it: 1.2 % (3 of 250; 0.4 to 3.5)."""
    if not value.total:
        return "–"
    low, high = value.interval
    return f"{100 * value.rate:.1f} % ({value.count} of {value.total}; {100 * low:.1f} to {100 * high:.1f})"


def headline(summaries: Sequence[AuditSummary]) -> Block:
    """What was measured, one column a verifier."""

    def latency(s: AuditSummary) -> str:
        values = (s.latency_ms.median, s.latency_ms.p99, s.latency_ms.max)
        return " / ".join("–" if value is None else f"{value:.2f}" for value in values)

    facts = {
        "cases": lambda s: str(s.cases),
        "wrong answers accepted": lambda s: rate(s.false_accept),
        "right answers rejected": lambda s: rate(s.false_reject),
        "gold answers accepted": lambda s: rate(s.gold_accepted),
        "near misses refused": lambda s: rate(s.near_misses_refused),
        "attacks accepted": lambda s: rate(s.attacks_accepted),
        "controls rejected": lambda s: rate(s.controls_rejected),
        "errors, timeouts": lambda s: f"{s.errors}, {s.timeouts}",
        "over the deadline": lambda s: f"{s.hangs} (> {s.hang_limit_s:g} s)",
        "largest worker, MB": lambda s: f"{s.peak_worker_mb:.0f}",
        "verdicts per second": lambda s: "–" if s.throughput_per_s is None else f"{s.throughput_per_s:,.0f}",
        "ms a verdict: median / p99 / max": latency,
    }
    rows: list[Sequence[str]] = [[name, *(show(s) for s in summaries)] for name, show in facts.items()]
    return "Rates", ["", *(s.verifier for s in summaries)], rows


def overview(summaries: Sequence[AuditSummary]) -> Block:
    """One row a verifier: what a reader of the documentation wants to know of all of them."""
    columns = ["verifier", "gold accepted", "near misses refused", "attacks accepted", "wrong accepted", "right rejected",
               "errors", "ms: median / max", "deadline, s"]  # fmt: skip
    return "Measured rates", columns, [_overview_row(s) for s in summaries]


def _overview_row(s: AuditSummary) -> Sequence[str]:
    median, largest = s.latency_ms.median, s.latency_ms.max
    rates = (s.gold_accepted, s.near_misses_refused, s.attacks_accepted, s.false_accept, s.false_reject)
    return [
        s.audited,
        *map(of, rates),
        str(s.errors),
        "–" if median is None else f"{median:.2f} / {largest:.0f}",
        f"{s.deadline_s:g}",
    ]


def of(value: Rate) -> str:
    """A count as a table shows it: 3 of 250."""
    return f"{value.count:,} of {value.total:,}" if value.total else "–"


MARK = "<!-- audit -->"


def put_table(file: Path, block: Block) -> None:
    """Write the block as a Markdown table: behind the line MARK of an existing file, in place of the table there."""
    _, columns, rows = block
    table = [_line(columns), _line(["---"] * len(columns)), *map(_line, rows)]
    before = file.read_text(encoding="utf-8") if file.exists() else f"{MARK}\n"
    head, mark, rest = before.partition(f"{MARK}\n")
    if not mark:
        raise ConfigError(f"{file}: no line {MARK!r} to put the table behind")
    tail = re.sub(r"\A\s*(?:\|[^\n]*\n)*", "", rest)
    text = head + mark + "\n" + "\n".join(table) + "\n"
    file.write_text(text + ("\n" + tail.lstrip("\n") if tail.strip() else ""), encoding="utf-8")


def blocks(summaries: Sequence[AuditSummary], different: Sequence[Difference], failed: Sequence[str]) -> list[Block]:
    """All tables of the report."""
    out = [headline(summaries)]
    if failed:
        out.append(("Bars not met", ["bar"], [[f] for f in failed]))
    for s in summaries:
        name = s.verifier
        out.append(
            (f"{name}: confusion", ["label", "verdict", "cases"],
             [[c.label, c.status, str(c.cases)] for c in s.confusion])
        )  # fmt: skip
        for title, groups in (
            ("source", s.by_source),
            ("attack", s.by_attack),
            ("policy of the label", s.by_policy),
            ("pack", s.by_pack),
        ):
            if groups:
                rows = [[g.name, str(g.cases), rate(g.false_accept), rate(g.false_reject)] for g in groups]
                out.append((f"{name}: by {title}", [title, "cases", "wrong accepted", "right rejected"], rows))
        rows = [[r.reason, str(r.cases), str(r.wrong)] for r in s.by_reason]
        out.append((f"{name}: by reason of the verdict", ["reason", "cases", "against the label"], rows))
        if s.wrong:
            out.append((f"{name}: verdicts against their label", _CASE, [_case(c) for c in s.wrong[:MAX_ROWS]]))
    if different:
        first, second = (s.verifier for s in summaries[:2])
        rows = [[*_case(c), c.other_status, c.right] for c in different[:MAX_ROWS]]
        out.append((f"Where {first} and {second} differ", [*_CASE, second, "right"], rows))
    return out


_CASE = ["case", "label", "gold", "completion", "verdict", "why"]


def _case(case: CaseReport) -> list[str]:
    name = f"{case.source} {case.id}" + (f" [{case.attack}]" if case.attack else "")
    return [name, case.label, case.gold, case.completion, case.status, case.reason]


def markdown(title: str, found: list[Block]) -> str:
    lines = [f"# {title}"]
    for name, columns, rows in found:
        lines += ["", f"## {name}", "", _line(columns), _line(["---"] * len(columns)), *map(_line, rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(c.split()).replace("|", "\\|") for c in cells) + " |"


def as_html(title: str, found: list[Block]) -> str:
    escaped = html.escape
    parts = [f"<h1>{escaped(title)}</h1>"]
    for name, columns, rows in found:
        head = "".join(f"<th>{escaped(c)}</th>" for c in columns)
        body = "".join("<tr>" + "".join(f"<td>{escaped(c)}</td>" for c in row) + "</tr>\n" for row in rows)
        parts.append(f"<h2>{escaped(name)}</h2><table><tr>{head}</tr>\n{body}</table>")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escaped(title)}</title><style>{_STYLE}</style>\n" + "\n".join(parts) + "</html>\n"
    )
