"""The tree that answers are parsed into: heads and arguments, hashable, and bounded in size by the parser."""

from fractions import Fraction
from typing import Any, NamedTuple


class Node(NamedTuple):
    """An expression. `head` says what it is, `args` holds its parts: nodes, unless noted.

    num (Fraction, decimal places or None) · sym (name) · text (words) · unit (node, unit as a string) · rel (operators
    as strings, operands…) · interval (lower, upper, lower closed, upper closed) · any other head: all nodes.
    """

    head: str
    args: tuple[Any, ...]


def word_set(words: str) -> frozenset[str]:
    """A set of words, written as one string."""
    return frozenset(words.split())


def num(value: int | Fraction, places: int | None = None) -> Node:
    """A number; `places` counts the decimal places of a literal decimal."""
    return Node("num", (Fraction(value), places))


def sym(name: str) -> Node:
    """A variable or a constant."""
    return Node("sym", (name,))


INFINITY = sym("infty")
EMPTY = Node("set", ())
_SORTED = frozenset({"add", "mul", "set", "union", "inter", "gcd", "lcm", "max", "min"})


def canonical(node: Node) -> Node:
    """`node` with the operands of commutative operations in one order."""
    if node.head in ("num", "sym", "text"):
        return Node("num", (node.args[0], None)) if node.head == "num" else node
    args = tuple(canonical(a) if isinstance(a, Node) else a for a in node.args)
    if node.head in _SORTED:
        args = tuple(sorted(args, key=repr))
    return Node(node.head, args)


def symbols(node: Node) -> frozenset[str]:
    """The names of the variables in `node` (constants such as pi are not)."""
    if node.head == "sym":
        return frozenset() if node.args[0] in CONSTANTS else frozenset(node.args)
    out: frozenset[str] = frozenset()
    for arg in node.args:
        if isinstance(arg, Node):
            out |= symbols(arg)
    return out


def substitute(node: Node, names: dict[str, Node]) -> Node:
    """`node` with symbols replaced."""
    if node.head == "sym":
        return names.get(node.args[0], node)
    return Node(node.head, tuple(substitute(a, names) if isinstance(a, Node) else a for a in node.args))


def contains(node: Node, heads: frozenset[str]) -> bool:
    """Whether `node` or anything in it has one of the heads."""
    return node.head in heads or any(isinstance(a, Node) and contains(a, heads) for a in node.args)


CONSTANTS = frozenset({"pi", "e", "i", "infty"})


def negated(node: Node) -> Node:
    """The negative of `node`: a negative number stays a number."""
    if node.head == "num":
        return Node("num", (-node.args[0], node.args[1]))
    if node.head in ("unit", "percent"):
        return Node(node.head, (negated(node.args[0]), *node.args[1:]))
    return Node("neg", (node,))


def is_whole(node: Node) -> bool:
    """A whole number without a decimal point."""
    return node.head == "num" and node.args[1] is None and node.args[0].denominator == 1


def is_proper(node: Node) -> bool:
    """A fraction of whole numbers between 0 and 1."""
    if node.head != "div" or not all(a.head == "num" and is_whole(a) for a in node.args):
        return False
    return bool(0 < node.args[0].args[0] < node.args[1].args[0])
