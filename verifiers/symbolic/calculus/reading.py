"""Texts -> trees, by the parser in verifiers/expressions. The heads are a closed list: an unevaluated integral is no answer."""

import re
from enum import Enum

from rlvr.verifiers.expressions import normalize
from rlvr.verifiers.expressions.errors import ParseError
from rlvr.verifiers.expressions.parser import parse
from rlvr.verifiers.expressions.settle import is_name, settled
from rlvr.verifiers.expressions.syntax import INFINITY, Node, canonical, negated, symbols
from rlvr.verifiers.symbolic.calculus.numeric import HEADS
from rlvr.verifiers.symbolic.fields import Unreadable

MAX_TEXT = 1_000  # characters of an answer
MAX_NODES = 300
MAX_LITERAL = 40  # digits of a number in an answer
_UNEVALUATED = {
    "int": "an integral that isn't evaluated", "lim": "a limit that isn't evaluated", "sum": "a sum", "prod": "a product",
    "apply": "a function that isn't given", "marked": "a name",
}  # fmt: skip
_CONSTANT = re.compile(r"[cCkKAB](?:_?\{?[0-9]\}?)?")
_CONSTANT_WORDS = re.compile(r"(?:\\text\s*\{\s*)?\b(?:const(?:ant)?|Const(?:ant)?)\b\.?(?:\s*\})?")
_NOTHING = frozenset({"none", "no solution", "no solutions", "no real solution", "no real solutions", "no root",
                      "no roots", "no real root", "no real roots"})  # fmt: skip
_NO_LIMIT = frozenset({"dne", "does not exist", "none", "no limit"})


class Divergence(Enum):
    """What a limit is if it isn't a number; the value describes it."""

    INFINITY = "infinite"
    MINUS_INFINITY = "minus infinity"
    NONE = "no limit"


def tree(text: str) -> Node:
    """The tree of a text of the problem or of the model. Raises Unreadable for anything else, and over a limit."""
    if len(text) > MAX_TEXT:
        raise Unreadable(f"longer than {MAX_TEXT} characters")
    clean = normalize.latex(_CONSTANT_WORDS.sub(" C ", text).replace("**", "^"))
    try:
        node = parse(clean, True)
    except ParseError as error:
        raise Unreadable(str(error)) from None
    if size(node) > MAX_NODES:
        raise Unreadable("too large an expression")
    return node


def size(node: Node) -> int:
    """How many numbers, names and operations an expression has; brackets don't count."""
    if node.head in ("num", "sym"):
        return 1
    own = 0 if node.head in ("bracket", "neg") else 1
    return own + sum(size(a) for a in node.args if isinstance(a, Node))


def expression(node: Node, problem: Node | None = None) -> Node:
    """The value in `node`: itself, or the right side of `F(x) = …`. Raises Unreadable unless it is a plain expression."""
    while node.head == "bracket":
        node = node.args[0]
    if node.head == "rel":
        operators, left, *rest = node.args
        named = is_name(left) or left.head in ("int", "lim") or (problem is not None and _same(left, problem))
        if operators != ("=",) or not named:
            raise Unreadable("an equation or a comparison, not one expression")
        node = rest[0]
    plain(node)
    return node


def plain(node: Node) -> None:
    """Raises Unreadable if anything in `node` has no value that `Numeric` computes."""
    if node.head not in HEADS:
        raise Unreadable(_UNEVALUATED.get(node.head, f"a {node.head} is not an expression"))
    if node.head == "num":
        if max(len(str(node.args[0].numerator)), len(str(node.args[0].denominator))) > MAX_LITERAL:
            raise Unreadable(f"a number of more than {MAX_LITERAL} digits")
        return
    if node.head == "sym":
        if node.args[0] in ("infty", "i"):
            raise Unreadable(f"{node.args[0]} is not a real number")
        return
    for argument in node.args:
        plain(argument)


def constants(node: Node, variables: frozenset[str]) -> list[str]:
    """The constants of integration in `node`: C, K, C_1, … Raises Unreadable for other names than those and `variables`."""
    names = sorted(symbols(node) - variables)
    for name in names:
        if not _CONSTANT.fullmatch(name):
            raise Unreadable(f"{name} isn't in the problem")
    return names


def closed(node: Node, variables: frozenset[str]) -> Node:
    """`node`. Raises Unreadable if it has other variables than these."""
    unknown = sorted(symbols(node) - variables)
    if unknown:
        raise Unreadable(f"{unknown[0]} isn't in the problem")
    return node


def roots(text: str, variable: str) -> list[Node]:
    """The numbers that `x = 2 or x = 3`, `{2, 3}`, `±2` list; [] for `no real solutions`. Raises Unreadable."""
    if _words(text) in _NOTHING or text.strip(" .$") in ("\\emptyset", "\\varnothing", "∅"):
        return []
    numbers = _listed(settled(tree(text)), variable)
    for node in numbers:
        plain(closed(node, frozenset()))
    return numbers


def _listed(node: Node, variable: str) -> list[Node]:
    while node.head == "bracket":
        node = node.args[0]
    if node.head == "rel":
        operators, left, *rest = node.args
        name = left.args[0] if left.head == "sym" else ""
        if operators not in (("=",), ("in",)) or name.partition("_")[0] != variable:
            raise Unreadable(f"expected {variable} = …")
        inner = settled(rest[0])
        if inner.head == "rel":
            raise Unreadable("an equation in an equation")
        return _listed(inner, variable)
    if node.head in ("list", "or", "set"):
        return [number for a in node.args for number in _listed(settled(a), variable)]
    return [node]


def limit_value(text: str) -> Node | Divergence:
    """The limit that a text gives. Raises Unreadable."""
    if _words(text) in _NO_LIMIT:
        return Divergence.NONE
    node = tree(text)
    inner = node.args[2] if node.head == "rel" and node.args[0] == ("=",) and len(node.args) == 3 else node
    if inner == INFINITY:
        return Divergence.INFINITY
    if inner == negated(INFINITY):
        return Divergence.MINUS_INFINITY
    return closed(expression(node), frozenset())


def _words(text: str) -> str:
    """A text of words in lower case, without \\text and the signs around it."""
    return " ".join(re.sub(r"\\(?:text|mathrm)\b", " ", text[:MAX_TEXT]).strip(" .${}").casefold().split())


def _same(left: Node, right: Node) -> bool:
    return canonical(left) == canonical(right)


__all__ = [
    "Divergence",
    "Unreadable",
    "closed",
    "constants",
    "expression",
    "limit_value",
    "plain",
    "roots",
    "size",
    "tree",
]
