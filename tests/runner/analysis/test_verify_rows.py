"""Rows in, the same rows with their verdicts out: chunks, labels, figures, and rows before a bad one."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from rlvr.errors import ConfigError
from rlvr.runner.analysis import verify_rows
from rlvr.runner.analysis.verify_rows import Tally, agrees, pair_from_row, read_rows
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.types import Status, Verdict


def write(path: Path, *rows: Any) -> str:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


def test_rows_are_read_in_chunks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(verify_rows, "CHUNK_ROWS", 3)
    source = write(tmp_path / "in.jsonl", *({"completion": f"#### {n}", "answer": 5} for n in range(10)))
    done: list[int] = []
    with Engine() as engine, open(source, "rb") as rows, (tmp_path / "out").open("w") as target:
        tally = verify_rows.verify_rows(
            engine, registry().verifier("number"), rows, source, target, advance=done.append
        )
    assert (tally.rows, tally.statuses["correct"], len(done)) == (10, 1, 4)
    assert sum(done) == Path(source).stat().st_size
    assert [json.loads(line)["completion"] for line in (tmp_path / "out").open()] == [f"#### {n}" for n in range(10)]


def test_a_row_may_have_the_keys_of_its_metadata_as_columns() -> None:
    verifier = registry().verifier("exact")
    row = {"gold": "4", "completion": "5", "tests": [1], "id": "a", "expected": True}
    example, completion = pair_from_row(verifier, row, "f:1")
    assert (example.id, example.metadata, completion.text) == ("a", {"tests": [1]}, "5")
    example, _ = pair_from_row(verifier, {**row, "metadata": {"tests": [2]}}, "f:1")
    assert example.metadata == {"tests": [2]}


def test_lines_with_their_places() -> None:
    rows = read_rows(io.BytesIO(b'{"a": 1}\n\n{"a": 2}\n[1]\n'), "f")
    assert next(rows) == ("f:1", {"a": 1}, 9)
    assert next(rows) == ("f:3", {"a": 2}, 9)
    with pytest.raises(ConfigError, match="f:4: expected an object, found list"):
        next(rows)


@pytest.mark.parametrize(
    ("label", "agreeing"),
    [
        ("true", {"correct"}),
        ("accept", {"correct"}),
        ("false", {"incorrect", "unparsed", "timeout"}),
        ("reject", {"incorrect", "unparsed", "timeout"}),  # an error is no refusal
        ("no_hang", {str(status) for status in Status}),
        ("unparsed", {"unparsed"}),
        ("error", {"error"}),
    ],
)
def test_what_a_label_asks_for(label: str, agreeing: set[str]) -> None:
    assert {str(status) for status in Status if agrees(label, str(status))} == agreeing


def test_figures_leave_out_what_says_nothing_about_the_model() -> None:
    tally = Tally()
    for verdict, label in (
        (Verdict.of(True), True),
        (Verdict.scored(0.5), "reject"),
        (Verdict.error("broken"), False),
        (Verdict.of(False), "of no meaning"),
    ):
        tally.add({"expected": label}, verdict)
    assert (tally.rows, tally.scored, tally.accuracy) == (4, 3, pytest.approx(1 / 3))
    assert tally.as_json() == {
        "rows": 4, "statuses": {"correct": 1, "incorrect": 2, "error": 1}, "accuracy": pytest.approx(1 / 3),
        "mean_score": 0.5, "seconds": 0.0, "disagreements": 1,
        "expected": [
            {"expected": "false", "status": "error", "rows": 1},
            {"expected": "reject", "status": "incorrect", "rows": 1},
            {"expected": "true", "status": "correct", "rows": 1},
        ],
    }  # fmt: skip


def test_no_rows_have_no_accuracy() -> None:
    assert (Tally().accuracy, Tally().as_json()["mean_score"]) == (None, None)
