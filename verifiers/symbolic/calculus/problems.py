"""The kinds of problems, one function each: what the answer must satisfy.

Each returns (correct, reason). All raise ProblemError for metadata that is wrong, Unreadable for an answer that is not of
the kind, and Lost if the digits don't suffice for a decision.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from rlvr.verifiers.expressions.digits import Number, context
from rlvr.verifiers.expressions.errors import NoValue
from rlvr.verifiers.expressions.syntax import Node, canonical, symbols
from rlvr.verifiers.symbolic.calculus import forms, reading
from rlvr.verifiers.symbolic.calculus.numeric import DIGITS, MORE_DIGITS, Numeric
from rlvr.verifiers.symbolic.calculus.points import Lost, ProblemError, same_function, unit
from rlvr.verifiers.symbolic.calculus.reading import Unreadable

Decision = tuple[bool, str]
ZERO = 200  # decimal digits to which an equation must hold
APART = 30  # … and by which two roots differ
LIMIT_DIGITS = 600
QUADRATURE_AGREES = 35
MAX_ORDER = 4
MAX_WORK = 1_000  # of an answer to a differential equation: its size times the evaluations for its derivatives
CONDITION = 150  # digits to which a condition must hold
LOST_ROOT = 40  # digits; a multiple root needs more than it
LOST_VALUE = 30


class Problem:
    """What `metadata` says, read once. Raises ProblemError for a field that is missing or unreadable."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields
        self.variable = self.text("variable", "x")

    def text(self, name: str, default: str | None = None) -> str:
        """A field that is text. Raises ProblemError."""
        value = self._fields.get(name, default)
        if not isinstance(value, str) or not value.strip():
            raise ProblemError(f"metadata[{name!r}] must be text, not {value!r:.60}")
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """A field as it is."""
        return self._fields.get(name, default)

    def whole(self, name: str, default: int | None, low: int, high: int) -> int | None:
        """A field that is a whole number in [low, high]; None if it is neither given nor has a default. Raises ProblemError."""
        value = self._fields.get(name, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ProblemError(f"metadata[{name!r}] must be a whole number from {low} to {high}, not {value!r:.60}")
        return value

    def tree(self, name: str) -> Node:
        """A field that is mathematics. Raises ProblemError."""
        return _tree(self.text(name), f"metadata[{name!r}]")

    def expression(self, name: str) -> Node:
        """A field that is an expression that `Numeric` evaluates. Raises ProblemError."""
        node = self.tree(name)
        try:
            reading.plain(node)
        except Unreadable as error:
            raise ProblemError(f"metadata[{name!r}]: {error}") from None
        return node

    @functools.cached_property
    def domain(self) -> tuple[Fraction | None, Fraction | None]:
        """The interval [low, high] on which functions are compared; None means no bound. Raises ProblemError."""
        value = self._fields.get("domain") or [None, None]
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
            raise ProblemError(f"metadata['domain'] must be [low, high], not {value!r:.60}")
        low, high = (None if v is None else _fraction(v) for v in value)
        if low is not None and high is not None and not low < high:
            raise ProblemError("metadata['domain'] is empty")
        return low, high


@functools.lru_cache(maxsize=512)
def _tree(text: str, source: str) -> Node:
    try:
        return reading.tree(text)
    except Unreadable as error:
        raise ProblemError(f"{source} = {text!r:.80}: {error}") from None


def _fraction(value: Any) -> Fraction:
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ProblemError(f"metadata['domain']: {value!r:.40} is no number") from None


# ---- functions ----------------------------------------------------------------------------------------------------


def antiderivative(problem: Problem, answer: str, *, constant: bool, real: bool) -> Decision:
    """The derivative of the answer is `integrand`. `constant`: with a constant of integration; `real`: it is real-valued."""
    integrand, variable = problem.expression("integrand"), problem.variable
    node = reading.expression(reading.tree(answer), integrand)
    variables = symbols(integrand) | {variable}
    free = reading.constants(node, variables)
    names = _values(sorted((variables | set(free)) - {variable}), answer)
    wrong = same_function(
        lambda n, x: n.value(integrand, {**n.numbers(names), variable: x}),
        lambda n, x: _and_value(n, node, n.numbers(names), variable, x),
        problem.domain,
        repr(integrand) + answer,
        real,
    )
    if wrong:
        return False, f"its derivative is not the integrand: {wrong}"
    if constant and not free:
        return False, "the constant of integration is missing"
    return True, "its derivative is the integrand"


def _and_value(n: Numeric, node: Node, names: Mapping[str, Number], variable: str, x: Number) -> Number:
    """The derivative, at a point where the function itself has a value too. Raises NoValue."""
    n.value(node, {**names, variable: x})
    return n.derivative(node, names, variable, x)


def derivative(problem: Problem, answer: str) -> Decision:
    """The answer is the derivative of `function`, of `order`."""
    function, variable = problem.expression("function"), problem.variable
    order = problem.whole("order", 1, 1, MAX_ORDER) or 1
    node = reading.expression(reading.tree(answer))
    variables = symbols(function) | {variable}
    reading.closed(node, variables)
    names = _values(sorted(variables - {variable}), answer)
    wrong = same_function(
        lambda n, x: n.derivative(function, n.numbers(names), variable, x, order),
        lambda n, x: n.value(node, {**n.numbers(names), variable: x}),
        problem.domain,
        repr(function) + answer,
    )
    return (False, f"it is not the derivative: {wrong}") if wrong else (True, "it is the derivative")


def equivalent(problem: Problem, answer: str) -> Decision:
    """The answer is identical to `expression`, and in `form`."""
    given = problem.expression("expression")
    node = reading.expression(reading.tree(answer), given)
    reading.closed(node, symbols(given))
    form = problem.get("form", "shorter")
    if form not in forms.FORMS:
        raise ProblemError(f"metadata['form'] = {form!r:.40}: expected one of {', '.join(forms.FORMS)}")
    if form == "factored" and problem.whole("factors", None, 1, 50) is None:
        raise ProblemError("form 'factored' needs metadata['factors'], the number of irreducible factors")
    names = sorted(symbols(given))
    variable = problem.variable if problem.variable in names else (names or ["x"])[0]
    values = _values([n for n in names if n != variable], answer)
    wrong = same_function(
        lambda n, x: n.value(given, {**n.numbers(values), variable: x}),
        lambda n, x: n.value(node, {**n.numbers(values), variable: x}),
        problem.domain,
        repr(given) + answer,
    )
    if wrong:
        return False, f"it is not identical: {wrong}"
    if form == "shorter" and canonical(node) == canonical(given):
        return False, "it is the problem again"
    complaint = forms.FORMS[form](given, node, problem.whole("factors", None, 1, 50) or 0)
    return (False, complaint) if complaint else (True, "it is identical, and in the form that is asked for")


# ---- equations ----------------------------------------------------------------------------------------------------


def roots(problem: Problem, answer: str) -> Decision:
    """Every number of the answer satisfies `equation`, and there are `count` of them, if that is given."""
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
        return count == 0, "there is none" if count == 0 else f"there are solutions, and {count} are asked for"
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
    """The answer satisfies the differential `equation`, with independent constants (`general`) or `conditions`."""
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
    names = _values(free, answer)
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
    point, value = (_tree(str(v), "metadata['conditions']") for v in given[1:])
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


def _values(names: list[str], salt: str) -> dict[str, Fraction]:
    """Positive values for the names other than the variable."""
    return {name: unit(salt, name) * 2 + Fraction(1, 2) for name in names}


# ---- numbers ------------------------------------------------------------------------------------------------------


def limit(problem: Problem, answer: str) -> Decision:
    """The answer is the limit of `expression` at `point`, from one `side` or both."""
    given = reading.limit_value(answer)
    wanted, error = _limit(problem.text("expression"), problem.variable, problem.text("point"), problem.get("side"))
    if isinstance(wanted, str) or isinstance(given, str):
        names = {"infty": "infinite", "-infty": "minus infinity", "none": "no limit"}
        shown = names.get(wanted, "finite") if isinstance(wanted, str) else "finite"
        return given == wanted if isinstance(wanted, str) and isinstance(given, str) else False, f"the limit is {shown}"
    n = Numeric(MORE_DIGITS, LOST_VALUE)
    try:
        value = n.value(given, {})
    except NoValue as why:
        return False, f"the answer has no value ({why})"
    if n.lost:
        raise Unreadable("its digits cancel")
    correct = bool(abs(value - wanted) <= error * max(1, abs(wanted)))
    return (
        correct,
        f"close to the point the expression is {n.mp.nstr(wanted, 8)}, and the answer is {n.mp.nstr(value, 8)}",
    )


@functools.lru_cache(maxsize=256)
def _limit(expression: str, variable: str, point: str, side: str | None) -> tuple[Number | str, Number]:
    """The limit's value and error, or `infty`, `-infty`, `none`; from values ever closer to the point. Raises ProblemError."""
    node, n = _tree(expression, "metadata['expression']"), Numeric(LIMIT_DIGITS)
    if side not in (None, "+", "-"):
        raise ProblemError(f"metadata['side'] = {side!r:.20}: expected '+' or '-'")
    if point in ("infty", "oo", "\\infty", "-infty", "-oo", "-\\infty"):
        sign = -1 if point.startswith("-") else 1
        return _approach(n, node, [{variable: sign * n.mp.mpf(10) ** k} for k in (25, 50, 100)])
    try:
        at = n.value(_tree(point, "metadata['point']"), {})
    except NoValue as why:
        raise ProblemError(f"metadata['point']: {why}") from None
    ways = [_approach(n, node, [{variable: at + s * n.mp.mpf(10) ** -k} for k in (25, 50, 100)])
            for s in ((1, -1) if side is None else (1,) if side == "+" else (-1,))]  # fmt: skip
    if len(ways) == 1:
        return ways[0]
    (left, error), (right, other) = ways
    if isinstance(left, str) or isinstance(right, str):
        return (left if left == right else "none"), error
    return (
        ("none", error) if abs(left - right) > 2 * max(error, other) * max(1, abs(left)) else (left, max(error, other))
    )


def _approach(n: Numeric, node: Node, places: list[dict[str, Number]]) -> tuple[Number | str, Number]:
    try:
        first, second, third = (n.value(node, names) for names in places)
    except NoValue as why:
        raise ProblemError(f"the expression has no value close to the point ({why})") from None
    if any(isinstance(v, n.mp.mpc) for v in (first, second, third)):
        raise ProblemError("the expression isn't real close to the point")
    error = abs(third - second) / max(1, abs(third)) + n.mp.mpf(10) ** -45
    if error < n.mp.mpf(10) ** -15:
        return third, error
    if abs(third) > 1.2 * abs(second) > 1.44 * abs(first) and abs(third) > 5:
        return ("infty" if third > 0 else "-infty"), error
    raise ProblemError("the expression converges too slowly to check a limit")


def definite(problem: Problem, answer: str) -> Decision:
    """The answer is the integral of `integrand` from `lower` to `upper`."""
    node = reading.closed(reading.expression(reading.tree(answer)), frozenset())
    wanted = _integral(problem.text("integrand"), problem.variable, problem.text("lower"), problem.text("upper"))
    n = Numeric(MORE_DIGITS, LOST_VALUE)
    try:
        value = n.value(node, {})
    except NoValue as error:
        return False, f"the answer has no value ({error})"
    if n.lost:
        raise Unreadable("its digits cancel")
    correct = bool(abs(value - wanted) <= n.mp.mpf(10) ** -QUADRATURE_AGREES * max(1, abs(wanted)))
    return correct, f"the integral is {n.mp.nstr(wanted, 8)}, and the answer is {n.mp.nstr(value, 8)}"


@functools.lru_cache(maxsize=256)
def _integral(integrand: str, variable: str, lower: str, upper: str) -> Number:
    """The integral to many digits, by tanh-sinh quadrature (mpmath.quad). Raises ProblemError if it doesn't converge."""
    node, mp = _tree(integrand, "metadata['integrand']"), context(DIGITS)
    n = Numeric(DIGITS)

    def bound(text: str) -> Number:
        infinite = {"infty": mp.inf, "\\infty": mp.inf, "-infty": -mp.inf, "-\\infty": -mp.inf}
        return infinite[text] if text in infinite else n.value(_tree(text, "a bound"), {})

    try:
        value, error = mp.quad(lambda x: n.value(node, {variable: x}), [bound(lower), bound(upper)], error=True)
    except (NoValue, ZeroDivisionError, ValueError) as why:
        raise ProblemError(f"the integral has no value: {why}") from None
    if error > mp.mpf(10) ** -(QUADRATURE_AGREES + 2) * max(1, abs(value)) or isinstance(value, mp.mpc):
        raise ProblemError("the integral can't be computed to enough digits")
    return value


KINDS: dict[str, Callable[..., Decision]] = {
    "antiderivative": antiderivative, "derivative": derivative, "equivalent": equivalent, "roots": roots, "ode": ode,
    "limit": limit, "definite": definite,
}  # fmt: skip

__all__ = ["KINDS", "Lost", "Problem", "ProblemError", "Unreadable"]
