"""Rows of labelled programs, as `rlvr verify code --input FILE` reads them, become examples and completions."""

import json
from typing import Any

from rlvr.errors import ConfigError
from rlvr.verifiers.types import Completion, Example

FIELDS = (
    "kind", "entry_point", "tests", "cases", "tolerance", "setup_program", "time_limit_s", "memory_limit_mb",
    "visible", "hidden", "test_setup", "checker",
)  # fmt: skip


def example_from_row(row: dict[str, Any]) -> tuple[Example, Completion]:
    """A row with `program` (taken as it is) or `completion` (a text with a program in it). Raises ConfigError."""
    text = row.get("program", row.get("completion"))
    if not isinstance(text, str):
        raise ConfigError(f"a row of code needs a field 'program' or 'completion' with text; found: {', '.join(row)}")
    metadata = {field: row[field] for field in FIELDS if row.get(field) is not None}
    if "program" in row:
        metadata["raw"] = True
    kind = metadata.get("kind", "function")
    if kind not in ("function", "stdio"):
        raise ConfigError(f"kind = {kind!r}: expected function or stdio")
    for field in ("tests", "cases", "visible", "hidden"):
        if isinstance(metadata.get(field), str) and metadata[field][:1] == "[":
            metadata[field] = json.loads(metadata[field])
    name = str(row.get("name", row.get("id", "")))
    return Example(name, str(row.get("task", "")), "", str(row.get("class", "")), metadata), Completion(text)
