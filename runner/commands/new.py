"""`rlvr new`: write a complete, passing example of a pack or of a plugin, to be changed into one's own."""

import re
from pathlib import Path

from cyclopts import App
from rich.console import Console
from rich.markup import escape

from rlvr.errors import ConfigError
from rlvr.verifiers.plugins.registry import registry

TEMPLATES = Path(__file__).with_name("templates")
_NAME = re.compile(r"[a-z][a-z0-9_-]*")

app = App(name="new", help="Write a complete, passing example to start from.", help_format="plaintext")


@app.command
def pack(name: str, /, *, into: Path = Path()) -> int:
    """Write a task pack: a data generator, a verifier of its own, few-shot examples, labelled cases, a card and tests.

    It passes its checks as it is: change it step by step, and keep them green.

        rlvr new pack digits

    Parameters
    ----------
    name
        The pack's name, and its folder's: lower-case letters, digits, '-' and '_'.
    into
        The folder to make it in (default: here).
    """
    folder = into / name
    _write(name, "pack", folder)
    _say(folder, ["rlvr check {}", "rlvr audit {} --seeds 1000", "pytest {}"])
    return 0


@app.command
def plugin(name: str, /, *, into: Path = Path()) -> int:
    """Write a plugin that pip installs: a verifier with options, labelled attacks and tests, in the folder rlvr-NAME.

        rlvr new plugin clock

    Parameters
    ----------
    name
        The verifier's name: lower-case letters, digits, '-' and '_'.
    into
        The folder to make it in (default: here).
    """
    _require_free(name)
    folder = into / f"rlvr-{name}"
    _write(name, "plugin", folder)
    _say(folder, ["pip install -e '{}[test]'", f"rlvr audit {name}", "pytest {}"])
    return 0


def _require_free(name: str) -> None:
    if name in registry().verifiers:
        owner = registry().owners["verifier", name]
        raise ConfigError(f"a verifier is called {name!r} already ({owner}); choose another name")


def _write(name: str, kind: str, folder: Path) -> None:
    """The files of a template, with the name put in. Raises ConfigError if the folder exists."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"name {name!r}: expected lower-case letters, digits, '-' and '_', starting with a letter")
    if folder.exists():
        raise ConfigError(f"{folder} exists already; nothing was written")
    module = name.replace("-", "_")
    for source in sorted((TEMPLATES / kind).rglob("*.in")):
        place = source.relative_to(TEMPLATES / kind)
        parts = [f"rlvr_{module}" if part == "package" else part for part in place.parent.parts]
        target = folder.joinpath(*parts, place.stem)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8").replace("@NAME@", name).replace("@MODULE@", module)
        target.write_text(text, encoding="utf-8")


def _say(folder: Path, commands: list[str]) -> None:
    console = Console(stderr=True)
    place = str(folder) if folder.is_absolute() else f"./{folder}"
    console.print(f"wrote {escape(str(folder))}; it passes as it is:", soft_wrap=True)
    for command in commands:
        console.print(f"  {escape(command.replace('{}', place))}", soft_wrap=True)
