"""How plain values cross the boundary: a flat JSON table of nodes, so that depth costs nothing and identity is kept.

Only exact built-in types have a node of their own; anything else is an opaque handle. A node is null, true, false, a
string, a small integer, or a list whose first item is a tag. Containers refer to their items by index. Shared and
cyclic mutable containers stay shared and cyclic. Standard library only; used on both sides.
"""

import json
import re
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

MAX_NODES = 4_000_000
MAX_HEX = 1_000_000  # digits of an integer, in base 16
SMALL = 1 << 53
MUTABLE: dict[type[Any], str] = {list: "l", dict: "d", set: "s", bytearray: "y"}
AS_DICT = (Counter, defaultdict, OrderedDict)  # compared as dict by ==, and as plain data here
TAGS = frozenset("ifbyctzlsdo")


class Malformed(ValueError):
    """What crossed the boundary is not a valid table, or exceeds the bounds."""


def encode(
    values: Sequence[Any],
    opaque: Callable[[Any], int] | None = None,
    origins: dict[int, int] | None = None,
    seen: dict[int, Any] | None = None,
) -> tuple[list[Any], list[int]]:
    """The table of some values: (nodes, index of each value). `opaque(x)` gives a handle for a value that is not plain.

    `origins` maps id -> index in an earlier table, and marks the mutable containers that came from there; `seen`
    is filled with index -> mutable container. Raises Malformed for a table over the bounds, and for a value that is
    not plain if `opaque` is None.
    """
    nodes: list[Any] = []
    memo: dict[int, int] = {}
    todo: list[tuple[int, Any, str]] = []
    alive: list[Any] = []

    def place(x: Any) -> int:
        kind = type(x)
        if kind in AS_DICT:
            tag = "d"
        elif kind in MUTABLE:
            tag = MUTABLE[kind]
        elif kind is tuple or (issubclass(kind, tuple) and "_fields" in kind.__dict__):
            tag = "t"
        elif kind is frozenset:
            tag = "z"
        else:
            nodes.append(_scalar(x, kind, opaque))
            if len(nodes) > MAX_NODES:
                raise Malformed("too many values")
            return len(nodes) - 1
        if tag not in "tz":
            index = memo.get(id(x))
            if index is not None:
                return index
            memo[id(x)] = len(nodes)
            if seen is not None:
                seen[len(nodes)] = x
            alive.append(x)  # an id is only good while its object lives
        nodes.append(None)
        if len(nodes) > MAX_NODES:
            raise Malformed("too many values")
        todo.append((len(nodes) - 1, x, tag))
        return len(nodes) - 1

    roots = [place(value) for value in values]
    while todo:
        index, x, tag = todo.pop()
        if tag == "y":
            node: list[Any] = [tag, bytes(x).hex()]
        elif tag == "d":
            items = []
            for key, value in list(dict.items(x)):
                items.append(place(key))
                items.append(place(value))
            node = [tag, items]
        elif tag == "l":
            node = [tag, [place(item) for item in list.__iter__(x)]]
        elif tag == "t":
            node = [tag, [place(item) for item in tuple.__iter__(x)]]
        else:
            node = [tag, [place(item) for item in list(x)]]
        if origins and id(x) in origins:
            node.append(origins[id(x)])
        nodes[index] = node
    return nodes, roots


def _scalar(x: Any, kind: type[Any], opaque: Callable[[Any], int] | None) -> Any:
    if x is None or kind is bool or kind is str:
        return x
    if kind is int:
        if -SMALL < x < SMALL:
            return x
        digits = f"{x:x}"
        if len(digits) > MAX_HEX:
            raise Malformed("an integer is too long")
        return ["i", digits]
    if kind is float:
        return ["f", repr(x)]
    if kind is bytes:
        return ["b", x.hex()]
    if kind is complex:
        return ["c", repr(x.real), repr(x.imag)]
    if opaque is None:
        raise Malformed("not a plain value: " + kind.__name__[:60])
    if kind is re.Match:  # true by nature, and often returned where a yes is meant: no more than the bit True
        return ["o", opaque(x), "Match", True]
    return ["o", opaque(x), kind.__name__[:60]]


