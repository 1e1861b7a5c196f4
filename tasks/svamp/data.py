"""SVAMP's rows: Body and Question, Answer as a decimal such as 145.0, Type of the equation, ID."""

from fractions import Fraction
from typing import Any

# One row of the data misspells its type.
TYPES = {
    "Addition": "addition", "Subtraction": "subtraction", "Multiplication": "multiplication",
    "Common-Division": "division", "Common-Divison": "division",
}  # fmt: skip


def to_example(row: dict[str, Any]) -> dict[str, Any]:
    """The row with body and question as one text, and the type of its equation as category."""
    answer = Fraction(str(row["Answer"]))
    body = row["Body"].strip()
    end = "" if body.endswith((".", "?", "!", ",")) else "."
    return {
        "id": row["ID"],
        "question": f"{body}{end} {row['Question'].strip()}",
        "gold": str(answer.numerator) if answer.denominator == 1 else str(row["Answer"]),
        "category": TYPES[row["Type"]],
        "metadata": {"equation": row["Equation"]},
    }
