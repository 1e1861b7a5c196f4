"""TOML and JSONL files: what is wrong is said with the file, the line, the field and what was expected."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlvr.errors import ConfigError
from rlvr.files import _decoded, read_jsonl, read_toml, require_writable, validate, write_whole, writing
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
        "license: Field required; data: Field required; "
        "prompt.shots: Input should be greater than or equal to 0, found -1; "
        "prompt.styl: unknown field; did you mean 'style'?; "
        "licens: unknown field; did you mean 'license'?"
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def outcome(decode: Any, line: bytes) -> Any:
    """The value, or what kind of error: where NaN is not itself."""
    try:
        return repr(decode(line))
    except (ValueError, RecursionError) as error:
        return type(error)


@given(VALUES)
def test_json_is_read_as_the_standard_library_reads_it(value: Any) -> None:
    line = json.dumps(value).encode()
    assert outcome(_decoded, line) == outcome(json.loads, line) == repr(value)


@given(st.text(st.sampled_from('[]{}",:.-+eE0123456789 \\u\t\xffatrueflsnN'), max_size=20))
def test_so_is_what_is_hardly_json(text: str) -> None:
    assert outcome(_decoded, text.encode()) == outcome(json.loads, text.encode())


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b'{"a": 123456789012345678901234567890}', 123456789012345678901234567890),
        (b'{"a": 1e400}', math.inf),
        (b'{"a": NaN}', math.nan),
        (b'{"a": "\\ud83d"}', "\ud83d"),
        (b'{"a": 1, "a": 2}', 2),
        (b'{"a": -0.0}', -0.0),
        (b'\xef\xbb\xbf{"a": 1}', 1),
    ],
)
def test_values_that_other_readers_refuse_or_round(line: bytes, value: Any) -> None:
    assert repr(_decoded(line)["a"]) == repr(value)


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    write_whole(path, "before")

    def full(self: Path, *_: object, **__: object) -> None:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_whether_a_file_can_be_written_is_tried_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("before")
    for name in ("there", "new"):
        require_writable(tmp_path / name, "--output")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("there", "before")]
    for path, why in ((tmp_path, "Is a directory"), (tmp_path / "no" / "x", "No such file or directory")):
        with pytest.raises(ConfigError, match=rf"^--html .*: can't write there: {why}$"):
            require_writable(path, f"--html {path}")


def test_what_cannot_be_written_names_its_flag(tmp_path: Path) -> None:
    with writing("--output x"):
        (tmp_path / "x").write_text("fine")
    with (
        pytest.raises(ConfigError, match=r"^--output x: can't write there: No such file or directory$"),
        writing("--output x"),
    ):
        (tmp_path / "no" / "x").write_text("")
