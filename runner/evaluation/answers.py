"""What was answered in an evaluation, and the file that keeps it: a line a completion."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rlvr.errors import ConfigError
from rlvr.files import read_jsonl
from rlvr.verifiers.types import Completion, Example, Status, Verdict

Question = tuple[str, str]  # id and text: another pack may have the same ids


@dataclass(frozen=True, slots=True)
class Answered:
    """One question with its sampled completions and their verdicts; `lenient` is empty in packs without a lenient figure."""

    example: Example
    completions: list[Completion]
    strict: list[Verdict]
    lenient: list[Verdict]


@dataclass(frozen=True, slots=True)
class Share:
    """The share of a question's samples that are right, in [0, 1]."""

    right: float
    category: str


def write_answers(path: Path, answered: Sequence[Answered]) -> None:
    """Write a line for each completion, with its verdict."""
    with path.open("w", encoding="utf-8", errors="replace") as file:
        for question in answered:
            for sample, (completion, verdict) in enumerate(zip(question.completions, question.strict, strict=True)):
                row = {
                    "id": question.example.id, "category": question.example.category,
                    "question": question.example.question, "gold": question.example.gold, "sample": sample,
                    "completion": completion.text, "finish_reason": completion.finish_reason,
                    "status": str(verdict.status), "extracted": verdict.extracted, "reason": verdict.reason,
                }  # fmt: skip
                if question.lenient:
                    row["lenient"] = str(question.lenient[sample].status)
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_shares(path: Path, kind: Literal["strict", "lenient"]) -> Mapping[Question, Share]:
    """Each question's share of right samples. Verdicts that say nothing about the model are left out.

    Raises ConfigError, with file and line, for a row without a verdict.
    """
    right: dict[Question, list[bool]] = defaultdict(list)
    categories: dict[Question, str] = {}
    for number, row in read_jsonl(path):
        try:
            status = Status(row["status" if kind == "strict" else "lenient"])
            question = str(row["id"]), str(row.get("question", ""))
        except (KeyError, ValueError):
            raise ConfigError(f"{path}:{number}: no verdict of a question here; was the file changed?") from None
        if not status.masked:
            right[question].append(status is Status.CORRECT)
            categories[question] = str(row.get("category", ""))
    return {question: Share(sum(samples) / len(samples), categories[question]) for question, samples in right.items()}
