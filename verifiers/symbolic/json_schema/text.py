"""Reads one JSON document strictly, within limits: what RFC 8259 leaves open, or parsers tolerate, is refused."""

import json
import math
import re
from typing import Any

from rlvr.verifiers.symbolic.fields import Unreadable, short

MAX_TEXT = 100_000  # characters
MAX_DEPTH = 40
MAX_VALUES = 10_000
MAX_DIGITS = 100  # of a number

_FENCED = re.compile(r"(```+|~~~+)[ \t]*(?:json)?[ \t]*\n(.*)\n[ \t]*\1", re.DOTALL | re.IGNORECASE)


def document(text: str) -> str:
    """The document of a completion: all of it after its thoughts, or the inside of its one fenced block. Raises Unreadable."""
    if len(text) > MAX_TEXT:
        raise Unreadable(f"the completion has {len(text)} characters, more than {MAX_TEXT}")
    text = text.rpartition("</think>")[2].strip(" \t\r\n")
    if not text:
        raise Unreadable("the completion is empty")
    fenced = _FENCED.fullmatch(text)
    return fenced[2] if fenced else text


def parse(text: str) -> Any:
    """The value. Raises Unreadable for anything but one JSON document, duplicate names, NaN, and a document over a limit."""
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_whole, parse_float=_decimal
        )
    except json.JSONDecodeError as error:
        near = text[max(0, error.pos - 15) : error.pos + 15]
        raise Unreadable(f"not one JSON document: {error.msg} at {error.pos}, near {short(near)}") from None
    except RecursionError:
        raise Unreadable(f"nested more than {MAX_DEPTH} deep") from None
    level, count = [value], 0
    for _ in range(MAX_DEPTH):
        count += len(level)
        if count > MAX_VALUES:
            raise Unreadable(f"more than {MAX_VALUES} values")
        level = [inner for outer in level if isinstance(outer, (dict, list)) for inner in _inside(outer)]
        if not level:
            return value
    raise Unreadable(f"nested more than {MAX_DEPTH} deep")


def _inside(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        raise Unreadable(f"the name {short(next(name for name in members if names.count(name) > 1))} appears twice")
    return members


def _constant(name: str) -> Any:
    raise Unreadable(f"{name} is not a JSON value")


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise Unreadable(f"a number of {len(text)} digits")
    return int(text)


def _decimal(text: str) -> float:
    value = float(text) if len(text) <= MAX_DIGITS else math.inf
    if not math.isfinite(value):
        raise Unreadable(f"the number {short(text)} is out of bounds")
    return value
