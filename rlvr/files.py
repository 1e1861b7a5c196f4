"""Reads TOML, JSON and JSONL so that a mistake is reported with its file and line, and writes files whole."""

import contextlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from rlvr.errors import ConfigError

M = TypeVar("M", bound=BaseModel)


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file's table. Raises ConfigError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file's object. Raises ConfigError."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: expected an object, found {type(table).__name__}")
    return table


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) for each line that isn't blank. Raises ConfigError with file and line."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, _object(line.strip(), f"{path}:{number}")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = _decoded(line)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{where}: not UTF-8: {error.reason} at byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise ConfigError(f"{where}: not valid JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError) as error:  # a number of too many digits, lists too deep in each other
        raise ConfigError(f"{where}: not valid JSON: {error}") from None
    if not isinstance(row, dict):
        raise ConfigError(f"{where}: expected an object, found {type(row).__name__}")
    return row


def _decoded(line: bytes) -> Any:
    """What json.loads gives, three times as fast. It has the last word: it takes NaN and says where a mistake is."""
    try:
        return msgspec.json.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return json.loads(line)


def validate(model: type[M], table: dict[str, Any], where: object) -> M:
    """`table` as a `model`. Raises ConfigError that names the place, the field and what was expected."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            field = ".".join(str(part) for part in problem["loc"])
            message = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "extra_forbidden":
                message = f"unknown field{_suggestion(model, problem['loc'])}"
            elif field and problem["type"] not in ("missing", "value_error"):
                message += f", found {problem['input']!r:.60}"
            problems.append(f"{field}: {message}" if field else message)
        raise ConfigError(f"{where}: {'; '.join(problems)}") from None


def _suggestion(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    from rlvr.text import did_you_mean

    current: Any = model
    for part in location[:-1]:
        annotation = current.model_fields[str(part)].annotation
        options = [annotation, *getattr(annotation, "__args__", ())]
        current = next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)
        if current is None:
            return ""
    return did_you_mean(str(location[-1]), current.model_fields)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is whole or not there, even where the disk is full. What isn't text becomes a `?`."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", errors="replace")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def writing(flag: str) -> Iterator[None]:
    """Raises ConfigError that names `flag` for what can't be written within."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{flag}: can't write there: {error.strerror}") from None


def require_writable(path: Path, flag: str) -> None:
    """Raises ConfigError that names `flag` if no file can be written to `path`. Ask before the work, not after it."""
    new = not path.exists()
    with writing(flag):
        path.open("a").close()
    if new:
        path.unlink()
