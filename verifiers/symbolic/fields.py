"""What symbolic verifiers share in reading: the problem's metadata, whose mistakes are ours, and the model's answer.

`fail` and `field` raise VerifierError, which the engine makes a verdict `error`. What a model wrote raises `Unreadable`,
which each verifier makes a verdict `unparsed`.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, NoReturn, TypeVar

from rlvr.errors import VerifierError
from rlvr.verifiers.symbolic.final_answer import last_answer

T = TypeVar("T")
MAX_PART = 120  # characters of one name and value
_BETWEEN = re.compile(r"[,;\n]")
_PAIR = re.compile(
    r"""(?:[-*•][ ]+)?["'`]?([A-Za-z0-9_]{1,40})["'`]?\s*(?::=|=|:|->|→|\bis\b)\s*["'`]?([^\s"'`=:]+)["'`]?\.?""",
    re.ASCII,
)


class Unreadable(ValueError):
    """The model's answer can't be read; the message says why."""


class TooExpensive(Exception):
    """The answer can't be checked within the limits: a verdict `timeout`."""


def fail(message: str) -> NoReturn:
    """The example itself is wrong."""
    raise VerifierError(f"metadata: {message}")


def present(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata without nulls: tables of rows of several kinds write them for a field that a row doesn't have."""
    return {
        name: present(value) if isinstance(value, Mapping) else value
        for name, value in metadata.items()
        if value is not None
    }


def field(metadata: Mapping[str, Any], name: str, type_: type[T], default: Any = ...) -> T:
    """`metadata[name]`, of the type that is expected (bool is no int). Raises VerifierError that names the field."""
    value = metadata.get(name, default)
    if value is ...:
        fail(f"no field {name!r}")
    if value is not default and (not isinstance(value, type_) or (isinstance(value, bool) and type_ is not bool)):
        fail(f"field {name!r} must be a {type_.__name__}, not {value!r:.80}")
    return value  # type: ignore[no-any-return]


def choice(metadata: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: Any = ...) -> str:
    """`metadata[name]`, one of the texts allowed. Raises VerifierError that names them."""
    value = field(metadata, name, str, default)
    if value not in allowed:
        fail(f"field {name!r} must be one of {', '.join(allowed)}, not {value!r:.80}")
    return value


def whole(value: object, what: str, low: int, high: int) -> int:
    """A whole number of the metadata in [low, high]. Raises VerifierError that says what it is."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        fail(f"{what} must be a whole number from {low} to {high}, not {value!r:.80}")
    return value


def short(text: str, length: int = 60) -> str:
    """`text` quoted, and cut where it is long: for reasons."""
    return repr(text if len(text) <= length else text[:length] + "…")


def pairs(text: str, most: int) -> dict[str, str]:
    """The names and values of `x = 3, y: red; z is 4` (also one on each line, also JSON's), at most `most` of them.

    Raises Unreadable for anything else, and for a name that stands twice.
    """
    found: dict[str, str] = {}
    parts = [part for part in _BETWEEN.split(text.strip().strip("{}[]")) if part.strip()]
    if not parts:
        raise Unreadable("the answer is empty")
    if len(parts) > most:
        raise Unreadable(f"{len(parts)} values are given, {most} at most are asked for")
    for part in parts:
        match = _PAIR.fullmatch(part.strip()) if len(part) <= MAX_PART else None
        if match is None:
            raise Unreadable(f"{short(part)} is not of the form name = value")
        if match[1] in found:
            raise Unreadable(f"{match[1]} is given twice")
        found[match[1]] = match[2]
    return found


def compare_names(found: Mapping[str, object], names: Collection[str], what: str) -> str:
    """What is wrong where `found` doesn't have each of `names` and no other; else nothing."""
    for name in found:
        if name not in names:
            return f"{short(name)} is no {what} of the problem"
    missing = [name for name in names if name not in found]
    return f"the {what} {missing[0]} is missing" if missing else ""


def final_answer(text: str, most: int) -> str:
    """The completion's final answer, of at most `most` characters. Raises Unreadable."""
    answer = last_answer(text)
    if answer is None:
        raise Unreadable("no line 'Answer: …' and no <answer>")
    if len(answer) > most:
        raise Unreadable(f"the answer has {len(answer)} characters, more than {most}")
    return answer
