"""Sets of real numbers: intervals, inequalities and set-builder notation of one set become the same pieces."""

import functools
from dataclasses import dataclass
from fractions import Fraction

from rlvr.verifiers.expressions.digits import Digits, to_fraction
from rlvr.verifiers.expressions.errors import NoValue
from rlvr.verifiers.expressions.exact import exact
from rlvr.verifiers.expressions.syntax import INFINITY, Node, num, substitute, symbols

MINUS_INFINITY = Node("neg", (INFINITY,))
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "!=": "!=", "=": "="}


@dataclass(frozen=True, slots=True)
class Piece:
    """Everything between two ends."""

    low: Node
    low_closed: bool
    high: Node
    high_closed: bool


@dataclass(frozen=True, slots=True)
class RealSet:
    """A union of pieces, and the variable that ranges over it, if one was named."""

    pieces: tuple[Piece, ...]
    variable: Node | None = None


ALL = RealSet((Piece(MINUS_INFINITY, False, INFINITY, False),))


def real_set(node: Node) -> RealSet | None:
    """The set of reals that `node` denotes, or None if it doesn't denote one."""
    head, args = node.head, node.args
    if head == "interval":
        return RealSet((Piece(args[0], args[2], args[1], args[3]),))
    if head == "tuple" and len(args) == 2:
        return RealSet((Piece(args[0], False, args[1], False),))
    if head == "sym" and args[0] == "reals":
        return ALL
    if head == "set":
        return RealSet(tuple(Piece(a, True, a, True) for a in args))
    if head == "builder":
        return _builder(args[0], args[1])
    if head in ("union", "inter", "minus", "or", "list"):
        return _combined(head, args)
    if head == "rel":
        return _relation(args[0], args[1:])
    return None


def _builder(variable: Node, condition: Node) -> RealSet | None:
    if variable.head == "rel" and variable.args[0] == ("in",):
        variable = variable.args[1]
    if variable.head != "sym":
        return None
    members = real_set(condition)
    if members is None or members.variable != variable:
        return None
    return RealSet(members.pieces)


def _combined(head: str, args: tuple[Node, ...]) -> RealSet | None:
    parts = [real_set(a) for a in args]
    if any(p is None for p in parts):
        return None
    sets = [p for p in parts if p is not None]
    variables = {p.variable for p in sets}
    if head in ("or", "list") and (len(variables) != 1 or None in variables):
        return None
    variable = next(iter(variables)) if len(variables) == 1 else None
    if head in ("union", "or"):
        return RealSet(tuple(piece for p in sets for piece in p.pieces), variable)
    try:
        if head == "minus" and len(sets) == 2:
            return RealSet(_intersection(sets[0].pieces, _complement(sets[1].pieces)), variable)
        pieces = sets[0].pieces
        for other in sets[1:]:
            pieces = _intersection(pieces, other.pieces)
        if head == "list" and not pieces:  # "x < 2, x > 3" can't mean both at once
            pieces = tuple(piece for p in sets for piece in p.pieces)
    except NoValue:
        return None
    return RealSet(pieces, variable)


def _relation(operators: tuple[str, ...], operands: tuple[Node, ...]) -> RealSet | None:
    if operators == ("in",):
        members = real_set(operands[1])
        return None if members is None else RealSet(members.pieces, operands[0])
    if len(operators) == 1 and operands[0].head == "abs" and operators[0] in ("<", "<=", ">", ">="):
        return _absolute(operators[0], operands[0].args[0], operands[1])
    if len(operators) == 2 and len(operands) == 3:
        low, variable, high = operands
        if operators[0] in (">", ">=") and operators[1] in (">", ">="):
            low, high, operators = high, low, (operators[1], operators[0])
            operators = (_FLIPPED[operators[0]], _FLIPPED[operators[1]])
        if not (operators[0] in ("<", "<=") and operators[1] in ("<", "<=") and _variable(variable)):
            return _chain(operators, operands)
        return RealSet((Piece(low, operators[0] == "<=", high, operators[1] == "<="),), variable)
    if len(operators) != 1 or operators[0] not in _FLIPPED or operators[0] == "=":
        return None
    return _one_sided(operators[0], *operands)


def _absolute(operator: str, inner: Node, bound: Node) -> RealSet | None:
    """|x| < a is -a < x < a; |x| > a is the rest."""
    below = Node("neg", (bound,))
    if operator in ("<", "<="):
        return _relation((operator, operator), (below, inner, bound))
    low, high = _relation((_FLIPPED[operator],), (inner, below)), _relation((operator,), (inner, bound))
    if low is None or high is None:
        return None
    return RealSet((*low.pieces, *high.pieces), low.variable)


