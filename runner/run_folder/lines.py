"""JSONL files that grow while they are read: appended to line by line, and readable at every moment."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rlvr.errors import ConfigError
from rlvr.files import read_jsonl


def append_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add a line for each row. A lone surrogate, which can't be written, must not end a run: it becomes a `?`."""
    with path.open("a", encoding="utf-8", errors="replace") as file:
        file.write("".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows))


def complete_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSONL file; none if there is no file. A last line cut off by a kill or a full disk is left out.

    Raises ConfigError for any other line that can't be read: leaving it out would lose the lines after it.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        lines = sum(1 for _ in file)
    complete = 0
    try:
        for _, row in read_jsonl(path):
            yield row
            complete += 1
    except ConfigError:
        if complete < lines - 1:
            raise


def keep_steps(path: Path, rows: Iterable[Mapping[str, Any]], last: int) -> None:
    """Write the file anew with those of `rows` whose step is at most `last`."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text("", encoding="utf-8")
    append_lines(temporary, [row for row in rows if row["step"] <= last])
    temporary.replace(path)
