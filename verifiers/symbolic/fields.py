"""What symbolic verifiers share in reading: the problem's metadata, and the model's answer.

A mistake in the metadata raises VerifierError, which the engine turns into a verdict `error`. An answer that can't be
read raises `Unreadable`, which becomes a verdict `unparsed`.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn, TypeVar

from rlvr.errors import VerifierError
from rlvr.verifiers.symbolic.final_answer import last_answer
from rlvr.verifiers.types import Completion, Status, Verdict

T = TypeVar("T")
MAX_PART = 120  # characters of one name and value
_BETWEEN = re.compile(r"[,;\n]")
_PAIR = re.compile(
    r"""(?:[-*•][ ]+)?["'`]?([A-Za-z0-9_]{1,40})["'`]?\s*(?::=|=|:|->|→|\bis\b)\s*["'`]?([^\s"'`=:]+)["'`]?\.?""",
    re.ASCII,
)


class Unreadable(ValueError):
    """The model's answer can't be read; the message says why. It becomes a verdict `unparsed`."""


class TooExpensive(Exception):
    """The answer can't be checked within the limits. It becomes a verdict `timeout`."""


def fail(message: str) -> NoReturn:
    """The example itself is wrong: raises VerifierError."""
    raise VerifierError(f"metadata: {message}")


def present(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata without nulls, which tables with rows of several kinds have for a field that a row lacks."""
    return {
        name: present(value) if isinstance(value, Mapping) else value
        for name, value in metadata.items()
        if value is not None
    }


def field(metadata: Mapping[str, Any], name: str, type_: type[T], default: Any = ...) -> T:
    """`metadata[name]`, of type `type_` (a bool is not an int), or `default`. Raises VerifierError that names the field."""
    value = metadata.get(name, default)
    if value is ...:
        fail(f"no field {name!r}")
    if value is not default and (not isinstance(value, type_) or (isinstance(value, bool) and type_ is not bool)):
        fail(f"field {name!r} must be a {type_.__name__}, not {value!r:.80}")
    return value  # type: ignore[no-any-return]


def choice(metadata: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: Any = ...) -> str:
    """`metadata[name]`, one of the texts in `allowed`, or `default`. Raises VerifierError that names them."""
    value = field(metadata, name, str, default)
    if value not in allowed:
        fail(f"field {name!r} must be one of {', '.join(allowed)}, not {value!r:.80}")
    return value


def whole(value: object, what: str, low: int, high: int) -> int:
    """`value`, a whole number in [low, high]. `what` names it in the VerifierError that is raised otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        fail(f"{what} must be a whole number from {low} to {high}, not {value!r:.80}")
    return value


def short(text: str, length: int = 60) -> str:
    """`text` quoted, and cut after `length` characters, for a verdict's reason."""
    return repr(text if len(text) <= length else text[:length] + "…")


def pairs(text: str, most: int) -> dict[str, str]:
    """The names and values of `x = 3, y: red; z is 4` (also one a line, also JSON's), at most `most` of them.

    Raises Unreadable for anything else, and for a name that is given twice.
    """
    values: dict[str, str] = {}
    parts = [part for part in _BETWEEN.split(text.strip().strip("{}[]")) if part.strip()]
    if not parts:
        raise Unreadable("the answer is empty")
    if len(parts) > most:
        raise Unreadable(f"{len(parts)} values are given, {most} at most are asked for")
    for part in parts:
        match = _PAIR.fullmatch(part.strip()) if len(part) <= MAX_PART else None
        if match is None:
            raise Unreadable(f"{short(part)} is not of the form name = value")
        if match[1] in values:
            raise Unreadable(f"{match[1]} is given twice")
        values[match[1]] = match[2]
    return values


def compare_names(given: Mapping[str, object], names: Collection[str], what: str) -> str:
    """Why the names in `given` aren't exactly `names`, or "". `what` says what they name, such as "variable"."""
    for name in given:
        if name not in names:
            return f"{short(name)} is not a {what} of the problem"
    missing = [name for name in names if name not in given]
    return f"the {what} {missing[0]} is missing" if missing else ""


def final_answer(text: str, most: int) -> str:
    """The completion's final answer. Raises Unreadable if it has none, or more than `most` characters."""
    answer = last_answer(text)
    if answer is None:
        raise Unreadable("no line 'Answer: …' and no <answer>")
    if len(answer) > most:
        raise Unreadable(f"the answer has {len(answer)} characters, more than {most}")
    return answer


def decide(completion: Completion, most: int, problem_with: Callable[[str], str], success: str) -> Verdict:
    """The verdict on a completion's final answer of at most `most` characters.

    `problem_with(answer)` says what is wrong with it, or returns "", which makes it correct with `success` as the reason.
    """
    try:
        answer = final_answer(completion.text, most)
        problem = problem_with(answer)
    except Unreadable as error:
        return Verdict.unparsed(str(error))
    except TooExpensive as error:
        return Verdict(Status.TIMEOUT, reason=str(error))
    return Verdict.of(not problem, answer, problem or success)
