"""Is a parsed answer the gold answer? By type: relations and sets, lists, quantities, matrices, then values.

Every rule is symmetric unless its docstring says otherwise; without a rule that makes them equal, two answers differ.
"""

from fractions import Fraction

from rlvr.verifiers.expressions import units
from rlvr.verifiers.expressions.errors import NoValue
from rlvr.verifiers.expressions.matrices import rows
from rlvr.verifiers.expressions.options import MathOptions
from rlvr.verifiers.expressions.sets import Piece, merged, real_set
from rlvr.verifiers.expressions.settle import named, settled
from rlvr.verifiers.expressions.syntax import Node, canonical, contains, num, substitute, sym, symbols
from rlvr.verifiers.expressions.values import proportional, same_value

MAX_ITEMS = 64
_COLLECTIONS = frozenset({"list", "or", "set", "tuple", "union", "inter", "minus"})
_PARAMETERS = frozenset("knmlts")
_MATRIX = frozenset({"matrix"})


def match(gold: Node, answer: Node, options: MathOptions) -> str | None:
    """The rule that makes the two equal, in words, or None."""
    gold, answer = settled(gold), settled(answer)
    if canonical(gold) == canonical(answer):
        return "the same expression"
    rule = _match(gold, answer, options)
    if rule is None and options.rename:
        renamed = _renamed(gold, answer)
        if renamed is not None and _match(gold, renamed, options):
            return "equal after renaming a parameter"
    return rule


def _match(gold: Node, answer: Node, options: MathOptions) -> str | None:
    return (
        _relations(gold, answer, options)
        or _named(gold, answer, options)
        or _sets(gold, answer, options)
        or _collections(gold, answer, options)
        or _quantities(gold, answer, options)
        or _matrices(gold, answer, options)
        or _values(gold, answer, options)
    )


# ---- relations and names ----------------------------------------------------------------------------------------


def _named(gold: Node, answer: Node, options: MathOptions) -> str | None:
    g, a = named(gold), named(answer)
    if g and a:
        if g[0] == a[0]:
            return match(g[1], a[1], options)
        if g[0].head == a[0].head == "apply" and g[0].args[0] == a[0].args[0] and len(g[0].args) == len(a[0].args):
            names = {y.args[0]: x for x, y in zip(g[0].args[1:], a[0].args[1:], strict=True) if y.head == "sym"}
            return match(g[1], substitute(a[1], names), options)
        if {g[0].head, a[0].head} == {"sym", "apply"}:
            return match(g[1], a[1], options)
        if (
            g[0].head == "sym"
            and a[0].head == "sym"
            and (len(g[0].args[0]) > 1 or len(a[0].args[0]) > 1)
            and not symbols(g[1])
        ):
            return match(g[1], a[1], options)
        return None
    if g and not _is_relation(answer):
        return _prefixed(match(g[1], answer, options))
    if a and not _is_relation(gold):
        return _prefixed(match(gold, a[1], options))
    return None


def _prefixed(rule: str | None) -> str | None:
    return rule and f"{rule}, the name left aside"


def _is_relation(node: Node) -> bool:
    return node.head == "rel"


def _relations(gold: Node, answer: Node, options: MathOptions) -> str | None:
    if gold.head == answer.head == "rel":
        return _same_relation(gold, answer, options)
    for equation, other in ((gold, answer), (answer, gold)):
        if equation.head == "rel" and equation.args[0] == ("=",) and other.head not in ("rel", *_COLLECTIONS):
            for name in sorted(symbols(equation) - symbols(other)):
                difference = Node("add", (sym(name), Node("neg", (other,))))
                if symbols(other) and proportional(_difference(equation), difference):
                    return f"the equation solved for {name}"
    return None


def _difference(node: Node) -> Node:
    return Node("add", (node.args[1], Node("neg", (node.args[2],))))


def _same_relation(gold: Node, answer: Node, options: MathOptions) -> str | None:
    g, a = _rising(gold), _rising(answer)
    if g.args[0] == a.args[0] and all(
        same_value(x, y, options) if x.head not in _COLLECTIONS else match(x, y, options)
        for x, y in zip(g.args[1:], a.args[1:], strict=True)
        if x != y
    ):
        return "the same relation, member by member"
    if len(g.args) != 3 or len(a.args) != 3:
        return None
    if any(x.head in _COLLECTIONS for x in (*g.args[1:], *a.args[1:])):
        return None
    operator, other = g.args[0][0], a.args[0][0]
    if operator != other or operator not in ("=", "!=", "<", "<="):
        return None
    sign = proportional(_difference(g), _difference(a))
    if sign > 0 or (sign < 0 and operator in ("=", "!=")):
        return "the same relation, multiplied by a constant"
    return None


