"""`rlvr verify`: stdout gets JSON alone, bad input is named by file and line, what was written stays."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlvr.runner.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def write(path: Path, *rows: Any) -> str:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["--gold", "1,000", "#### 1000"], "correct", 0),
        (["--gold", "5", "#### 6"], "incorrect", 1),
        (["--gold", "5", "A: 5"], "unparsed", 1),
        (["--gold", "5", "A: 5", "--option", "mode=lenient"], "correct", 0),
        (["--gold", "-5", "--", "#### -5"], "correct", 0),
        (["--gold", "five", "#### 5"], "error", 1),
        (["#### 5"], "error", 1),
    ],
)
def test_one(capsys: pytest.CaptureFixture[str], arguments: list[str], status: str, code: int) -> None:
    given, out, _ = run(capsys, "verify", "number", "--json", *arguments)
    verdict = json.loads(out)
    assert (verdict["status"], given) == (status, code)
    assert set(verdict) == {"verifier", "status", "score", "extracted", "reason", "seconds", "parts"}
    given, out, err = run(capsys, "verify", "number", "--explain", *arguments)
    assert (out, given) == ("", code)
    assert err.startswith(status)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["numbr", "x"], "did you mean 'number'?"),
        (["number", "x", "--option", "mod=strict"], "did you mean 'mode'?"),
        (["number", "x", "--option", "mode=4"], "mode = 4: Input should be 'strict' or 'lenient'"),
        (["number", "x", "--option", "mode"], "expected KEY=VALUE"),
        (["number", "x", "--option", "deadline_s=-1"], "deadline_s must be a positive number"),
        (["number", "x", "--bare"], "has no option 'bare'"),
        (["number", "x", "--input", "-"], "either a text or --input"),
        (["number"], "nothing to verify"),
        (["number", "x", "--output", "y"], "--output goes with --input"),
        (["number", "--input", "/no/such/file"], "/no/such/file: No such file or directory"),
        (["number", "--input", "-", "--json"], "give --output FILE"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, out, err = run(capsys, "verify", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_many(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source = write(
        tmp_path / "in.jsonl",
        {"completion": "#### 5", "answer": "5", "mine": [1]},
        {"completion": "#### 6", "gold": 5},
        "",
        {"answer": "#### 5", "gold": "5"},
        {"completion": "#### 5", "answer": "2 + 3 = 5\n#### 5", "gold": "5"},
    )
    target = tmp_path / "out.jsonl"
    code, out, err = run(capsys, "verify", "number", "--input", source, "--output", str(target), "--json")
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["status"] for row in rows] == ["correct", "incorrect", "correct", "correct"]
    assert rows[0]["mine"] == [1]
    assert rows[1]["extracted"] == "6"
    summary = json.loads(out)
    assert summary["rows"] == 4
    assert summary["statuses"] == {"correct": 3, "incorrect": 1}
    assert summary["accuracy"] == 0.75
    assert "correct: 75.00% of 4" in err
    assert code == 0


def test_labels_are_compared(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def row(text: str, expected: Any) -> dict[str, Any]:
        return {"completion": text, "gold": "5", "expected": expected}

    agreeing = [
        row("#### 5", True), row("#### 5", "correct"), row("#### 5", "accept"), row("#### 6", False),
        row("A: 5", "unparsed"), row("A: 5", "reject"), row("A: 5", "no_hang"), row("#### 6", "of no meaning"),
    ]  # fmt: skip
    code, out, err = run(capsys, "verify", "number", "--input", write(tmp_path / "a.jsonl", *agreeing))
    assert len(out.splitlines()) == len(agreeing)
    assert "as expected: 7 of 7" in err
    assert code == 0
    code, out, err = run(
        capsys, "verify", "number", "--input", write(tmp_path / "b.jsonl", *agreeing, row("#### 6", True))
    )
    assert "as expected: 7 of 8" in err
    assert code == 1


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("{x", ":3: not valid JSON"),
        ("[1]", ":3: expected an object, found list"),
        ('{"answer": "5"}', ":3: no column 'completion'; found answer"),
        ('{"completion": "5"}', ":3: no column 'gold'; found completion"),
        ("{}", ":3: no column 'completion'; found none"),
        ('{"completion": 5, "answer": "5"}', ":3: column 'completion' must be text, not int"),
        ('{"completion": "5", "answer": [5]}', ":3: the gold answer must be text or a number, not list"),
        ("[" * 100_000, ":3: not valid JSON"),
    ],
)
def test_a_bad_line_is_named_and_what_stands_before_it_is_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, bad: str, message: str
) -> None:
    good = {"completion": "#### 5", "answer": "5"}
    source = write(tmp_path / "in.jsonl", good, good, bad, good)
    target = tmp_path / "out.jsonl"
    code, _, err = run(capsys, "verify", "number", "--input", source, "--output", str(target))
    assert code == 2
    assert source + message in err
    assert [json.loads(line)["status"] for line in target.read_text().splitlines()] == ["correct", "correct"]


def test_text_that_is_not_utf8(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"completion": "\xff", "answer": "5"}\n')
    code, _, err = run(capsys, "verify", "number", "--input", str(path))
    assert code == 2
    assert f"{path}:1: not UTF-8" in err


def test_no_rows_is_nothing_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = run(capsys, "verify", "number", "--input", write(tmp_path / "in.jsonl", "", ""))
    assert (code, out) == (5, "")
    assert "nothing to do" in err


def test_the_input_is_not_overwritten(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", {"completion": "#### 5", "answer": "5"})
    code, _, err = run(capsys, "verify", "number", "--input", source, "--output", source)
    assert code == 2
    assert "is the input file" in err
    assert "completion" in Path(source).read_text()


def test_choices_reach_the_verifier(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    row = {"completion": "Paris", "answer": "B", "choices": ["London", "Paris"]}
    _, out, _ = run(capsys, "verify", "choice", "--input", write(tmp_path / "in.jsonl", row))
    assert json.loads(out)["status"] == "correct"
