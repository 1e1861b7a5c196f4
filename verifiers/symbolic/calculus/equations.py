"""Roots, and solutions of differential equations: they are substituted into the equation.

Each function returns (correct, reason). All raise ProblemError for wrong metadata, Unreadable for an answer that is not of
the kind, and Lost if the digits don't suffice for a decision.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from rlvr.verifiers.expressions.digits import Number
from rlvr.verifiers.expressions.errors import NoValue
from rlvr.verifiers.expressions.syntax import Node, symbols
from rlvr.verifiers.symbolic.calculus import reading
from rlvr.verifiers.symbolic.calculus.numeric import MORE_DIGITS, Numeric
from rlvr.verifiers.symbolic.calculus.points import ProblemError, same_function, unit
from rlvr.verifiers.symbolic.calculus.problem import Decision, Problem, tree_of, values_for
from rlvr.verifiers.symbolic.calculus.reading import Unreadable

ZERO = 200  # decimal digits to which an equation must hold
APART = 30  # … and by which two roots differ
MAX_ORDER = 4  # of a differential equation
MAX_WORK = 1_000  # of an answer to a differential equation: its size times the evaluations for its derivatives
CONDITION = 150  # digits to which a condition must hold
LOST_ROOT = 40  # digits; a multiple root needs more


def roots(problem: Problem, answer: str) -> Decision:
    """Every number of the answer satisfies `equation`, and there are `count` of them, if that is given.

    Raises ProblemError, Unreadable.
    """
    equation, variable = problem.tree("equation"), problem.variable
    sides = _sides(equation)
    if any(symbols(side) - {variable} for side in sides):
        raise ProblemError("metadata['equation'] has more than one variable")
    count = problem.whole("count", None, 0, 1000)
    numbers = reading.roots(answer, variable)
    if not numbers:
        if count is None:
            raise ProblemError(
                "the answer is that there are no roots, and metadata['count'] doesn't say how many there are"
            )
        return count == 0, "there are none" if count == 0 else f"there are solutions, and {count} are asked for"
    n = Numeric(MORE_DIGITS, LOST_ROOT)
    values: list[Number] = []
    for node in numbers:
        n.lost = False
        try:
            x = n.value(node, {})
        except NoValue as error:
            return False, f"a root has no value ({error})"
        shown = n.mp.nstr(x, 8)
        if n.lost:
            raise Unreadable("its digits cancel")
        if isinstance(x, n.mp.mpc):
            return False, f"{shown} isn't real"
        low, high = problem.domain
        if (low is not None and x < n.number(low)) or (high is not None and x > n.number(high)):
            return False, f"{shown} is outside the domain"
        try:
            difference = n.value(sides[0], {variable: x}) - n.value(sides[1], {variable: x})
        except NoValue as error:
            return False, f"the equation has no value at {shown} ({error})"
        if abs(difference) > n.mp.mpf(10) ** -ZERO * max(1, abs(x)):
            return False, f"{shown} doesn't satisfy the equation: the sides differ by {n.mp.nstr(difference, 5)}"
        if all(abs(x - other) > n.mp.mpf(10) ** -APART * max(1, abs(x)) for other in values):
            values.append(x)
    if count is not None and len(values) != count:
        return False, f"{len(values)} of {count} solutions"
    return True, "every root satisfies the equation" + ("" if count is None else ", and none is missing")


def ode(problem: Problem, answer: str) -> Decision:
    """The answer satisfies the differential `equation`, with independent constants (`general`) or `conditions`.

    Raises ProblemError, Unreadable, Lost.
    """
    equation, variable, function = problem.tree("equation"), problem.variable, problem.text("function", "y")
    sides = _sides(equation)
    derivatives = [function + "'" * k for k in range(MAX_ORDER + 1)]
    used = symbols(sides[0]) | symbols(sides[1])
    unknown = used - set(derivatives) - {variable}
    order = max((k for k, name in enumerate(derivatives) if name in used), default=0)
    if unknown or not order:
        raise ProblemError(f"metadata['equation']: expected an equation of {variable}, {function} and {function}'")
    conditions = [_condition(c) for c in problem.get("conditions") or []]
    node = reading.expression(reading.tree(answer))
    if reading.size(node) * (order + 1) ** 2 > MAX_WORK:
        raise Unreadable("too large an expression")
    free = reading.constants(node, frozenset({variable}))
    general = bool(problem.get("general", False))
    if not general and not conditions:
        raise ProblemError("metadata needs conditions or general = true: otherwise any special solution would do")
    if general and len(free) != order:
        return False, f"a general solution has {order} constants, and this one has {len(free)}"
    if not general and free:
        return False, f"{free[0]} is left open, and the conditions determine it"
    names = values_for(free, answer)
    residual = Node("add", (sides[0], Node("neg", (sides[1],))))

    def substituted(n: Numeric, x: Number) -> Number:
        given = n.numbers(names)
        at_x = {name: n.derivative(node, given, variable, x, k) for k, name in enumerate(derivatives[: order + 1])}
        at_x[variable] = x
        lost, value = n.lost, n.value(residual, at_x)
        n.lost = lost  # the residual is supposed to cancel
        scale = max([abs(n.value(t, at_x)) for side in sides for t in _terms(side)] + [n.mp.mpf(0)])
        n.lost = lost
        return n.mp.mpf(1) + (value / scale if scale else 0)

    wrong = same_function(lambda n, _: n.mp.mpf(1), substituted, problem.domain, repr(equation) + answer)
    if wrong:
        return False, f"it doesn't satisfy the equation: {wrong.partition(' it gives')[0]}"
    if general and not _independent(node, variable, free, names, order, problem, answer):
        return False, "its constants aren't independent"
    for k, at, value in conditions:
        complaint = _violates(node, variable, function, k, at, value)
        if complaint:
            return False, complaint
    return True, "it satisfies the equation" + (" and the conditions" if conditions else "")


def _sides(equation: Node) -> tuple[Node, Node]:
    if equation.head != "rel" or equation.args[0] != ("=",):
        raise ProblemError("metadata['equation']: expected left = right")
    for side in equation.args[1:]:
        try:
            reading.plain(side)
        except Unreadable as error:
            raise ProblemError(f"metadata['equation']: {error}") from None
    return equation.args[1], equation.args[2]


def _terms(node: Node) -> tuple[Node, ...]:
    return node.args if node.head == "add" else (node,)


def _condition(given: Any) -> tuple[int, Node, Node]:
    """The condition [order of the derivative, point, value]. Raises ProblemError."""
    if (
        not isinstance(given, Sequence)
        or len(given) != 3
        or not isinstance(given[0], int)
        or not 0 <= given[0] < MAX_ORDER
    ):
        raise ProblemError(f"metadata['conditions']: expected [order, point, value], not {given!r:.60}")
    point, value = (tree_of(str(v), "metadata['conditions']") for v in given[1:])
    return given[0], point, value


def _violates(node: Node, variable: str, function: str, order: int, at: Node, value: Node) -> str:
    n = Numeric(MORE_DIGITS)
    try:
        x, wanted = n.value(at, {}), n.value(value, {})
    except NoValue as error:
        raise ProblemError(f"metadata['conditions']: {error}") from None
    try:
        reached = n.derivative(node, {}, variable, x, order)
    except NoValue as error:
        return f"it has no value at a condition's point ({error})"
    if abs(reached - wanted) > n.mp.mpf(10) ** -CONDITION * max(1, abs(wanted)):
        return f"{function}{chr(39) * order}({n.mp.nstr(x, 6)}) is {n.mp.nstr(reached, 6)}, not {n.mp.nstr(wanted, 6)}"
    return ""


def _independent(
    node: Node, variable: str, free: list[str], names: Mapping[str, Fraction], order: int, problem: Problem, salt: str
) -> bool:
    """Whether the derivatives of y, y', … by the constants, at one point, form a regular matrix."""
    n = Numeric()
    low, high = problem.domain
    at = unit(salt, "independent")
    at = low + at * (high - low) if low is not None and high is not None else low + at if low is not None else at
    at = high - unit(salt) if low is None and high is not None else at
    x, values = n.number(at), n.numbers(names)

    def moved(name: str, k: int) -> Number:
        return n.mp.diff(lambda c: n.derivative(node, {**values, name: c}, variable, x, k), values[name])

    try:
        matrix = n.mp.matrix([[moved(name, k) for name in free] for k in range(order)])
    except (NoValue, ZeroDivisionError):
        return False
    return bool(abs(n.mp.det(matrix)) > n.mp.mpf(10) ** -15)
