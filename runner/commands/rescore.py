"""`rlvr rescore`: verify a run's rollouts again."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from rlvr.errors import ConfigError, ExitCode
from rlvr.files import require_writable, write_whole, writing
from rlvr.runner.analysis.rescore import rescore as rescore_rollouts
from rlvr.runner.analysis.rescore_summary import CategoryChange, RescoreSummary, summarize_rescored
from rlvr.runner.commands.verify import with_options
from rlvr.runner.display.terminal_view import View
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig
from rlvr.tasks.pack import Pack, load_pack
from rlvr.text import one_line, percent
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.verifier import Verifier


def rescore(
    run: Path,
    /,
    *,
    verifier: str = "",
    option: Annotated[Sequence[str], Parameter(negative="")] = (),
    pack: str = "",
    output: Path | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Verify a run's rollouts again, after a verifier changed: which verdicts flip, and what the rewards would have been.

    Examples:

        rlvr rescore runs/RUN
        rlvr rescore runs/RUN --verifier math --output rescored.jsonl
        rlvr rescore runs/RUN --option mode=lenient
        rlvr rescore runs/RUN --pack ./my-pack

    The run itself is never changed. Without flags, its own pack decides, in
    its present version.

    Parameters
    ----------
    run
        A run folder.
    verifier
        Another verifier, instead of the pack's (`rlvr list verifiers` shows all).
    option
        KEY=VALUE: an option of the verifier, or deadline_s or memory_mb. May be repeated.
    pack
        Another pack, or another version of the run's: its verifiers and its rewards decide.
    output
        Write every rollout with its new verdict, reward and advantage to this JSONL file.
    json_
        Print the result as one JSON object on stdout.
    """
    folder, name, config = RunFolder.open(run)
    loaded = load_pack(pack or folder.recorded_pack(name))
    chosen = _chosen(loaded, verifier, option)
    if output is not None:
        _require_outside(output, folder)
        require_writable(output, f"--output {output}")
    now = chosen.spec() if chosen else loaded.spec()  # errors are reported before the rollouts are read
    rows = folder.rollout_rows()
    view = View()
    if not rows:
        view.say(f"nothing to do: {run} has no rollouts")
        return ExitCode.NOTHING_TO_DO
    with Engine() as engine, view.progress("verifying", len(rows), "rollouts") as progress:
        rescored = rescore_rollouts(rows, loaded, config, engine, chosen, progress)
    summary = summarize_rescored(rescored, folder.environment().verifier, now)
    notes = _notes(loaded, config, summary)
    _show(view.console, summary, notes)
    if output is not None:
        lines = "".join(json.dumps(rollout.as_json(), ensure_ascii=False, default=str) + "\n" for rollout in rescored)
        with writing(f"--output {output}"):
            write_whole(output, lines)
        view.say(f"written: {output}")
    if json_:
        table = summary.as_json() | {"run": str(run), "pack": loaded.name, "notes": notes}
        print(json.dumps(table, default=str))
    return ExitCode.OK


def _require_outside(output: Path, folder: RunFolder) -> None:
    if output.resolve().is_relative_to(folder.path.resolve()):
        raise ConfigError(f"--output {output}: lies in the run's folder, which rescore never changes")


def _chosen(pack: Pack, name: str, options: Sequence[str]) -> Verifier | None:
    """The one verifier for all rollouts, or None if the pack's decide. Raises ConfigError."""
    if name:
        return with_options(registry().verifier(name), options, bare=False, sandbox=None)
    return with_options(pack.verifier, options, bare=False, sandbox=None) if options else None


def _notes(pack: Pack, config: RunConfig, summary: RescoreSummary) -> list[str]:
    notes = []
    if config.reward != "verifier":
        notes.append(f"the run's reward was {config.reward}: the rewards here are what the verifier would have paid")
    if config.trl.get("scale_rewards", "group") not in ("group", True):
        notes.append("[trl] scale_rewards isn't the group's: advantages here are scaled by their group's deviation")
    if summary.reward.changed > summary.flipped and config.reward == "verifier":
        notes.append(f"more rewards than verdicts changed: scores or parts did, or [reward] of pack {pack.name!r}")
    return notes


def _show(console: Console, summary: RescoreSummary, notes: Sequence[str]) -> None:
    unchanged = "the verifier has the name, version and options that the run recorded"
    for line in summary.verifier.differences or [unchanged]:
        console.print(Text(f"verifier: {line}"), soft_wrap=True)
    for note in notes:
        console.print(Text(f"note: {note}"), soft_wrap=True)
    flips = [flip for flip in summary.flips if flip.before is not flip.now]
    title = f"{summary.flipped:,} of {summary.rollouts:,} verdicts flip"
    if not flips:
        console.print(Text(title))
    else:
        table = Table("then", "now", title=title, title_justify="left")
        table.add_column("rollouts", justify="right")
        for flip in flips:
            table.add_row(str(flip.before), str(flip.now), f"{flip.rollouts:,}")
        console.print(table)
        _show_categories(console, summary.by_category)
    for flip in flips:
        for example in flip.examples:
            where = f"step {example.step}, {one_line(example.id)}, gold {one_line(example.gold):.60}"
            line = f"{flip.before} -> {flip.now}  {where}: {_end(example.completion)}"
            reasons = f"    {_why(example.reason)}  ->  {_why(example.new_reason)}"
            console.print(Text(line), soft_wrap=True)
            console.print(Text(reasons, style="dim"), soft_wrap=True)
    reward, groups, advantages = summary.reward, summary.groups, summary.advantages
    console.print(Text(
        f"mean reward {_figure(reward.then)} -> {_figure(reward.now)}, {reward.changed:,} rewards change\n"
        f"zero-variance groups {groups.no_variance_then:,} -> {groups.no_variance_now:,} of {groups.groups:,}: "
        f"{groups.gained:,} would have given a learning signal, {groups.lost:,} would have lost theirs\n"
        f"advantages: {advantages.moved:,} move, {advantages.turned:,} change their sign"
    ))  # fmt: skip


def _show_categories(console: Console, categories: Sequence[CategoryChange]) -> None:
    if len(categories) < 2:
        return
    table = Table("category", title="by category", title_justify="left")
    for column in ("rollouts", "flip", "correct then", "correct now"):
        table.add_column(column, justify="right")
    for row in categories:
        shares = ("–" if share is None else percent(share) for share in (row.correct_then, row.correct_now))
        table.add_row(escape(one_line(row.category)) or "–", f"{row.rollouts:,}", f"{row.flipped:,}", *shares)
    console.print(table)


def _end(text: str) -> str:
    shown = one_line(text)
    return "…" + shown[-100:] if len(shown) > 100 else shown


def _why(reason: str) -> str:
    return f"{one_line(reason or 'no reason'):.120}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
