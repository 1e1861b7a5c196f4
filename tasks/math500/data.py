"""MATH-500's rows: problem, solution, answer, subject, level from 1 to 5, unique_id."""

import re
from typing import Any


def to_example(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its subject as category."""
    return {
        "id": row["unique_id"],
        "question": row["problem"],
        "gold": row["answer"],
        "category": re.sub(r"[^a-z]+", "_", row["subject"].lower()),
        "metadata": {"level": int(row["level"])},
    }
