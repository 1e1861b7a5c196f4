"""`rlvr verify`: one verdict, or a verdict for every row of a JSONL file. stdout gets JSON alone."""

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rlvr.errors import ConfigError, ExitCode
from rlvr.runner.analysis.verify_rows import Tally, agrees, as_row, verify_rows
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.types import Completion, Example, Status, Verdict
from rlvr.verifiers.verifier import Verifier

if TYPE_CHECKING:
    from rich.progress import Progress

_COLORS = {Status.CORRECT: "green", Status.INCORRECT: "red", Status.ERROR: "magenta"}


@Parameter(name="*", group=Group.create_ordered("Verifier"))
@dataclass(frozen=True, kw_only=True)
class VerifierFlags:
    """How the verifier works."""

    option: Annotated[Sequence[str], Parameter(negative="", show_default=False)] = ()
    """KEY=VALUE: an option of the verifier, or deadline_s or memory_mb. May be repeated."""
    bare: Annotated[bool, Parameter(negative="", show_default=False)] = False
    """The text is the answer itself, nothing is to be extracted (for math; the same as --option bare=true)."""
    sandbox: str | None = None
    """The sandbox that runs programs (for code; the same as --option sandbox=NAME)."""


@Parameter(name="*", group=Group.create_ordered("Rows"))
@dataclass(frozen=True, kw_only=True)
class RowFlags:
    """Many answers, one JSON object a line."""

    input_: Annotated[str | None, Parameter(name="--input", allow_leading_hyphen=True)] = None
    """A JSONL file with rows to verify, or - for standard input."""
    output: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    """Where the rows with their verdicts go: a file, or - for standard output (the default)."""


def verify(
    name: str,
    text: str | None = None,
    /,
    *,
    gold: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    explain: Annotated[bool, Parameter(negative="")] = False,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
    flags: VerifierFlags = VerifierFlags(),
    rows: RowFlags = RowFlags(),
) -> int:
    """Say whether an answer is right, and why.

    One answer; the exit code is 0 if it is correct and 1 if it isn't:

        rlvr verify number --gold 1,000 '20 * 50 = 1000 #### $1,000'
        rlvr verify number --gold 8 --option mode=lenient "A: 8"
        rlvr verify math --gold '1/2' '\\boxed{0.5}' --json
        rlvr verify exact --gold -5 -- -5

    Many, one JSON object a line:

        rlvr verify number --input answers.jsonl --output verdicts.jsonl
        cat answers.jsonl | rlvr verify number --input - | jq .status

    Each row has the columns `completion` and `gold`. Other columns pass
    through, and `status`, `score`, `extracted`, `reason` and `seconds` are
    added. If rows have a label `expected` (a status, or true or false), a
    table compares it with the verdicts, and the exit code is 1 if they
    disagree. `answer` is read too: as the gold answer in rows without
    `gold`, as the completion in rows with `gold` but without `completion`.

    Parameters
    ----------
    name
        The verifier; `rlvr list verifiers` shows all.
    text
        The completion to verify. One that begins with a hyphen goes after --.
    gold
        The gold answer. With --input: that of rows which have none.
    explain
        Also show the verifier's options, limits and the parts of the verdict.
    json_
        Print the verdict (with --input and --output FILE: the summary) as one JSON object on stdout.
    """
    verifier = with_options(registry().verifier(name), flags.option, flags.bare, flags.sandbox)
    console = Console(stderr=True)
    _require_one_of(text, rows)
    if rows.input_ is not None:
        return _verify_many(verifier, rows.input_, rows.output or "-", gold, console, json_=json_)
    with Engine(workers=1) as engine:
        verdict = engine.verify(verifier, Example("", "", gold or ""), Completion(text or ""))
    if json_:
        print(json.dumps({"verifier": name, **as_row(verdict), "parts": dict(verdict.parts)}))
    else:
        _show(console, verifier, verdict, explain)
    return ExitCode.OK if verdict.status is Status.CORRECT else ExitCode.FAILED


def _require_one_of(text: str | None, rows: RowFlags) -> None:
    """Raises ConfigError unless either a text or rows are given."""
    if rows.input_ is not None and text is not None:
        raise ConfigError(f"give either a text or --input, not both (text: {text[:40]!r})")
    if rows.input_ is None and text is None:
        raise ConfigError("nothing to verify: give a text, or rows with --input FILE.jsonl (- for standard input)")
    if rows.input_ is None and rows.output is not None:
        raise ConfigError("--output goes with --input; a single verdict is printed (--json for a JSON object)")


def with_options(verifier: Verifier, given: Sequence[str], bare: bool, sandbox: str | None) -> Verifier:
    """The verifier with the options `given`, each KEY=VALUE, and those of the flags --bare and --sandbox.

    Raises ConfigError for what is no KEY=VALUE, an unknown option, and a value that the option doesn't take.
    """
    for item in given:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise ConfigError(f"--option {item!r}: expected KEY=VALUE")
        verifier = _with_option(verifier, key.strip(), value)
    if bare:
        verifier = verifier.with_options(bare=True)
    if sandbox is not None:
        verifier = verifier.with_options(sandbox=sandbox)
    return verifier


