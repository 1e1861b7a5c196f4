"""`rlvr audit`: how often a verifier is wrong, how it holds under attack, how fast it is and how much memory it takes."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, validators
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from rlvr.errors import ConfigError, ExitCode
from rlvr.runner.analysis.audit_subjects import Subject, subjects
from rlvr.runner.commands.verify import with_options
from rlvr.runner.report import audit_page as audit_report
from rlvr.verifiers.audit import (
    AuditCase,
    AuditRun,
    AuditSummary,
    Difference,
    Kind,
    differences,
    generated_attacks,
    measure,
    summarize,
)
from rlvr.verifiers.audit.summary import as_json
from rlvr.verifiers.composite.composite import Composite
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.verifier import Verifier

SEEDS = 10_000


def audit(
    *names: str,
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    cases: Annotated[Sequence[Path], Parameter(consume_multiple=True, negative="")] = (),
    against: str | None = None,
    option: Annotated[Sequence[str], Parameter(negative="")] = (),
    attacks: bool = True,
    seeds: Annotated[int, Parameter(validator=validators.Number(gte=0))] = SEEDS,
    limit: int | None = None,
    report: Path | None = None,
    markdown: Path | None = None,
    hub_mirror: str = "",
    max_false_accept: float | None = None,
    max_false_reject: float | None = None,
    max_attacks: int | None = None,
    max_hangs: int | None = None,
    max_errors: int | None = None,
    max_memory_mb: float | None = None,
    max_p99_ms: float | None = None,
    min_throughput: float | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Measure verifiers: wrong answers accepted, right ones rejected, attacks, hangs, memory, speed.

    Without --cases it takes the labelled cases that come with the verifier and with the packs that use it, and from
    fresh examples of those packs the gold answers, which must be accepted, and near misses, which must be refused.
    Reward hacks are made from the cases' gold answers and tried too.

        rlvr audit math
        rlvr audit tasks/gsm8k
        rlvr audit --all --markdown docs/verifiers/index.md
        rlvr audit math --against math-verify --report audit/
        rlvr audit math --cases my_cases.jsonl --max-false-accept 0.01 --max-attacks 0 --json

    A case is a JSON object on a line: `gold`, `completion` (or `answer`) and `expected`: true, false, or "accept",
    "reject" and "no_hang" for attacks. `source` and `category` group them; `policy` says that a label is a choice, and
    such cases are counted apart.

    The exit code is 1 where a bar (--max-…, --min-…) isn't met by every verifier that is measured.

    Parameters
    ----------
    names
        Verifiers (`rlvr list verifiers` shows all), or folders of packs. Several are put into one table.
    all_
        Measure every verifier that is installed.
    cases
        JSONL files with labelled cases.
    against
        Another verifier to measure on the same cases; what they decide differently is shown.
    option
        KEY=VALUE: an option of the verifier, or deadline_s or memory_mb. May be repeated.
    attacks
        Also try reward hacks made from the cases' gold answers.
    seeds
        How many examples of packs to try; 0: none.
    limit
        Take the first so many labelled cases only.
    report
        A folder for audit.md, audit.html and audit.json.
    markdown
        A file for the table of all that is measured; in one with a line `<!-- audit -->` the table behind it is replaced.
    hub_mirror
        A folder with copies of hub data sets (default: RLVR_HUB_MIRROR).
    max_false_accept
        The largest share of wrong answers that may be accepted, such as 0.01.
    max_false_reject
        The largest share of right answers that may be rejected.
    max_attacks
        How many attacks may be accepted.
    max_hangs
        How many verdicts may take longer than the deadline and half a second.
    max_errors
        How many verdicts may be `error`.
    max_memory_mb
        The largest resident memory of a worker.
    max_p99_ms
        The 99th percentile of the time of a verdict.
    min_throughput
        Verdicts per second, all workers together.
    json_
        Print the result as one JSON object on standard output.
    """
    console = Console(stderr=True)
    if all_ == bool(names):
        raise ConfigError("give names of verifiers or folders of packs, or --all")
    if all_:  # composites are measured in the packs that use them
        names = tuple(name for name, one in sorted(registry().verifiers.items()) if not isinstance(one, Composite))
    if len(names) > 1 and (against is not None or option or cases):
        raise ConfigError("--against, --option and --cases go with one verifier")
    bars = {
        "false_accept": max_false_accept, "false_reject": max_false_reject, "attacks": max_attacks, "hangs": max_hangs,
        "errors": max_errors, "memory_mb": max_memory_mb, "p99_ms": max_p99_ms, "throughput": min_throughput,
    }  # fmt: skip
    summaries: list[AuditSummary] = []
    different: list[Difference] = []
    failed: list[str] = []
    several = len(names) > 1
    for found in (one for name in names for one in subjects(name, cases, seeds, hub_mirror or None)):
        if several:
            console.print(f"{found.name}: {len(found.cases):,} cases")
        runs = _runs(found, against, option, attacks, limit, console)
        for note in found.notes:
            console.print(f"note: {escape(note)}")
        if not runs:
            console.print(f"no labelled cases for {found.name!r}: give some with --cases FILE.jsonl")
            continue
        summary = replace(summarize(runs[0]), audited=found.name, notes=found.notes)
        summaries += [summary, *(summarize(run) for run in runs[1:])]
        different += differences(*runs) if len(runs) == 2 else []
        here = missed(summary, bars)
        failed += [f"{found.name}: {bar}" for bar in here] if several else here
        if markdown is not None:  # after each, so that an interrupted audit leaves what it measured
            audit_report.put_table(markdown, audit_report.overview(summaries))
    if not summaries:
        return ExitCode.NOTHING_TO_DO
    blocks = (
        [audit_report.overview(summaries)]
        if len(summaries) > 1 and against is None
        else audit_report.blocks(summaries, different, failed)
    )
    data = {"verifiers": as_json(summaries), "differences": as_json(different), "failed": failed}
    if report is not None:
        _write(report, f"Audit of {', '.join(names)}", blocks, data)
        console.print(f"wrote {escape(str(report / 'audit.md'))}, audit.html, audit.json")
    if markdown is not None:
        console.print(f"wrote {escape(str(markdown))}")
    if json_:
        print(json.dumps(data))
    else:
        for block in blocks:
            _print(console, block)
    for bar in failed:
        console.print(f"[red]not met[/]: {escape(bar)}")
    return ExitCode.FAILED if failed else ExitCode.OK


