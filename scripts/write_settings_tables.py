#!/usr/bin/env python3
"""Writes the tables of settings in docs/runs.md from the fields of RunConfig; tests/test_docs.py fails if they are stale.

python scripts/write_settings_tables.py          # write them
python scripts/write_settings_tables.py --check  # exit with 1, and show the changes, if they aren't current
"""

import difflib
import re
import sys
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rlvr.runner.settings.run_config import OWNED, RunConfig, subject_of

TARGET = Path(__file__).parents[1] / "docs" / "runs.md"
NOTE = "Written by scripts/write_settings_tables.py. Don't edit it here."
WITHOUT_ANOTHER = {  # fields of GRPOConfig for which there is nothing to set
    "logging_steps": "nothing: every step is logged",
    "save_strategy": "nothing: checkpoints are saved by steps",
    "reward_weights": "nothing: `[reward]` of the pack weighs",
}


def settings() -> str:
    """A table of settings for each subject."""
    tables: dict[str, list[str]] = {}
    for name, field in RunConfig.model_fields.items():
        row = f"| `{name}` | {default(field)} | {markdown(field.description or '')} |"
        tables.setdefault(subject_of(name), []).append(row)
    return "\n\n".join(
        f"**{subject}**\n\n| Setting | Default | Meaning |\n|---|---|---|\n" + "\n".join(rows)
        for subject, rows in tables.items()
    )


def owned() -> str:
    """The table of what [trl] refuses."""
    rows = (f"| `{name}` | {f'`{ours}`' if ours else WITHOUT_ANOTHER[name]} |" for name, ours in OWNED.items())
    return "| Field of `GRPOConfig` | Set instead |\n|---|---|\n" + "\n".join(rows)


TABLES = {"settings": settings, "owned": owned}


def default(field: FieldInfo) -> str:
    """A default as a TOML file writes it; empty if the setting's text says what leaving it out means."""
    value = field.default
    if value is None or value in ({}, []) or isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def markdown(text: str) -> str:
    """A docstring as a table's cell: settings as code, pages as links."""
    line = " ".join(text.split()).replace("|", "\\|")
    line = re.sub(r"\bdocs/(\w+)\.md\b", r"[\1](\1.md)", line)
    names = sorted((name for name in RunConfig.model_fields if "_" in name), key=len, reverse=True)
    return re.sub(rf"(?<![`\w])({'|'.join(names)})(?![`\w])", r"`\1`", line)


def written(page: str) -> str:
    """The page with its tables as they should be. Raises SystemExit if a table's place isn't marked."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name}: {NOTE} -->", f"<!-- /{name} -->"
        head, opened, rest = page.partition(begin)
        _, closed, tail = rest.partition(end)
        if not (opened and closed):
            raise SystemExit(f"{TARGET}: expected the lines {begin} and {end}")
        page = f"{head}{begin}\n\n{make()}\n\n{end}{tail}"
    return page


if __name__ == "__main__":
    before = TARGET.read_text(encoding="utf-8")
    after = written(before)
    if "--check" in sys.argv:
        changes = difflib.unified_diff(
            before.splitlines(), after.splitlines(), "docs/runs.md", "fields", lineterm="", n=0
        )
        text = "\n".join(changes)
        sys.exit(f"docs/runs.md isn't current: run `python scripts/write_settings_tables.py`\n{text}" if text else 0)
    TARGET.write_text(after, encoding="utf-8")
    print(f"written: {TARGET}")
