"""JSONL files that grow: complete lines are read, a last one that was cut off is left out, any other is an error."""

from pathlib import Path

import pytest

from rlvr.errors import ConfigError
from rlvr.runner.run_folder.lines import append_lines, complete_lines, keep_steps


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ('{"a": 1}\n{"a": 2', [{"a": 1}]),
        ('{"a": 1}\n{"a"', [{"a": 1}]),
        ("", []),
        ("\n\n", []),
    ],
)
def test_complete_lines(tmp_path: Path, text: str, rows: list[dict[str, int]]) -> None:
    (tmp_path / "x.jsonl").write_text(text)
    assert list(complete_lines(tmp_path / "x.jsonl")) == rows
    assert list(complete_lines(tmp_path / "nowhere.jsonl")) == []


def test_a_line_before_the_last_is_never_left_out(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n{"a": \n{"a": 3}\n')
    with pytest.raises(ConfigError, match=r"x\.jsonl:2: not valid JSON"):
        list(complete_lines(tmp_path / "x.jsonl"))


def test_what_cannot_be_written_does_not_end_a_run(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    append_lines(path, [{"text": "half a pair \ud83d", "path": Path("a")}])
    append_lines(path, [{"text": "ü"}])
    assert list(complete_lines(path)) == [{"text": "half a pair ?", "path": "a"}, {"text": "ü"}]


def test_keep_steps(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    keep_steps(path, [{"step": step} for step in (1, 2, 3)], 2)
    assert list(complete_lines(path)) == [{"step": 1}, {"step": 2}]
    assert list(tmp_path.iterdir()) == [path]
