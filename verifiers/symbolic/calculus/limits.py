"""Limits and definite integrals: the answer is compared with a value computed to many digits.

Each function returns (correct, reason). All raise ProblemError for wrong metadata, Unreadable for an answer that is not of
the kind, and Lost if the digits don't suffice for a decision.
"""

import functools

from rlvr.verifiers.expressions.digits import Number, context
from rlvr.verifiers.expressions.errors import NoValue
from rlvr.verifiers.expressions.syntax import Node
from rlvr.verifiers.symbolic.calculus import reading
from rlvr.verifiers.symbolic.calculus.numeric import DIGITS, MORE_DIGITS, Numeric
from rlvr.verifiers.symbolic.calculus.points import ProblemError
from rlvr.verifiers.symbolic.calculus.problem import Decision, Problem, tree_of
from rlvr.verifiers.symbolic.calculus.reading import Divergence, Unreadable

LIMIT_DIGITS = 600
QUADRATURE_AGREES = 35  # decimal digits
LOST_VALUE = 30  # digits by which a part of the answer must not be smaller than the whole


def limit(problem: Problem, answer: str) -> Decision:
    """The answer is the limit of `expression` at `point`, from one `side` or both. Raises ProblemError, Unreadable."""
    given = reading.limit_value(answer)
    wanted, error = _limit(problem.text("expression"), problem.variable, problem.text("point"), problem.get("side"))
    if isinstance(wanted, Divergence) or isinstance(given, Divergence):
        return given is wanted, f"the limit is {wanted.value if isinstance(wanted, Divergence) else 'finite'}"
    return _compared(given, wanted, error, "close to the point the expression")


def _compared(node: Node, wanted: Number, error: Number, what: str) -> Decision:
    """Whether an answer has the wanted value, up to a relative error. Raises Unreadable."""
    n = Numeric(MORE_DIGITS, LOST_VALUE)
    try:
        value = n.value(node, {})
    except NoValue as why:
        return False, f"the answer has no value ({why})"
    if n.lost:
        raise Unreadable("its digits cancel")
    correct = bool(abs(value - wanted) <= error * max(1, abs(wanted)))
    return correct, f"{what} is {n.mp.nstr(wanted, 8)}, and the answer is {n.mp.nstr(value, 8)}"


@functools.lru_cache(maxsize=256)
def _limit(expression: str, variable: str, point: str, side: str | None) -> tuple[Number | Divergence, Number]:
    """The limit and its relative error, from values ever closer to the point. Raises ProblemError."""
    node, n = tree_of(expression, "metadata['expression']"), Numeric(LIMIT_DIGITS)
    if side not in (None, "+", "-"):
        raise ProblemError(f"metadata['side'] = {side!r:.20}: expected '+' or '-'")
    if point in ("infty", "oo", "\\infty", "-infty", "-oo", "-\\infty"):
        sign = -1 if point.startswith("-") else 1
        return _approach(n, node, [{variable: sign * n.mp.mpf(10) ** k} for k in (25, 50, 100)])
    try:
        at = n.value(tree_of(point, "metadata['point']"), {})
    except NoValue as why:
        raise ProblemError(f"metadata['point']: {why}") from None
    ways = [_approach(n, node, [{variable: at + s * n.mp.mpf(10) ** -k} for k in (25, 50, 100)])
            for s in ((1, -1) if side is None else (1,) if side == "+" else (-1,))]  # fmt: skip
    if len(ways) == 1:
        return ways[0]
    (left, error), (right, other) = ways
    if isinstance(left, Divergence) or isinstance(right, Divergence):
        return (left if left is right else Divergence.NONE), error
    return (
        (Divergence.NONE, error)
        if abs(left - right) > 2 * max(error, other) * max(1, abs(left))
        else (left, max(error, other))
    )


def _approach(n: Numeric, node: Node, places: list[dict[str, Number]]) -> tuple[Number | Divergence, Number]:
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
        return (Divergence.INFINITY if third > 0 else Divergence.MINUS_INFINITY), error
    raise ProblemError("the expression converges too slowly to check a limit")


def definite(problem: Problem, answer: str) -> Decision:
    """The answer is the integral of `integrand` from `lower` to `upper`. Raises ProblemError, Unreadable."""
    node = reading.closed(reading.expression(reading.tree(answer)), frozenset())
    wanted = _integral(problem.text("integrand"), problem.variable, problem.text("lower"), problem.text("upper"))
    return _compared(node, wanted, context(MORE_DIGITS).mpf(10) ** -QUADRATURE_AGREES, "the integral")


@functools.lru_cache(maxsize=256)
def _integral(integrand: str, variable: str, lower: str, upper: str) -> Number:
    """The integral to many digits, by tanh-sinh quadrature (mpmath.quad). Raises ProblemError if it doesn't converge."""
    node, mp = tree_of(integrand, "metadata['integrand']"), context(DIGITS)
    n = Numeric(DIGITS)

    def bound(text: str) -> Number:
        infinite = {"infty": mp.inf, "\\infty": mp.inf, "-infty": -mp.inf, "-\\infty": -mp.inf}
        return infinite[text] if text in infinite else n.value(tree_of(text, "a bound"), {})

    try:
        value, error = mp.quad(lambda x: n.value(node, {variable: x}), [bound(lower), bound(upper)], error=True)
    except (NoValue, ZeroDivisionError, ValueError) as why:
        raise ProblemError(f"the integral has no value: {why}") from None
    if error > mp.mpf(10) ** -(QUADRATURE_AGREES + 2) * max(1, abs(value)) or isinstance(value, mp.mpc):
        raise ProblemError("the integral can't be computed to enough digits")
    return value