def _with_option(verifier: Verifier, key: str, value: str) -> Verifier:
    """Set an option from text: as it is if the option takes text, else as the JSON value it spells."""
    try:
        return verifier.with_options(**{key: value})
    except ConfigError as error:
        try:
            decoded = json.loads(value)
        except ValueError:
            raise error from None
        return verifier.with_options(**{key: decoded})


def _verify_many(
    verifier: Verifier, source: str, target: str, gold: str | None, console: Console, *, json_: bool
) -> int:
    if json_ and target == "-":
        raise ConfigError("--json prints the summary to standard output, where the rows go; give --output FILE")
    start = time.perf_counter()
    name = "standard input" if source == "-" else source
    with _naming("standard output" if target == "-" else target), contextlib.ExitStack() as stack:
        rows, size = _open_source(stack, source)
        out = _open_target(stack, source, target)
        engine = stack.enter_context(Engine())
        progress = stack.enter_context(_progress(console))
        task = progress.add_task(f"verify {verifier.name}", total=size)
        tally = verify_rows(engine, verifier, rows, name, out, gold=gold, advance=lambda n: progress.advance(task, n))
    if not tally.rows:
        console.print(f"nothing to do: no rows in {escape(name)}")
        return ExitCode.NOTHING_TO_DO
    if json_:
        print(json.dumps({"verifier": verifier.name, **tally.as_json()}))
    _summarize(console, verifier.name, tally, time.perf_counter() - start)
    return ExitCode.FAILED if tally.disagreements else ExitCode.OK


@contextlib.contextmanager
def _naming(target: str) -> Iterator[None]:
    """Name what couldn't be written if the system doesn't: writing meets a full disk, opening doesn't."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is not None:
            raise
        raise ConfigError(f"{target}: {error.strerror or error}; the rows written before it are kept") from error


def _open_source(stack: contextlib.ExitStack, source: str) -> tuple[IO[bytes], int | None]:
    if source == "-":
        if sys.stdin is None:
            raise ConfigError("--input -: standard input is closed")
        return sys.stdin.buffer, None
    path = Path(source)
    return stack.enter_context(path.open("rb")), path.stat().st_size


def _open_target(stack: contextlib.ExitStack, source: str, target: str) -> IO[str]:
    if target == "-":
        return sys.stdout
    path = Path(target)
    if source != "-" and path.exists() and path.samefile(source):
        raise ConfigError(f"--output {target} is the input file; it would be overwritten while it is read")
    return stack.enter_context(path.open("w", encoding="utf-8"))


@contextlib.contextmanager
def _progress(console: Console) -> "Iterator[Progress]":
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress


def _show(console: Console, verifier: Verifier, verdict: Verdict, explain: bool) -> None:
    color = _COLORS.get(verdict.status, "yellow")
    extracted = "" if verdict.extracted is None else f"  extracted {verdict.extracted[:200]!r}"
    console.print(
        f"[{color}]{verdict.status}[/]  score {verdict.score:g}{escape(extracted)}\n{escape(verdict.reason)}",
        highlight=False,
        soft_wrap=True,
    )
    if explain:
        table = Table(show_header=False, box=None)
        where = (
            "the caller's thread" if verifier.bounded else "the event loop" if verifier.is_async else "a worker process"
        )
        facts = {
            "verifier": f"{verifier.name} (version {verifier.version}): {verifier.description}",
            "options": ", ".join(f"{key}={value!r}" for key, value in verifier.options.items()) or "defaults",
            "runs in": f"{where}, at most {verifier.deadline_s:g} s and {verifier.memory_mb} MB",
            "parts": json.dumps(dict(verdict.parts)),
            "seconds": f"{verdict.seconds:.6f}",
        }
        if verifier.bounded:
            facts["runs in"] = f"{where}; its time is bounded by its input limits"
        for label, fact in facts.items():
            table.add_row(label, escape(fact))
        console.print(table)


def _summarize(console: Console, name: str, tally: Tally, seconds: float) -> None:
    console.print(f"verify {name}: {tally.rows:,} rows in {seconds:.1f} s", highlight=False)
    table = Table()
    table.add_column("status")
    table.add_column("rows", justify="right")
    table.add_column("share", justify="right")
    for status in Status:
        if rows := tally.statuses[status]:
            table.add_row(f"[{_COLORS.get(status, 'yellow')}]{status}[/]", f"{rows:,}", f"{rows / tally.rows:.1%}")
    console.print(table)
    if tally.accuracy is not None:
        ours = tally.rows - tally.scored
        note = f"; without {ours:,} rows that could not be verified" if ours else ""
        console.print(f"correct: {tally.accuracy:.2%} of {tally.scored:,}{note}", highlight=False)
    if tally.labelled:
        _confusion(console, tally)


def _confusion(console: Console, tally: Tally) -> None:
    labels = sorted({label for label, _ in tally.labelled})
    statuses = [str(status) for status in Status if tally.statuses[status]]
    console.print("what was expected (rows) and the verdicts (columns):")
    table = Table()
    table.add_column("expected")
    for status in statuses:
        table.add_column(status, justify="right")
    for label in labels:
        cells = []
        for status in statuses:
            rows = tally.labelled[label, status]
            cells.append(f"{rows:,}" if agrees(label, status) or not rows else f"[bold red]{rows:,}[/]")
        table.add_row(label, *cells)
    console.print(table)
    total = sum(tally.labelled.values())
    console.print(f"as expected: {total - tally.disagreements:,} of {total:,}", highlight=False)