def _rising(node: Node) -> Node:
    """An inequality with < and <= only."""
    operators, operands = node.args[0], node.args[1:]
    if operators and all(o in (">", ">=") for o in operators):
        return Node("rel", (tuple({">": "<", ">=": "<="}[o] for o in reversed(operators)), *reversed(operands)))
    return node


# ---- sets and lists ---------------------------------------------------------------------------------------------


def _sets(gold: Node, answer: Node, options: MathOptions) -> str | None:
    kinds = {gold.head, answer.head}
    if not (kinds & {"interval", "rel", "builder", "union", "inter", "minus", "or"} or sym("reals") in (gold, answer)):
        return None
    g, a = real_set(gold), real_set(answer)
    if g is None or a is None:
        return None
    if g.variable and a.variable and g.variable != a.variable:
        return None
    try:
        first, second = merged(g.pieces), merged(a.pieces)
    except NoValue:
        first, second = g.pieces, a.pieces
    if len(first) != len(second) or len(first) > MAX_ITEMS:
        return None
    if all(_same_piece(p, q, options) for p, q in zip(first, second, strict=True)):
        return "the same set of numbers"
    return None


def _same_piece(p: Piece, q: Piece, options: MathOptions) -> bool:
    if (p.low_closed, p.high_closed) != (q.low_closed, q.high_closed):
        return False
    return all(x == y or bool(same_value(x, y, options)) for x, y in ((p.low, q.low), (p.high, q.high)))


def _finite(node: Node) -> Node:
    """Unions and the like of finite sets, done."""
    if node.head not in ("union", "inter", "minus") or len(node.args) > MAX_ITEMS:
        return node
    left = _finite(node.args[0] if len(node.args) == 2 else Node(node.head, node.args[:-1]))
    right = _finite(node.args[-1])
    if not all(s.head in ("set", "list") for s in (left, right)):
        return node
    strict = MathOptions(rounding="exact")

    def inside(item: Node, other: Node) -> bool:
        return any(match(x, item, strict) for x in other.args)

    if len(left.args) * len(right.args) > 400:
        return node
    if node.head == "union":
        return Node("set", (*left.args, *(x for x in right.args if not inside(x, left))))
    keep = node.head == "inter"
    return Node("set", tuple(x for x in left.args if inside(x, right) == keep))


def _collections(gold: Node, answer: Node, options: MathOptions) -> str | None:
    gold, answer = _finite(gold), _finite(answer)
    if {gold.head, answer.head} == {"set", "tuple"}:  # one point
        point = gold if gold.head == "set" else answer
        if len(point.args) == 1:
            inner = point.args[0]
            return match(inner, answer, options) if point is gold else match(gold, inner, options)
    g, a = _items(gold), _items(answer)
    if g is None or a is None:
        if gold.head == "set" and len(gold.args) == 1 and a is None:
            return match(gold.args[0], answer, options)
        if answer.head == "set" and len(answer.args) == 1 and g is None:
            return match(gold, answer.args[0], options)
        return None
    if "set" in (gold.head, answer.head) or {gold.head, answer.head} <= {"list", "or"}:
        if "tuple" in (gold.head, answer.head):
            return None
        if "set" in (gold.head, answer.head):
            g, a = _distinct(g), _distinct(a)
    if len(g) != len(a) and "tuple" not in (gold.head, answer.head):
        g, a = _distinct(g), _distinct(a)
        if len(g) < 2 and "set" not in (gold.head, answer.head):
            return None
    if len(g) != len(a) or len(g) > MAX_ITEMS:
        return None
    if all(match(x, y, options) for x, y in zip(g, a, strict=True)):
        return f"{len(g)} parts, one by one"
    if gold.head == "tuple" or answer.head == "tuple":
        return None
    return f"{len(g)} parts, in another order" if _any_order(g, a, options) else None


def _items(node: Node) -> tuple[Node, ...] | None:
    if node.head in ("list", "or", "set", "tuple"):
        return node.args
    if node.head == "matrix" and (len(node.args) == 1 or all(len(r.args) == 1 for r in node.args)):
        return tuple(cell for row in node.args for cell in row.args)  # a vector
    return None


