"""The form that is asked for: without one, a simplification could be the problem again.

Each function returns why the answer doesn't have the form, or "".
"""

from collections.abc import Callable

from rlvr.verifiers.expressions.errors import NoValue
from rlvr.verifiers.expressions.exact import exact
from rlvr.verifiers.expressions.syntax import Node, contains, symbols
from rlvr.verifiers.symbolic.calculus.reading import size

_SUM = frozenset({"add"})
_POLYNOMIAL = frozenset({"num", "sym", "add", "mul", "neg", "bracket"})


def shorter(given: Node, answer: Node, _: int) -> str:
    """Fewer operations than the problem has."""
    return "" if size(answer) < size(given) else "it is no shorter than the problem"


def expanded(_: Node, answer: Node, __: int) -> str:
    """A sum of unlike terms without sums inside."""
    seen = set()
    for term in _flat(answer, "add"):
        powers = monomial(term)
        if powers is None:
            return "a term isn't expanded"
        if powers in seen:
            return "like terms aren't collected"
        seen.add(powers)
    return ""


def factored(_: Node, answer: Node, factors: int) -> str:
    """A product of as many polynomials with rational coefficients as there are irreducible factors."""
    count = 0
    for base, times in _factors(answer):
        if not _polynomial(base):
            return "a factor is not a polynomial with rational coefficients"
        count += times if symbols(base) else 0
    return "" if count == factors else f"{count} factors, and there are {factors}"


FORMS: dict[str, Callable[[Node, Node, int], str]] = {"shorter": shorter, "expanded": expanded, "factored": factored}


def monomial(node: Node) -> tuple[tuple[str, int], ...] | None:
    """The powers of the variables in a term such as 3 x^2 y; None for anything else."""
    powers: dict[str, int] = {}
    if not _collect(node, powers):
        return None
    return tuple(sorted(powers.items()))


def _collect(node: Node, powers: dict[str, int]) -> bool:
    if node.head in ("neg", "bracket"):
        return _collect(node.args[0], powers)
    if node.head == "sym":
        powers[node.args[0]] = powers.get(node.args[0], 0) + 1
        return True
    if node.head == "mul":
        return all(_collect(a, powers) for a in node.args)
    if node.head == "pow" and node.args[0].head == "sym":
        times = _whole(node.args[1])
        powers[node.args[0].args[0]] = powers.get(node.args[0].args[0], 0) + times
        return times > 0
    if node.head == "div" and symbols(node.args[0]):
        return not symbols(node.args[1]) and _collect(node.args[0], powers)
    return not symbols(node) and not contains(node, _SUM)


def _whole(node: Node) -> int:
    """A whole number from 1 to 1000, or 0."""
    try:
        value = exact(node)
    except NoValue:
        return 0
    return int(value) if value.denominator == 1 and 1 <= value <= 1000 else 0


def _flat(node: Node, head: str) -> list[Node]:
    while node.head == "bracket":
        node = node.args[0]
    return [b for a in node.args for b in _flat(a, head)] if node.head == head else [node]


def _factors(node: Node) -> list[tuple[Node, int]]:
    """Factors with their multiplicities."""
    factors: list[tuple[Node, int]] = []
    for factor in _flat(node, "mul"):
        if factor.head == "neg" or (factor.head == "div" and not symbols(factor.args[1])):
            factors += _factors(factor.args[0])
        elif factor.head == "pow" and symbols(factor) and _whole(factor.args[1]):
            factors += [(base, times * _whole(factor.args[1])) for base, times in _factors(factor.args[0])]
        else:
            factors.append((factor, 1))
    return factors


def _polynomial(node: Node) -> bool:
    if not symbols(node):
        try:
            exact(node)
        except NoValue:
            return False
        return True
    if node.head == "pow":
        return _polynomial(node.args[0]) and _whole(node.args[1]) > 0
    if node.head == "div":
        return _polynomial(node.args[0]) and not symbols(node.args[1]) and _polynomial(node.args[1])
    return node.head in _POLYNOMIAL and (node.head == "sym" or all(_polynomial(a) for a in node.args))
