"""HumanEval's rows: a prompt that ends in a docstring, and check(candidate). Helpers of the prompt are trusted code,
so the tests use the prompt's own and not the candidate's."""

import re
from typing import Any


def to_example(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its test as metadata. Raises ValueError if the prompt doesn't define the function."""
    prompt, entry = row["prompt"], row["entry_point"]
    head = re.search(rf"^def {re.escape(entry)}\b", prompt, re.MULTILINE)
    if head is None:
        raise ValueError(f"the prompt doesn't define {entry}")
    return {
        "id": row["task_id"],
        "question": prompt.strip(),
        "gold": prompt + row["canonical_solution"],
        "metadata": {
            "kind": "function",
            "entry_point": entry,
            "prompt": prompt,
            "test_setup": prompt[: head.start()],
            "tests": [row["test"]],
        },
    }