def _distinct(items: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(dict.fromkeys(canonical(i) for i in items))


def _any_order(gold: tuple[Node, ...], answer: tuple[Node, ...], options: MathOptions) -> bool:
    left = list(answer)
    for item in gold:
        for index, other in enumerate(left):
            if match(item, other, options):
                del left[index]
                break
        else:
            return False
    return True


# ---- quantities -------------------------------------------------------------------------------------------------


def _quantities(gold: Node, answer: Node, options: MathOptions) -> str | None:
    if gold.head == "percent" or answer.head == "percent":
        return _percent(gold, answer, options)
    if gold.head == "unit" and answer.head == "unit":
        return _both_units(gold, answer, options)
    if gold.head == "unit" or answer.head == "unit":
        if options.units == "required":
            return None
        unit, other = (gold, answer) if gold.head == "unit" else (answer, gold)
        plain = match(gold.args[0] if gold is unit else gold, answer.args[0] if answer is unit else answer, options)
        if plain:
            return f"{plain}, the unit left aside"
        if unit.args[1] == "deg" and contains(other, frozenset({"sym"})) and "pi" in repr(other):
            return same_value(gold, answer, options)
    return None


def _both_units(gold: Node, answer: Node, options: MathOptions) -> str | None:
    value = match(gold.args[0], answer.args[0], options)
    if options.units == "ignore":
        return value
    g, a = units.factor(gold.args[1]), units.factor(answer.args[1])
    if g and a:
        if g[0] != a[0] and g[0] and a[0]:
            return None
        if g[1] == a[1] or not (g[0] and a[0]):
            return value
        converted = Node("mul", (answer.args[0], num(Fraction(a[1], g[1]))))
        rule = match(gold.args[0], converted, options)
        return rule and f"{rule}, after converting the unit"
    if units.labels(gold.args[1]) & units.labels(answer.args[1]):
        return value
    return None


def _percent(gold: Node, answer: Node, options: MathOptions) -> str | None:
    """p % is p / 100; if only one side has the sign, the options may read it as p too."""
    both = gold.head == answer.head == "percent"
    if both:
        return _percents(gold, answer, options)
    if options.percent != "ignore":
        rule = same_value(gold, answer, options) if "unit" not in (gold.head, answer.head) else None
        if rule:
            return f"{rule}, as a percentage"
        if options.percent == "value":
            return None
    g, a = (n.args[0] if n.head == "percent" else n for n in (gold, answer))
    plain = match(g, a, options)
    return plain and f"{plain}, the percent sign left aside"


def _percents(gold: Node, answer: Node, options: MathOptions) -> str | None:
    return match(gold.args[0], answer.args[0], options) or same_value(gold, answer, options)


# ---- matrices and values ----------------------------------------------------------------------------------------


def _matrices(gold: Node, answer: Node, options: MathOptions) -> str | None:
    if not (contains(gold, _MATRIX) and contains(answer, _MATRIX)):
        return None
    g, a = rows(gold), rows(answer)
    if g is None or a is None or [len(r) for r in g] != [len(r) for r in a]:
        return None
    cells = [(x, y) for r, s in zip(g, a, strict=True) for x, y in zip(r, s, strict=True)]
    return "equal cell by cell" if len(cells) <= 400 and all(match(x, y, options) for x, y in cells) else None


def _values(gold: Node, answer: Node, options: MathOptions) -> str | None:
    for node in (gold, answer):
        if node.head in ("rel", "list", "or", "set", "tuple", "matrix", "interval", "builder", "unit", "percent"):
            return None
    if gold.head == answer.head == "ratio" and len(gold.args) == len(answer.args) > 2:
        return _collections(Node("tuple", gold.args), Node("tuple", answer.args), options)
    if gold.head == answer.head == "sym" and len(gold.args[0]) == 1 and gold.args[0].isupper():
        if gold.args[0] <= "H" and answer.args[0] == gold.args[0].lower():
            return "the same choice"
        return None
    return same_value(gold, answer, options)


def _renamed(gold: Node, answer: Node) -> Node | None:
    """`answer` with its integer parameter called as in `gold`: k pi and n pi."""
    g, a = symbols(gold), symbols(answer)
    gold_only, answer_only = g - a, a - g
    named_gold = named(gold)
    if named_gold is not None and named_gold[0].head == "sym":
        gold_only -= symbols(named_gold[0])
    if len(gold_only) != 1 or len(answer_only) != 1:
        return None
    (parameter,), (other,) = gold_only, answer_only
    if parameter not in _PARAMETERS or other not in _PARAMETERS or "pi" not in repr(gold):
        return None
    return substitute(answer, {other: sym(parameter)})


__all__ = ["match", "named"]
