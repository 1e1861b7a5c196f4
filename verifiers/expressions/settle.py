"""Rewrites a tree into the form that is compared: ± written out, approximations and chains of equations cut."""

from rlvr.verifiers.expressions.options import MathOptions
from rlvr.verifiers.expressions.syntax import CONSTANTS, Node, contains, sym, symbols
from rlvr.verifiers.expressions.values import same_value

_LISTS = frozenset({"list", "or", "set", "tuple", "union", "inter", "minus"})
_SIGNS = frozenset({"pm"})


def settled(node: Node) -> Node:
    """`node` without the approximation after a value, with a chain of equations as its first and last member."""
    while node.head == "bracket" or (node.head in ("list", "or") and len(node.args) == 1):
        node = node.args[0]
    if node.head == "list" and any(a.head == "pm" or contains(a, _SIGNS) for a in node.args):
        return Node("list", tuple(b for a in node.args for b in both_signs(a)))
    if node.head == "set" and contains(node, _SIGNS):
        return Node("set", tuple(b for a in node.args for b in both_signs(a)))
    if node.head != "rel" and contains(node, _SIGNS) and node.head != "tuple":
        return Node("list", both_signs(node))
    if node.head == "builder" and node.args[0].head != "sym" and _over_integers(node.args[1]):
        value: Node = node.args[0]
        return value
    if node.head != "rel":
        return node
    operators, operands = node.args[0], node.args[1:]
    if ("~" in operators and operators.index("~") > 0) or (operators == ("~",) and not symbols(operands[0])):
        cut = operators.index("~")
        if not any(is_name(o) for o in operands) and not _near(operands[cut], operands[cut + 1]):
            return node  # two candidates, not a value and its approximation
        operators, operands = operators[:cut], operands[: cut + 1]
    if not operators:
        return settled(operands[0])
    if len(operators) > 1 and set(operators) == {"="}:
        first = next((o for o in operands[:-1] if is_name(o)), operands[0])
        operators, operands = ("=",), (first, operands[-1])
    if operators == ("=",):
        left, right = operands
        if not is_name(left) and is_name(right) and right.head == "sym":
            left, right = right, left
        if left.head not in _LISTS and not symbols(left) and not symbols(right) and not is_name(left):
            return settled(right) if same_value(left, right, MathOptions()) else Node("rel", (operators, left, right))
        if contains(right, _SIGNS) and is_name(left):
            return Node("rel", (("=",), left, Node("list", both_signs(right))))
        operands = (left, right)
    return Node("rel", (operators, *operands))


def _near(value: Node, approximation: Node) -> bool:
    return bool(same_value(value, approximation, MathOptions(rel_tol=0.02)))


def _over_integers(condition: Node) -> bool:
    return condition.head == "rel" and condition.args[0] == ("in",) and condition.args[2] == sym("integers")


def both_signs(node: Node) -> tuple[Node, ...]:
    """`node` with + and with - for each ±; `node` alone if it has none."""
    if not contains(node, _SIGNS):
        return (node,)

    def signed(n: Node, negative: bool) -> Node:
        if n.head == "pm":
            inner = signed(n.args[0], negative)
            return Node("neg", (inner,)) if negative else inner
        return Node(n.head, tuple(signed(a, negative) if isinstance(a, Node) else a for a in n.args))

    return signed(node, False), signed(node, True)


def is_name(node: Node) -> bool:
    """Something that an equation can define: x, a_3, f(x), A:B, (x, y)."""
    if node.head == "sym":
        return node.args[0] not in CONSTANTS
    if node.head == "apply":
        return True
    if node.head == "marked":
        return True
    if node.head in ("tuple", "ratio"):
        return all(is_name(a) for a in node.args)
    if node.head == "div":
        return all(is_name(a) and (a.head == "mul" or str(a.args[0]).isupper()) for a in node.args)
    return (
        node.head == "mul"
        and all(is_name(a) for a in node.args)
        and all(a.head == "sym" and a.args[0].isupper() for a in node.args)
    )  # AB = 5, a segment


def named(node: Node) -> tuple[Node, Node] | None:
    """(name, value) of 'name = value' or 'x in S'."""
    if node.head == "rel" and node.args[0] in (("=",), ("in",)) and is_name(node.args[1]):
        return node.args[1], node.args[2]
    return None
