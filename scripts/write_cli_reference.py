#!/usr/bin/env python3
"""Writes docs/cli.md from the help of the commands; tests/test_docs.py fails where the file isn't what this writes.

python scripts/write_cli_reference.py          # write it
python scripts/write_cli_reference.py --check  # exit with 1, and show the changes, if it isn't current
"""

import difflib
import re
import sys
from pathlib import Path

from rlvr.runner.cli import COMMANDS, make_app

TARGET = Path(__file__).parents[1] / "docs" / "cli.md"

HEAD = """# Command line

<!-- Written by scripts/write_cli_reference.py from the commands' help. Don't edit it here. -->

`rlvr COMMAND --help` shows the same. What people read goes to standard error; with `--json`, one JSON object goes to
standard output. `--debug` adds the traceback to an error's one line.

| Exit code | Means |
|---|---|
| 0 | done |
| 1 | a check failed, an answer is not correct, or a figure is below the threshold that was asked for |
| 2 | a flag, a file or a field is wrong |
| 3 | something is missing that must be installed, started or reachable |
| 5 | nothing to do |
| 70 | a failure inside rlvr |
| 130 | interrupted |

"""


def reference() -> str:
    """The whole page."""
    text = make_app().generate_docs(output_format="markdown", include_hidden=False)
    commands, sections = _split(text)
    table = "".join(f"| [`{name}`](#rlvr-{name}) | {commands[name]} |\n" for name in COMMANDS)
    return f"{HEAD}| Command | |\n|---|---|\n{table}\n{sections}".rstrip() + "\n"


def _split(text: str) -> tuple[dict[str, str], str]:
    """({command: its summary}, the commands' sections): the root's own text is help that HEAD replaces."""
    head, start, sections = text.partition("\n## rlvr ")
    found = dict(re.findall(r"^\* \[`([\w-]+)`\]\(#[\w-]+\): (.*)$", head, re.MULTILINE))
    body = (start.lstrip("\n") + sections).replace(' *[default: ""]*', "")
    return found, re.sub(r"[ \t]+$", "", body, flags=re.MULTILINE)


def changes() -> str:
    """What writing would change, as a diff; empty where the page is current."""
    before = TARGET.read_text(encoding="utf-8").splitlines() if TARGET.exists() else []
    return "\n".join(difflib.unified_diff(before, reference().splitlines(), "docs/cli.md", "help", lineterm="", n=0))


if __name__ == "__main__":
    if "--check" in sys.argv:
        found = changes()
        sys.exit(f"docs/cli.md isn't current: run `python scripts/write_cli_reference.py`\n{found}" if found else 0)
    TARGET.write_text(reference(), encoding="utf-8")
    print(f"written: {TARGET}")