def _runs(
    found: Subject, against: str | None, option: Sequence[str], attacks: bool, limit: int | None, console: Console
) -> list[AuditRun]:
    """The subject's run, and that of the verifier it is compared with; nothing where there is no case."""
    verifier = with_options(found.verifier, option, False, None)
    verifiers = [verifier] if against is None else [verifier, registry().verifier(against)]
    labelled = [case for case in found.cases if case.kind is Kind.CASE][:limit]
    made = [case for case in found.cases if case.kind is not Kind.CASE]
    chosen = labelled + (generated_attacks(labelled) if attacks else []) + made
    return [_measured(v, chosen, console) for v in verifiers] if chosen else []


def missed(summary: AuditSummary, bars: dict[str, float | None]) -> list[str]:
    """The bars that a verifier doesn't meet, in words. What wasn't measured doesn't meet a bar."""
    measured = {
        "false_accept": summary.false_accept.rate if summary.false_accept.total else None,
        "false_reject": summary.false_reject.rate if summary.false_reject.total else None,
        "attacks": summary.attacks_accepted.count,
        "hangs": summary.hangs,
        "errors": summary.errors,
        "memory_mb": summary.peak_worker_mb,
        "p99_ms": summary.latency_ms.p99,
        "throughput": summary.throughput_per_s,
    }
    out = []
    for key, bar in bars.items():
        value = measured[key]
        if bar is None:
            continue
        words = key.replace("_", " ")
        if value is None:
            out.append(f"{words}: no case measures it")
        elif key == "throughput" and value < bar:
            out.append(f"throughput {value:g} per second is below {bar:g}")
        elif key != "throughput" and value > bar:
            out.append(f"{words} {value:g} is over {bar:g}")
    return out


def _measured(verifier: Verifier, cases: Sequence[AuditCase], console: Console) -> AuditRun:
    with Engine() as engine, Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"audit {verifier.name}", total=len(cases))
        return measure(verifier, cases, engine, lambda n: progress.advance(task, n))


def _write(folder: Path, title: str, blocks: list[audit_report.Block], data: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "audit.md").write_text(audit_report.markdown(title, blocks), encoding="utf-8")
    (folder / "audit.html").write_text(audit_report.as_html(title, blocks), encoding="utf-8")
    (folder / "audit.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def _print(console: Console, block: audit_report.Block) -> None:
    title, columns, rows = block
    table = Table(title=escape(title), title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(escape(column), overflow="fold")
    for row in rows[:40]:
        table.add_row(*(escape(" ".join(cell.split())[-160:]) for cell in row))
    console.print(table)
    if len(rows) > 40:
        console.print(f"… and {len(rows) - 40} more (--report DIR has them)")
