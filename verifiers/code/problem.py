"""What an example's metadata says about a problem, and how rows of labelled programs become examples."""

import dataclasses
import difflib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rlvr.errors import ConfigError
from rlvr.verifiers.rows import Pair, Row, pair_from_row

GROUPS = ("visible", "tests", "hidden", "cases")
# Names that can only mean tests: a key made of these words alone is one of the groups, misnamed.
_MEANT = {
    "visible": "visible", "public": "visible", "hidden": "hidden", "private": "hidden",
    "test": "tests", "tests": "tests", "case": "cases", "cases": "cases",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CodeProblem:
    """A problem that a program solves: what `metadata` may hold for this verifier.

    Each test is text, or a mapping; `plan` says which. `visible` and `hidden` are scored together and reported apart;
    `cases` are used if there are no other tests.
    """

    kind: Literal["function", "stdio"] = "function"
    entry_point: str = ""  # the function or class that tests call
    visible: tuple[Any, ...] = ()
    tests: tuple[Any, ...] = ()
    hidden: tuple[Any, ...] = ()
    cases: tuple[Any, ...] = ()
    test_setup: str = ""  # code in front of tests
    setup_program: str = ""  # a program that runs before the candidate in the same sandbox
    checker: str = ""  # code that defines check(stdin, expected, output)
    tolerance: float | None = None  # of numbers, absolute or relative
    prompt: str = ""  # what a completion may continue
    raw: bool = False  # the completion is the program
    time_limit_s: float | None = None  # of one test; None: the verifier's option
    memory_limit_mb: int | None = None

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> "CodeProblem":
        """The problem that an example's metadata describes.

        A key that resembles a field (`tets`, `hidden_tests`) is refused; any other unknown key is the pack's own, such
        as a task's id or a text for the prompt. Raises ConfigError that names the key, also for a wrong value.
        """
        refuse_misspelt(metadata)
        kind = metadata.get("kind", "function")
        if kind not in ("function", "stdio"):
            raise ConfigError(f"kind = {kind!r}: expected function or stdio")
        memory_limit_mb = _number(metadata, "memory_limit_mb")
        return cls(
            kind=kind,
            entry_point=_text(metadata, "entry_point"),
            visible=_tests(metadata, "visible"),
            tests=_tests(metadata, "tests"),
            hidden=_tests(metadata, "hidden"),
            cases=_tests(metadata, "cases"),
            test_setup=_text(metadata, "test_setup"),
            setup_program=_text(metadata, "setup_program"),
            checker=_text(metadata, "checker"),
            tolerance=_number(metadata, "tolerance"),
            prompt=_text(metadata, "prompt"),
            raw=bool(metadata.get("raw")),
            time_limit_s=_number(metadata, "time_limit_s"),
            memory_limit_mb=None if memory_limit_mb is None else int(memory_limit_mb),
        )


FIELDS = tuple(field.name for field in dataclasses.fields(CodeProblem))
_COLUMNS = tuple(
    field for field in FIELDS if field not in ("raw", "prompt")
)  # that a row of labelled programs may have


def refuse_misspelt(keys: Iterable[str]) -> None:
    """Raise ConfigError for a key that is no field of a problem but resembles one."""
    for key in keys:
        field = None if key in FIELDS else _field_meant(str(key).lower())
        if field:
            raise ConfigError(
                f"the verifier code knows no field {key!r}; did you mean {field!r}? (fields: {', '.join(FIELDS)})"
            )


def _field_meant(key: str) -> str | None:
    words = key.split("_")
    if all(word in _MEANT for word in words):
        return _MEANT[words[0]]
    return next(iter(difflib.get_close_matches(key, FIELDS, 1, 0.85)), None)


def _text(metadata: Mapping[str, Any], name: str) -> str:
    return str(metadata.get(name) or "")


def _tests(metadata: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    value = metadata.get(name)
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Mapping) or not isinstance(value, Iterable | None):
        raise ConfigError(f"{name} = {value!r:.100}: expected a list of tests")
    return tuple(value or ())


def _number(metadata: Mapping[str, Any], name: str) -> float | None:
    value = metadata.get(name)
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{name} = {value!r:.100}: expected a number")
    return number


def pair_from_program(row: Row) -> Pair:
    """The example and the completion in a row of labelled programs.

    It has a `program`, which is taken as it is, or a `completion`, which holds one, and the fields of a problem as
    columns or in `metadata`. Raises ConfigError for a row without a program and for a misspelt or wrong field.
    """
    text = row.get("program", row.get("completion"))
    if not isinstance(text, str):
        raise ConfigError(f"a row of code needs a field 'program' or 'completion' with text; found: {', '.join(row)}")
    refuse_misspelt(row)
    nested = row.get("metadata")
    metadata = dict(nested) if isinstance(nested, Mapping) else {}
    metadata |= {field: row[field] for field in _COLUMNS if row.get(field) is not None}
    if "program" in row:
        metadata["raw"] = True
    for field in GROUPS:
        if isinstance(metadata.get(field), str) and metadata[field][:1] == "[":
            metadata[field] = json.loads(metadata[field])
    CodeProblem.from_metadata(metadata)
    common = {
        "id": row.get("name", row.get("id")),
        "question": row.get("task"),
        "gold": "",
        "category": row.get("class"),
        "metadata": metadata,
        "completion": text,
    }
    return pair_from_row(common, "a row of code")
