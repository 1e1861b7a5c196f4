"""`rlvr audit`: how often a verifier is wrong, how it holds under attack, how fast it is and how much memory it takes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter, validators
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from rlvr.errors import ConfigError, ExitCode
from rlvr.runner.analysis.audit_subjects import AuditSubject, subjects
from rlvr.runner.commands.verify import with_options
from rlvr.runner.report import audit_page
from rlvr.runner.report.tables import TextTable
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
SHOWN_ROWS, SHOWN_CHARACTERS = 40, 160  # of a table, and of each cell, on a terminal


@Parameter(name="*", group=Group.create_ordered("Cases"))
@dataclass(frozen=True, kw_only=True)
class CaseFlags:
    """On what the verifiers are measured."""

    cases: Annotated[Sequence[Path], Parameter(consume_multiple=True, negative="", show_default=False)] = ()
    """JSONL files with labelled cases, instead of those that come with the verifier and its packs."""
    attacks: bool = True
    """Also try reward hacks made from the cases' gold answers."""
    seeds: Annotated[int, Parameter(validator=validators.Number(gte=0))] = SEEDS
    """How many examples of packs to try; 0: none."""
    limit: int | None = None
    """Take only this many labelled cases, the first ones."""
    hub_mirror: str = ""
    """A folder with copies of hub data sets (default: RLVR_HUB_MIRROR)."""


@Parameter(name="*", group=Group.create_ordered("Bars"))
@dataclass(frozen=True, kw_only=True)
class Bars:
    """What a verifier must reach, or the exit code is 1."""

    max_false_accept: float | None = None
    """The largest share of wrong answers that may be accepted, such as 0.01."""
    max_false_reject: float | None = None
    """The largest share of right answers that may be rejected."""
    max_attacks: int | None = None
    """How many attacks may be accepted."""
    max_hangs: int | None = None
    """How many verdicts may take longer than the deadline and half a second."""
    max_errors: int | None = None
    """How many verdicts may be `error`."""
    max_memory_mb: float | None = None
    """The largest resident memory of a worker."""
    max_p99_ms: float | None = None
    """The 99th percentile of the time of a verdict."""
    min_throughput: float | None = None
    """Verdicts per second, all workers together."""


@Parameter(name="*", group=Group.create_ordered("Output"))
@dataclass(frozen=True, kw_only=True)
class OutputFlags:
    """Where the figures go."""

    report: Path | None = None
    """A folder for audit.md, audit.html and audit.json."""
    markdown: Path | None = None
    """A file for a table of all verifiers; in a file with a line `<!-- audit -->`, the table after it is replaced."""
    json_: Annotated[bool, Parameter(name="--json", negative="", show_default=False)] = False
    """Print the result as one JSON object on stdout."""


def audit(
    *names: str,
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    against: str | None = None,
    option: Annotated[Sequence[str], Parameter(negative="")] = (),
    cases: CaseFlags = CaseFlags(),
    bars: Bars = Bars(),
    output: OutputFlags = OutputFlags(),
) -> int:
    """Measure verifiers: wrong answers accepted, right ones rejected, attacks, hangs, memory, speed.

    Without --cases, it takes the labelled cases that come with the verifier
    and with the packs that use it. From fresh examples of those packs, it takes
    the gold answers, which must be accepted, and near misses, which must be
    refused. It also tries reward hacks made from the cases' gold answers.

    Examples:

        rlvr audit math
        rlvr audit tasks/gsm8k
        rlvr audit --all --markdown docs/verifiers/index.md
        rlvr audit math --against math-verify --report audit/
        rlvr audit math --cases my_cases.jsonl --max-false-accept 0.01 --max-attacks 0 --json

    A case is a JSON object on a line: `gold`, `completion` and `expected`,
    which is true, false, or "accept", "reject" and "no_hang" for attacks.
    `source` and `category` group cases; `convention` names the convention that
    a label follows if others would do, and such cases are counted separately.

    The exit code is 1 if a verifier misses a bar (--max-…, --min-…).

    Parameters
    ----------
    names
        Verifiers (`rlvr list verifiers` shows all), or folders of packs. Several are put into one table.
    all_
        Measure every verifier that is installed.
    against
        Another verifier to measure on the same cases; the cases that they decide differently are shown.
    option
        KEY=VALUE: an option of the verifier, or deadline_s or memory_mb. May be repeated.
    """
    console = Console(stderr=True)
    names = _audited(names, all_, against is not None or bool(option) or bool(cases.cases))
    several = len(names) > 1
    summaries: list[AuditSummary] = []
    different: list[Difference] = []
    failed: list[str] = []
    for subject in _subjects(names, cases):
        if several:
            console.print(f"{subject.name}: {len(subject.cases):,} cases")
        runs = _runs(subject, against, option, cases, console)
        for note in subject.notes:
            console.print(f"note: {escape(note)}")
        if not runs:
            console.print(f"no labelled cases for {subject.name!r}: give some with --cases FILE.jsonl")
            continue
        summary = replace(summarize(runs[0]), audited=subject.name, notes=subject.notes)
        summaries += [summary, *(summarize(run) for run in runs[1:])]
        different += differences(*runs) if len(runs) == 2 else []
        failed += [f"{subject.name}: {bar}" if several else bar for bar in missed(summary, bars)]
        if output.markdown is not None:  # after each, so that an interrupted audit leaves what it measured
            audit_page.put_table(output.markdown, audit_page.overview(summaries))
    if not summaries:
        return ExitCode.NOTHING_TO_DO
    overview = len(summaries) > 1 and against is None
    tables = [audit_page.overview(summaries)] if overview else audit_page.tables(summaries, different, failed)
    data = {"verifiers": as_json(summaries), "differences": as_json(different), "failed": failed}
    _put_out(console, f"Audit of {', '.join(names)}", tables, data, output)
    for bar in failed:
        console.print(f"[red]not met[/]: {escape(bar)}")
    return ExitCode.FAILED if failed else ExitCode.OK


