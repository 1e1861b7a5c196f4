"""MBPP's rows: a sentence, a solution, and assert lines. The first assert is shown, because it names the function."""

import re
from typing import Any


def to_example(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its tests as metadata. Raises ValueError if the first test calls no function of the solution."""
    tests = list(row["test_list"])
    defined = re.findall(r"^(?:def|class)\s+(\w+)", row["code"], re.MULTILINE)
    called = re.findall(r"\b(\w+)\s*\(", tests[0])
    entry = next((name for name in called if name in defined), None)
    if entry is None:
        raise ValueError(f"no function of the solution is called in {tests[0]!r}")
    question = f"{row['prompt'].strip()}\nYour code should pass this test, and others:\n{tests[0]}"
    return {
        "id": f"mbpp-{row['task_id']}",
        "question": question,
        "gold": row["code"].replace("\r\n", "\n"),
        "metadata": {
            "kind": "function",
            "entry_point": entry,
            "visible": tests[:1],
            "hidden": tests[1:],
            "test_setup": "\n".join(row["test_imports"]),
        },
    }
