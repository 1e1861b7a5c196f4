"""The file of answers: a line a completion, and each question's share of right samples read back."""

import json
from pathlib import Path

import pytest

from rlvr.errors import ConfigError
from rlvr.runner.evaluation.answers import Answered, Share, read_shares, write_answers
from rlvr.verifiers.types import Completion, Example, Verdict


def answered(id_: str, *statuses: bool | None, lenient: bool = False) -> Answered:
    verdicts = [Verdict.error("broken") if right is None else Verdict.of(right, "4") for right in statuses]
    completions = [Completion(f"#### 4 \ud83d {place}", finish_reason="length") for place in range(len(statuses))]
    return Answered(Example(id_, f"{id_}?", "4", "sums"), completions, verdicts, verdicts[::-1] if lenient else [])


def test_the_rows(tmp_path: Path) -> None:
    write_answers(tmp_path / "x.jsonl", [answered("a", True, False), answered("b", None)])
    rows = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["id"], row["sample"], row["status"]) for row in rows] == [
        ("a", 0, "correct"), ("a", 1, "incorrect"), ("b", 0, "error"),
    ]  # fmt: skip
    assert rows[0] == {
        "id": "a", "category": "sums", "question": "a?", "gold": "4", "sample": 0, "completion": "#### 4 ? 0",
        "finish_reason": "length", "status": "correct", "extracted": "4", "reason": "",
    }  # fmt: skip


def test_the_shares_leave_out_what_says_nothing_about_the_model(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    write_answers(path, [answered("a", True, False, None), answered("b", None), answered("c", True)])
    assert read_shares(path, "strict") == {("a", "a?"): Share(0.5, "sums"), ("c", "c?"): Share(1.0, "sums")}


def test_lenient_shares(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    write_answers(path, [answered("a", True, None, lenient=True)])
    assert read_shares(path, "lenient") == {("a", "a?"): Share(1.0, "sums")}


@pytest.mark.parametrize("line", ['{"id": "a"}', '{"status": "correct"}', '{"id": "a", "status": "corect"}'])
def test_a_row_without_a_verdict(tmp_path: Path, line: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("\n" + line + "\n")
    with pytest.raises(ConfigError, match=r"x\.jsonl:2: no verdict of a question here; was the file changed\?"):
        read_shares(path, "strict")
