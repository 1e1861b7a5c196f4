"""Compares a program's answer with the expected value, on the host, without building the answer.

The walk follows the expected value, so the answer can't make it long; keys are compared as text, so the answer can't
make hashing slow. Equality is Python's ==, between exact built-in types. An opaque value equals nothing.
"""

import math
from collections.abc import Sequence
from typing import Any

from rlvr.sandboxes.inside.codec import scalar

Node = Any
NUMBERS = (bool, int, float, complex)
LONGEST_TOKEN = 400


def equal(expected: Any, nodes: Sequence[Node], index: int, tolerance: float | None = None) -> bool:
    """Whether the node `index` of a checked table equals a value of exact built-in types.

    With a `tolerance`, numbers may differ by that much, absolutely or relatively. Raises TypeError if the expected value
    is of another type.
    """
    todo: list[tuple[Any, int]] = [(expected, index)]
    while todo:
        want, at = todo.pop()
        node, kind = nodes[at], type(want)
        if kind in NUMBERS:
            if not _number(want, node, tolerance):
                return False
        elif want is None or kind is str:
            if type(node) is not kind or node != want:
                return False
        elif kind in (bytes, bytearray):
            if type(node) is not list or node[0] not in "by" or bytes.fromhex(node[1]) != bytes(want):
                return False
        elif kind in (list, tuple):
            if type(node) is not list or node[0] != ("l" if kind is list else "t") or len(node[1]) != len(want):
                return False
            todo.extend(zip(want, node[1], strict=True))
        elif kind is dict:
            if type(node) is not list or node[0] != "d" or len(node[1]) != 2 * len(want):
                return False
            keys = {text(key): value for key, value in want.items()}
            longest = max(map(len, keys), default=0)
            seen = set()
            for key, value in zip(node[1][::2], node[1][1::2], strict=True):
                name = text_of(nodes, key, longest)
                if name is None or name not in keys or name in seen:
                    return False
                seen.add(name)
                todo.append((keys[name], value))
        elif kind in (set, frozenset):
            if type(node) is not list or node[0] not in "sz" or len(node[1]) != len(want):
                return False
            names = {text(item) for item in want}
            longest = max(map(len, names), default=0)
            if {text_of(nodes, item, longest) for item in node[1]} != names:
                return False
        else:
            raise TypeError(f"expected values of a test can't be of type {kind.__name__}")
    return True


def _number(want: Any, node: Node, tolerance: float | None) -> bool:
    if type(node) is list and (node[0] not in "ifc"):
        return False
    value = scalar(node)
    if type(value) not in NUMBERS:
        return False
    if tolerance is not None and type(want) is not bool and type(value) is not bool:
        return close(value, want, tolerance, tolerance)
    return bool(value == want)


def close(value: Any, want: Any, relative: float, absolute: float) -> bool:
    """math.isclose for any number that may come back. A NaN is close to nothing, an infinity to itself only."""
    try:
        return math.isclose(value, want, rel_tol=relative, abs_tol=absolute)
    except (TypeError, OverflowError, ValueError):
        return bool(value == want)


def number(nodes: Sequence[Node], index: int) -> Any:
    """The plain number at a node, or None if it holds something else."""
    node = nodes[index]
    if type(node) is list and node[0] not in "ifc":
        return None
    value = scalar(node)
    return value if type(value) in NUMBERS else None


def truth(nodes: Sequence[Node], index: int) -> bool | None:
    """The truth of a plain value. None for an opaque one, unless it is known to be true."""
    node = nodes[index]
    if type(node) is not list:
        return bool(node)
    if node[0] == "o":
        return True if len(node) > 3 else None
    return bool(scalar(node)) if node[0] in "ifc" else bool(node[1])


def text(value: Any) -> str:
    """A text that is the same for equal keys. Raises TypeError for a value that can't be a key."""
    kind = type(value)
    if kind in NUMBERS:
        if kind is complex and value.imag == 0:
            value = value.real
        if type(value) is float and value.is_integer():
            value = int(value)
        return f"n{value:x}" if isinstance(value, int) else f"n{value!r}"
    if value is None:
        return "N"
    if kind is str:
        return f"s{len(value)}:{value}"
    if kind is bytes:
        return f"b{value.hex()}"
    if kind is tuple:
        return "(" + ",".join(map(text, value)) + ")"
    if kind is frozenset:
        return "{" + ",".join(sorted(map(text, value))) + "}"
    raise TypeError(f"a {kind.__name__} is no key")


def text_of(nodes: Sequence[Node], index: int, longest: int, depth: int = 0) -> str | None:
    """`text` of a node, or None if it is no key, or longer than `longest`, the longest text that could match."""
    node = nodes[index]
    if type(node) is not list:
        return None if type(node) is str and len(node) > longest else text(node)
    if node[0] in "ifcb":
        if len(node[1]) > longest + 64:
            return None
        value = scalar(node)
        return None if value != value else text(value)  # noqa: PLR0124 - a NaN
    if node[0] not in "tz" or depth > 20:
        return None
    parts, size = [], 0
    for item in node[1]:
        part = text_of(nodes, item, longest, depth + 1)
        if part is None:
            return None
        size += len(part)
        if size > longest:
            return None
        parts.append(part)
    return "(" + ",".join(parts) + ")" if node[0] == "t" else "{" + ",".join(sorted(parts)) + "}"


def same_output(output: bytes, expected: bytes, tolerance: float | None = None) -> bool:
    """Whether a program printed the expected output, up to white space at the ends of lines and of the text.

    With a `tolerance`, words that are numbers may differ by that much, absolutely or relatively.
    """
    if len(output.rstrip()) > 16 * len(expected) + 65_536:
        return False  # before it is split: eight million empty lines would keep the host busy
    got, want = _lines(output), _lines(expected)
    if tolerance is None or len(got) != len(want):
        return got == want
    for got_line, want_line in zip(got, want, strict=True):
        left, right = got_line.split(), want_line.split()
        if len(left) != len(right):
            return False
        for a, b in zip(left, right, strict=True):
            if a != b and not _close_words(a, b, tolerance):
                return False
    return True


def _lines(data: bytes) -> list[bytes]:
    lines = [line.rstrip() for line in data.split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _close_words(a: bytes, b: bytes, tolerance: float) -> bool:
    if len(a) > LONGEST_TOKEN or b"_" in a:
        return False
    try:
        return close(float(a), float(b), tolerance, tolerance)
    except ValueError:
        return False


__all__ = ["close", "equal", "number", "same_output", "text", "truth"]
