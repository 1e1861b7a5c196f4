"""`rlvr list`: what is installed, ours and of plugins."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rlvr.errors import ExitCode
from rlvr.verifiers.plugins.registry import registry

app = App(
    name="list", help="Show the packs, verifiers, sandboxes and plugins that are installed.", help_format="plaintext"
)
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object on standard output.")]


@app.command
def packs(*, json_: Json = False) -> int:
    """Task packs: what `rlvr run`, `rlvr eval` and `rlvr check` take by name."""
    from rlvr.tasks.pack import load_pack
    from rlvr.tasks.pack import packs as all_packs

    rows = []
    for name, folder in sorted(all_packs().items()):
        row = {"name": name, "verifier": "", "license": "", "plugin": _owner("pack", name), "folder": str(folder)}
        try:
            task = load_pack(str(folder)).task
            tables = [task.verifier, *task.verifiers.values()]
            names = task.data.packs.shares if task.data.packs else [table["name"] for table in tables if table]
            row |= {"verifier": ", ".join(names), "license": task.license, "description": task.description}
        except Exception as error:  # noqa: BLE001 - a broken pack is listed with what is wrong
            row["description"] = f"{type(error).__name__}: {error}"
        rows.append(row)
    return _print("packs", rows, ("name", "verifier", "license", "description"), json_)


@app.command
def verifiers(*, json_: Json = False) -> int:
    """Verifiers: what `rlvr verify` and a pack's [verifier] table take by name."""
    from rlvr.verifiers.composite.composite import Composite
    from rlvr.verifiers.verifier import option_types

    rows = []
    for name, verifier in sorted(registry().verifiers.items()):
        runs_in = "event loop" if verifier.is_async else "caller's thread" if verifier.bounded else "worker process"
        if isinstance(verifier, Composite):
            runs_in = "as its parts"
        options = ", ".join(option_types(verifier.verify))
        rows.append(
            {"name": name, "description": verifier.description, "options": options, "runs in": runs_in,
             "plugin": _owner("verifier", name), "version": verifier.version}
        )  # fmt: skip
    return _print("verifiers", rows, ("name", "description", "options", "runs in", "plugin"), json_)


@app.command
def sandboxes(*, json_: Json = False) -> int:
    """Sandboxes: where verifiers run programs that models wrote."""
    rows = [{"name": name, "plugin": _owner("sandbox", name)} for name in sorted(registry().sandboxes)]
    return _print("sandboxes", rows, ("name", "plugin"), json_)


@app.command
def plugins(*, json_: Json = False) -> int:
    """Plugins, with what is wrong with those that were left out."""
    rows = [
        {"name": p.name, "package": p.distribution, "version": p.version, "problem": p.problem or ""}
        for p in registry().plugins
    ]
    return _print("plugins", rows, ("name", "package", "version", "problem"), json_)


def _owner(kind: str, name: str) -> str:
    return registry().owners.get((kind, name), "rlvr")


def _print(what: str, rows: Sequence[dict[str, Any]], columns: Sequence[str], json_: bool) -> int:
    if json_:
        print(json.dumps({what: rows}))
        return ExitCode.OK
    console = Console(stderr=True)
    if not rows:
        console.print(f"no {what} are installed")
        return ExitCode.OK
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(str(row[column])) for column in columns))
    console.print(table)
    return ExitCode.OK