def _audited(names: tuple[str, ...], every: bool, for_one: bool) -> tuple[str, ...]:
    """The names to audit. Raises ConfigError for neither names nor --all, and for several with flags `for_one`."""
    if every == bool(names):
        raise ConfigError("give names of verifiers or folders of packs, or --all")
    if every:  # composites are measured in the packs that use them
        installed = sorted(registry().verifiers.items())
        names = tuple(name for name, verifier in installed if not isinstance(verifier, Composite))
    if len(names) > 1 and for_one:
        raise ConfigError("--against, --option and --cases go with one verifier")
    return names


def _subjects(names: Sequence[str], flags: CaseFlags) -> Iterator[AuditSubject]:
    for name in names:
        yield from subjects(name, flags.cases, flags.seeds, flags.hub_mirror or None)


def _runs(
    subject: AuditSubject, against: str | None, option: Sequence[str], flags: CaseFlags, console: Console
) -> list[AuditRun]:
    """The subject's run, and that of the verifier it is compared with; none without a case."""
    verifier = with_options(subject.verifier, option, False, None)
    verifiers = [verifier] if against is None else [verifier, registry().verifier(against)]
    labelled = [case for case in subject.cases if case.kind is Kind.CASE][: flags.limit]
    generated = [case for case in subject.cases if case.kind is not Kind.CASE]
    chosen = labelled + (generated_attacks(labelled) if flags.attacks else []) + generated
    return [_measured(verifier, chosen, console) for verifier in verifiers] if chosen else []


def missed(summary: AuditSummary, bars: Bars) -> list[str]:
    """The bars that a verifier misses, in words. What wasn't measured misses its bar."""
    measured = {
        "max_false_accept": summary.false_accept.rate if summary.false_accept.total else None,
        "max_false_reject": summary.false_reject.rate if summary.false_reject.total else None,
        "max_attacks": summary.attacks_accepted.count,
        "max_hangs": summary.hangs,
        "max_errors": summary.errors,
        "max_memory_mb": summary.peak_worker_mb,
        "max_p99_ms": summary.latency_ms.p99,
        "min_throughput": summary.throughput_per_s,
    }
    words = []
    for flag, bar in asdict(bars).items():
        value = measured[flag]
        if bar is None:
            continue
        name = flag[len("max_") :].replace("_", " ")
        if value is None:
            words.append(f"{name}: no case measures it")
        elif flag.startswith("min_") and value < bar:
            words.append(f"{name} {value:g} per second is below {bar:g}")
        elif flag.startswith("max_") and value > bar:
            words.append(f"{name} {value:g} is over {bar:g}")
    return words


def _measured(verifier: Verifier, cases: Sequence[AuditCase], console: Console) -> AuditRun:
    with Engine() as engine, Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"audit {verifier.name}", total=len(cases))
        return measure(verifier, cases, engine, lambda count: progress.advance(task, count))


def _put_out(
    console: Console, title: str, tables: Sequence[TextTable], data: dict[str, Any], output: OutputFlags
) -> None:
    if output.report is not None:
        folder = output.report
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "audit.md").write_text(audit_page.markdown(title, tables), encoding="utf-8")
        (folder / "audit.html").write_text(audit_page.as_html(title, tables), encoding="utf-8")
        (folder / "audit.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        console.print(f"wrote {escape(str(folder / 'audit.md'))}, audit.html, audit.json")
    if output.markdown is not None:
        console.print(f"wrote {escape(str(output.markdown))}")
    if output.json_:
        print(json.dumps(data))
    else:
        for table in tables:
            _print(console, table)


def _print(console: Console, text: TextTable) -> None:
    """The first rows of a table, each cell's end."""
    table = Table(title=escape(text.title), title_justify="left", title_style="bold")
    for column in text.columns:
        table.add_column(escape(column), overflow="fold")
    for row in text.rows[:SHOWN_ROWS]:
        table.add_row(*(escape(" ".join(cell.split())[-SHOWN_CHARACTERS:]) for cell in row))
    console.print(table)
    if len(text.rows) > SHOWN_ROWS:
        console.print(f"… and {len(text.rows) - SHOWN_ROWS} more (--report DIR has them)")
