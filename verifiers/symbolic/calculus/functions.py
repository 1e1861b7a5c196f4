"""Antiderivatives, derivatives and simplifications: two functions are compared at many points.

Each function returns (correct, reason). All raise ProblemError for wrong metadata, Unreadable for an answer that is not of
the kind, and Lost if the digits don't suffice for a decision.
"""

from collections.abc import Mapping

from rlvr.verifiers.expressions.digits import Number
from rlvr.verifiers.expressions.syntax import Node, canonical, symbols
from rlvr.verifiers.symbolic.calculus import forms, reading
from rlvr.verifiers.symbolic.calculus.numeric import Numeric
from rlvr.verifiers.symbolic.calculus.points import ProblemError, same_function
from rlvr.verifiers.symbolic.calculus.problem import Decision, Problem, values_for

MAX_ORDER = 4  # of a derivative


def antiderivative(problem: Problem, answer: str, *, constant: bool, real: bool) -> Decision:
    """The derivative of the answer is `integrand`. `constant`: it has a constant of integration; `real`: it is real-valued.

    Raises ProblemError, Unreadable, Lost.
    """
    integrand, variable = problem.expression("integrand"), problem.variable
    node = reading.expression(reading.tree(answer), integrand)
    variables = symbols(integrand) | {variable}
    free = reading.constants(node, variables)
    names = values_for(sorted((variables | set(free)) - {variable}), answer)
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
    """The answer is the derivative of `function`, of `order`. Raises ProblemError, Unreadable, Lost."""
    function, variable = problem.expression("function"), problem.variable
    order = problem.whole("order", 1, 1, MAX_ORDER) or 1
    node = reading.expression(reading.tree(answer))
    variables = symbols(function) | {variable}
    reading.closed(node, variables)
    names = values_for(sorted(variables - {variable}), answer)
    wrong = same_function(
        lambda n, x: n.derivative(function, n.numbers(names), variable, x, order),
        lambda n, x: n.value(node, {**n.numbers(names), variable: x}),
        problem.domain,
        repr(function) + answer,
    )
    return (False, f"it is not the derivative: {wrong}") if wrong else (True, "it is the derivative")


def equivalent(problem: Problem, answer: str) -> Decision:
    """The answer is identical to `expression`, and in `form`. Raises ProblemError, Unreadable, Lost."""
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
    values = values_for([n for n in names if n != variable], answer)
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
