"""TOML and JSONL files: what is wrong is said with the file, the line, the field and what was expected."""

from pathlib import Path

import pytest

from rlvr.sandboxes.errors import ConfigError
from rlvr.tasks.files import read_jsonl, read_toml, validate
from rlvr.tasks.schema import TaskFile


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name =", "not valid TOML: Invalid value (at end of document)"),
        (b"a = 1\na = 2", "not valid TOML: Cannot overwrite a value (at end of document)"),
        (b"a = '\xff'", "not valid TOML: 'utf-8' codec can't decode byte 0xff in position 5: invalid start byte"),
    ],
)
def test_bad_toml(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "task.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        read_toml(path)
    assert str(error.value) == f"{path}: {message}"


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbfa = 1\r\n")
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": 2}')
    assert read_toml(tmp_path / "a.toml") == {"a": 1}
    assert list(read_jsonl(tmp_path / "a.jsonl")) == [(1, {"a": 1}), (3, {"a": 2})]


@pytest.mark.parametrize("read", [read_toml, lambda path: list(read_jsonl(path))])
def test_files_that_cannot_be_read(tmp_path: Path, read) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match=r"nothing: No such file or directory$"):
        read(tmp_path / "nothing")
    with pytest.raises(ConfigError, match=r": Is a directory$"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"a"', "not valid JSON: Expecting ':' delimiter at column 5"),
        (b'{"a": 1} x', "not valid JSON: Extra data at column 10"),
        (b"[1]", "expected an object, found list"),
        (b"null", "expected an object, found NoneType"),
        (b'{"a": "\xff"}', "not UTF-8: invalid start byte at byte 8"),
        (b"[" * 100_000, "not valid JSON: maximum recursion depth exceeded"),
        (b'{"a": ' + b"1" * 5000 + b"}", "not valid JSON: Exceeds the limit"),
    ],
)
def test_bad_jsonl_is_named_by_its_line_and_the_lines_before_it_are_given(
    tmp_path: Path, line: bytes, message: str
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n\n  \n' + line + b'\n{"a": 2}\n')
    rows = read_jsonl(path)
    assert next(rows) == (1, {"a": 1})
    with pytest.raises(ConfigError) as error:
        next(rows)
    assert str(error.value).startswith(f"{path}:4: {message}")


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        validate(TaskFile, {"name": "A", "licens": "MIT", "prompt": {"shots": -1, "styl": "chat"}}, "task.toml")
    assert str(error.value) == (
        "task.toml: name: String should match pattern '^[a-z][a-z0-9_-]*$', found 'A'; description: Field required; "
        "licence: Field required; data: Field required; "
        "prompt.shots: Input should be greater than or equal to 0, found -1; "
        "prompt.styl: unknown field; did you mean 'style'?; "
        "licens: unknown field; did you mean 'licence'?"
    )