def decode(
    nodes: list[Any], handle: Callable[[Any], Any] | None = None, earlier: Mapping[int, Any] | None = None
) -> list[Any]:
    """The objects of a table, one for each node. `handle(node)` makes the object for an opaque value.

    `earlier` maps the indices of an earlier table to its objects: containers from there are changed in place. Raises
    Malformed for an invalid table and ValueError for a bad number.
    """
    objects: list[Any] = [None] * len(nodes)
    empty: dict[str, type[Any]] = {"l": list, "d": dict, "s": set}
    try:
        for i, node in enumerate(nodes):
            if type(node) is not list:
                objects[i] = node
            elif node[0] in empty:
                old = earlier.get(node[2]) if earlier is not None and len(node) > 2 else None
                objects[i] = old if type(old) is empty[node[0]] else empty[node[0]]()
            elif node[0] == "y":
                objects[i] = bytearray.fromhex(node[1])
            elif node[0] not in "tz":
                objects[i] = handle(node) if node[0] == "o" and handle else scalar(node)
        for i in range(len(nodes) - 1, -1, -1):
            node = nodes[i]
            if type(node) is list and node[0] in "tz":
                if any(j <= i and (type(nodes[j]) is list and nodes[j][0] in "tz") for j in node[1]):
                    raise Malformed("a tuple before its items")
                objects[i] = (tuple if node[0] == "t" else frozenset)(objects[j] for j in node[1])
        for i, node in enumerate(nodes):
            if type(node) is list and node[0] in empty:
                items = [objects[j] for j in node[1]]
                if node[0] == "l":
                    objects[i][:] = items
                else:
                    objects[i].clear()
                    objects[i].update(zip(items[::2], items[1::2], strict=True) if node[0] == "d" else items)
    except (IndexError, TypeError, KeyError, RecursionError) as error:
        raise Malformed("not a table: " + str(error)) from None
    return objects


def scalar(node: Any) -> Any:
    """The value of a node that is neither a container nor opaque. Raises Malformed for those, ValueError for a bad number."""
    if type(node) is not list:
        return node
    tag, text = node[0], node[1]
    if tag == "i":
        return int(text, 16)
    if tag == "f":
        return float(text)
    if tag == "b":
        return bytes.fromhex(text)
    if tag == "c":
        return complex(float(text), float(node[2]))
    raise Malformed("no scalar: " + repr(tag))


def dumps(message: Any) -> bytes:
    """One message as JSON in ASCII, so that lone surrogates survive. Raises ValueError for a NaN or an infinity."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode()


def loads(data: bytes | bytearray | memoryview, limit: int) -> Any:
    """Bounded JSON: at most `limit` bytes, integers of at most 17 digits, no fractions, no NaN. Raises Malformed."""
    if len(data) > limit:
        raise Malformed(f"over {limit} bytes")
    try:
        return json.loads(bytes(data).decode("ascii"), parse_int=_small, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Malformed("no JSON: " + type(error).__name__) from None


def check(nodes: Any) -> None:
    """Walk a table once, without recursion. Raises Malformed unless its tags, indices and bounds are valid."""
    if type(nodes) is not list or len(nodes) > MAX_NODES:
        raise Malformed("no table")
    size = len(nodes)
    for node in nodes:
        if node is None or type(node) in (bool, str, int):
            continue
        if type(node) is not list or len(node) < 2 or type(node[0]) is not str or node[0] not in TAGS:
            raise Malformed("no node")
        if node[0] in "ltszd":
            if type(node[1]) is not list or any(type(j) is not int or not 0 <= j < size for j in node[1]):
                raise Malformed("no items")
            if node[0] == "d" and len(node[1]) % 2:
                raise Malformed("a key without a value")
        elif node[0] == "o":
            if type(node[1]) is not int or len(node) < 3 or node[3:] not in ([], [True]):
                raise Malformed("no handle")
            if type(node[2]) is not str:
                raise Malformed("no handle")
        elif type(node[1]) is not str or len(node[1]) > (40 if node[0] in "fc" else 2 * MAX_HEX):
            raise Malformed("no scalar")
        elif node[0] == "c" and (len(node) != 3 or type(node[2]) is not str or len(node[2]) > 40):
            raise Malformed("no complex number")
        elif node[0] in "ifbc":
            try:
                scalar(node)
            except (ValueError, OverflowError):
                raise Malformed("no scalar") from None


def _small(text: str) -> int:
    if len(text) > 17:
        raise ValueError("a long integer")
    return int(text)


def _refuse(text: str) -> None:
    raise ValueError("a fraction")
