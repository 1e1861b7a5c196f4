"""`rlvr check`: check a pack without a model."""

import json
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from rlvr.errors import ConfigError, ExitCode
from rlvr.runner.display.terminal_view import View
from rlvr.runner.settings.resolve import resolve
from rlvr.tasks.check import MAX_PROBLEMS, CheckResult
from rlvr.tasks.check import check as run_checks
from rlvr.tasks.pack import Pack, load_pack
from rlvr.verifiers.engine.engine import Engine


def check(
    pack: str,
    /,
    *,
    hub_mirror: str = "",
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Check a pack without a model: gold answers, few-shot examples, labelled cases, hostile inputs, leaked questions.

    Exits with 1 if anything is wrong, and says what, in which file and line. Also says what a wrong answer can earn.

    Examples:

        rlvr check tasks/gsm8k
        rlvr check ./my-pack --json

    Parameters
    ----------
    pack
        A folder with a task.toml, or the name of an installed pack.
    hub_mirror
        A folder with copies of hub data sets (default: RLVR_HUB_MIRROR).
    json_
        Print the result as one JSON object on stdout.
    """
    view = View()
    loaded = load_pack(pack)
    with Engine() as engine, view.console.status("checking") as status:
        results = [_run_defaults(loaded), *run_checks(loaded, engine, hub_mirror or None, status.update)]
    table = Table(title=f"pack {loaded.name}", title_justify="left")
    for column in ("", "check", "checked", "problems"):
        table.add_column(column, justify="right" if column in ("checked", "problems") else "left")
    for result in results:
        table.add_row(
            "[green]ok[/]" if result.ok else "[red]FAILED[/]",
            result.name,
            str(result.checked),
            str(len(result.problems)),
        )
    view.console.print(table)
    for result in results:
        for problem in result.problems[:MAX_PROBLEMS]:
            view.console.print(f"[red]{result.name}[/]: {escape(problem)}", soft_wrap=True)
        for note in result.notes:
            view.console.print(f"[yellow]{result.name}[/]: {escape(note)}", soft_wrap=True)
        if len(result.problems) > MAX_PROBLEMS:
            view.console.print(f"[red]{result.name}[/]: … and {len(result.problems) - MAX_PROBLEMS} more")
    ok = all(result.ok for result in results)
    if json_:
        rows = [
            {"name": r.name, "checked": r.checked, "ok": r.ok, "problems": r.problems, "notes": r.notes}
            for r in results
        ]
        print(json.dumps({"pack": loaded.name, "ok": ok, "checks": rows}))
    return ExitCode.OK if ok else ExitCode.FAILED


def _run_defaults(pack: Pack) -> CheckResult:
    """The pack's [run] table and its profiles, which `tasks` can't know."""
    profiles = pack.task.run.get("profiles")
    result = CheckResult("run defaults")
    for profile in ("", *(profiles if isinstance(profiles, dict) else ())):
        result.checked += 1
        try:
            resolve(pack, profile, None, {})
        except ConfigError as error:
            if str(error) not in result.problems:
                result.problems.append(str(error))
    return result
