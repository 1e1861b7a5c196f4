#!/usr/bin/env python3
"""Writes docs/cli.md from the commands' help; tests/test_docs.py fails if the file is stale.

python scripts/write_cli_reference.py          # write it
python scripts/write_cli_reference.py --check  # exit with 1, and show the changes, if it isn't current
"""

import difflib
import re
import sys
from pathlib import Path

from rlvr.errors import ExitCode
from rlvr.runner.cli import COMMANDS, make_app

TARGET = Path(__file__).parents[1] / "docs" / "cli.md"

HEAD = """# Command line

<!-- Written by scripts/write_cli_reference.py from the commands' help. Don't edit it here. -->

`rlvr COMMAND --help` shows the same. Text for people goes to standard error; with `--json`, one JSON object goes to
standard output. `--debug` adds the traceback to an error's one line.

"""
EXIT_CODES = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "a check failed, an answer is not correct, a figure is below its threshold, or an alarm stopped the run",
    ExitCode.USAGE: "a flag, a file or a setting is wrong",
    ExitCode.PREREQUISITE: "something must be installed, started or reachable",
    ExitCode.NOTHING_TO_DO: "nothing to do",
    ExitCode.INTERNAL: "an error inside rlvr",
    ExitCode.INTERRUPTED: "interrupted",
}


def reference() -> str:
    """The whole page."""
    text = make_app().generate_docs(output_format="markdown", include_hidden=False)
    commands, sections = _split(text)
    codes = "".join(f"| {code} | {EXIT_CODES[code]} |\n" for code in ExitCode)
    table = "".join(f"| [`{name}`](#rlvr-{name}) | {commands[name]} |\n" for name in COMMANDS)
    head = f"{HEAD}| Exit code | Means |\n|---|---|\n{codes}\n| Command | |\n|---|---|\n{table}"
    return f"{head}\n{sections}".rstrip() + "\n"


def _split(text: str) -> tuple[dict[str, str], str]:
    """({command: its summary}, the commands' sections); HEAD replaces the help of `rlvr` itself."""
    head, start, sections = text.partition("\n## rlvr ")
    summaries = dict(re.findall(r"^\* \[`([\w-]+)`\]\(#[\w-]+\): (.*)$", head, re.MULTILINE))
    body = (start.lstrip("\n") + sections).replace(' *[default: ""]*', "")
    return summaries, re.sub(r"[ \t]+$", "", body, flags=re.MULTILINE)


def changes() -> str:
    """What writing would change, as a diff; empty if the page is current."""
    before = TARGET.read_text(encoding="utf-8").splitlines() if TARGET.exists() else []
    return "\n".join(difflib.unified_diff(before, reference().splitlines(), "docs/cli.md", "help", lineterm="", n=0))


if __name__ == "__main__":
    if "--check" in sys.argv:
        stale = changes()
        sys.exit(f"docs/cli.md isn't current: run `python scripts/write_cli_reference.py`\n{stale}" if stale else 0)
    TARGET.write_text(reference(), encoding="utf-8")
    print(f"written: {TARGET}")