def _chain(operators: tuple[str, ...], operands: tuple[Node, ...]) -> RealSet | None:
    """a < x < b with a linear expression in the middle."""
    first = _relation(operators[:1], operands[:2])
    second = _relation(operators[1:], operands[1:])
    if first is None or second is None or first.variable != second.variable:
        return None
    try:
        return RealSet(_intersection(first.pieces, second.pieces), first.variable)
    except NoValue:
        return None


def _one_sided(operator: str, left: Node, right: Node) -> RealSet | None:
    if _variable(right) and not _variable(left):
        operator, left, right = _FLIPPED[operator], right, left
    if not _variable(left):
        solved = _linear(left, right)
        if solved is None:
            return None
        left, right, flip = solved
        operator = _FLIPPED[operator] if flip else operator
    elif left.args[-1] in right.args or symbols(left) & symbols(right):
        return None
    pieces: tuple[Piece, ...]
    if operator == "!=":
        pieces = (Piece(MINUS_INFINITY, False, right, False), Piece(right, False, INFINITY, False))
    elif operator in ("<", "<="):
        pieces = (Piece(MINUS_INFINITY, False, right, operator == "<="),)
    else:
        pieces = (Piece(right, operator == ">=", INFINITY, False),)
    return RealSet(pieces, left)


def _variable(node: Node) -> bool:
    return (node.head == "sym" and bool(symbols(node))) or node.head == "apply"


def _linear(left: Node, right: Node) -> tuple[Node, Node, bool] | None:
    """left - right = c · x + d  ->  (x, -d / c, c < 0)."""
    names = symbols(left) | symbols(right)
    if len(names) != 1:
        return None
    (name,) = names
    difference = Node("add", (left, Node("neg", (right,))))
    try:
        at = [exact(substitute(difference, {name: num(k)})) for k in (0, 1, 2, 5)]
    except NoValue:
        return None
    slope = at[1] - at[0]
    if slope == 0 or at[2] - at[1] != slope or at[3] - at[2] != 3 * slope:
        return None
    return Node("sym", (name,)), num(-at[0] / slope), slope < 0


# ---- order ------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def ordinal(node: Node) -> Fraction | float:
    """The position of an end on the real line. Raises NoValue if it depends on a variable, or isn't real."""
    if node == INFINITY:
        return float("inf")
    if node in (MINUS_INFINITY, Node("neg", (INFINITY,))):
        return float("-inf")
    try:
        return exact(node)
    except NoValue:
        value = Digits(40).value(node, {})
        if not hasattr(value, "_mpf_"):
            raise NoValue("not real") from None
        return to_fraction(value, max_exponent=10_000)


def merged(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """The same set as the fewest pieces, in order. Raises NoValue if the order isn't known."""
    keyed = sorted(pieces, key=lambda p: (ordinal(p.low), not p.low_closed))
    out: list[Piece] = []
    for piece in keyed:
        low, high = ordinal(piece.low), ordinal(piece.high)
        if low > high or (low == high and not (piece.low_closed and piece.high_closed)):
            continue
        if out:
            last = out[-1]
            end = ordinal(last.high)
            if low < end or (low == end and (last.high_closed or piece.low_closed)):
                if high > end or (high == end and piece.high_closed):
                    closed = piece.high_closed or (high == end and last.high_closed)
                    out[-1] = Piece(last.low, last.low_closed, piece.high, closed)
                continue
        out.append(piece)
    return tuple(out)


def _complement(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    out: list[Piece] = []
    low: Node
    low, closed = MINUS_INFINITY, False
    for piece in merged(pieces):
        out.append(Piece(low, closed, piece.low, not piece.low_closed))
        low, closed = piece.high, not piece.high_closed
    out.append(Piece(low, closed, INFINITY, False))
    return tuple(p for p in out if p.low != p.high or (p.low_closed and p.high_closed))


def _intersection(first: tuple[Piece, ...], second: tuple[Piece, ...]) -> tuple[Piece, ...]:
    out = []
    for p in first:
        for q in second:
            low = max((p, q), key=lambda x: (ordinal(x.low), not x.low_closed))
            high = min((p, q), key=lambda x: (ordinal(x.high), x.high_closed))
            out.append(Piece(low.low, low.low_closed, high.high, high.high_closed))
    return merged(tuple(out))
