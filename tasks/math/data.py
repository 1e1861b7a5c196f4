"""MATH's rows, in the columns of three sources.

MATH-lighteval (train): problem, level ("Level 3"), type, solution with the answer in a box. A mirror's file (train):
problem, answer, level, subject. MATH-500 (test): problem, solution, answer, subject, level, unique_id.
"""

import re
from typing import Any

from rlvr.verifiers.expressions.extract import gold_answer

# Problems whose answer isn't a closed box in the solution, by how they begin.
ANSWERS = {
    r"What is the largest value of $x$, if $\frac{x}{5} + \frac{1}{5x} = \frac{1}{2}$?": "2",
    r"If $(x + y)^2 = 1$ and $xy = -4$, what is the value of $x^2 + y^2$?": "9",
    r"For any integer $n>1$, the number of prime numbers greater than $n!+1$ and less than $n!+n$ is:": "0",
    r"You are given a sequence of $58$ terms; each term has the form $P+n$": "0",
}


def to_example(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its gold answer, its level as category (0 if it has none), and its subject.

    Raises ValueError for a row without an answer.
    """
    problem = row["problem"]
    known = next((answer for start, answer in ANSWERS.items() if problem.startswith(start)), None)
    gold = known or row.get("answer") or gold_answer(row.get("solution") or "")
    if not gold:
        raise ValueError(f"no answer to {problem!r:.80}")
    level = re.search(r"[1-5]", str(row["level"]))
    example = {
        "question": problem,
        "gold": gold,
        "category": f"level{level[0] if level else 0}",
        "metadata": {"subject": re.sub(r"[^a-z]+", "_", (row.get("subject") or row["type"]).lower())},
    }
    return {**example, "id": row["unique_id"]} if "unique_id" in row else example
