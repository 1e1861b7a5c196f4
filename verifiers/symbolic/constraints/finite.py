"""Values for named variables that fulfill a list of constraints, perhaps for all values of others, perhaps the best.

variables    {"x": [1, 9], "c": {"values": ["red", "blue"]}, "r": "real"}
constraints  ["x < 5", "c != 'red'"] (see expressions.py)
forall       {"t": [0, 100]}: the constraints must hold for all these values too
minimize or maximize   an objective, with its optimum in `optimum`; without that, z3 finds it
"""

import ast
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from rlvr.verifiers.symbolic.constraints import expressions, smt
from rlvr.verifiers.symbolic.fields import Unreadable, compare_names, fail, field, pairs, short, whole

MAX_VARIABLES = 100
MAX_CONSTRAINTS = 500
MAX_DIGITS = 30
BOUND = 10**MAX_DIGITS

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}")
_NUMBER = re.compile(r"(-?[0-9]{1,30})(?:/([0-9]{1,30})|\.([0-9]{1,30}))?")
Domain = tuple[int, int] | list[int | str] | None  # as in smt, and texts


def finite(metadata: Mapping[str, Any], answer: str) -> str:
    """The broken constraint, or "". Raises Unreadable, TooExpensive, and VerifierError for the problem."""
    domains = _domains(metadata, "variables")
    universal = _domains(metadata, "forall") if "forall" in metadata else {}
    constraints = [expressions.parse(text) for text in field(metadata, "constraints", list)]
    goals = [name for name in ("minimize", "maximize") if name in metadata]
    objective = expressions.parse(metadata[goals[0]]) if goals else None
    if len(constraints) > MAX_CONSTRAINTS or len(goals) > 1 or (goals and universal):
        fail(f"at most {MAX_CONSTRAINTS} constraints, and one of 'minimize', 'maximize' and 'forall'")
    for node in [*constraints, *([objective] if objective else [])]:
        if unknown := expressions.names(node) - set(domains) - set(universal):
            fail(f"{ast.unparse(node)[:80]} names {min(unknown)}, which is not a variable")
    given = pairs(answer, len(domains))
    problem = compare_names(given, domains, "variable")
    if problem:
        return problem
    values: dict[str, expressions.Value] = {}
    for name, domain in domains.items():
        values[name] = _value(given[name], domain)
        if not _inside(values[name], domain):
            return f"{name} = {given[name]} is not in its domain"
    problem = _first_broken(constraints, values, universal)
    if not problem and objective is not None:
        problem = _worse(metadata, objective, goals[0] == "minimize", constraints, values, domains)
    return problem


def _first_broken(
    constraints: list[ast.expr], values: Mapping[str, expressions.Value], universal: Mapping[str, Domain]
) -> str:
    for node in constraints:
        if expressions.names(node) & set(universal):
            negated = ast.UnaryOp(ast.Not(), node)
            counterexample = smt.model(_numeric(universal), _numbers(values), [negated])
            if counterexample is not None:
                return f"{ast.unparse(node)} does not hold for {_listed(counterexample)}"
            continue
        try:
            if not expressions.evaluate(node, values):
                return f"{ast.unparse(node)} does not hold"
        except ZeroDivisionError:
            return f"{ast.unparse(node)} divides by zero"
    return ""


def _worse(
    metadata: Mapping[str, Any],
    objective: ast.expr,
    least: bool,
    constraints: list[ast.expr],
    values: Mapping[str, expressions.Value],
    domains: Mapping[str, Domain],
) -> str:
    """Why the objective isn't the best, or ""."""
    try:
        reached = expressions.evaluate(objective, values)
    except ZeroDivisionError:
        return f"{ast.unparse(objective)} divides by zero"
    if "optimum" in metadata:
        best = _value(str(metadata["optimum"]), None)
        return "" if reached == best else f"{ast.unparse(objective)} is {reached}, and the optimum is {best}"
    better = ast.Compare(objective, [ast.Lt() if least else ast.Gt()], [ast.Name("the value reached")])
    solution = smt.model(_numeric(domains), {"the value reached": reached}, [*constraints, better])
    return (
        f"{ast.unparse(objective)} is {reached}; it is better for {_listed(solution)}" if solution is not None else ""
    )


def _listed(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in values.items())


def _domains(metadata: Mapping[str, Any], name: str) -> dict[str, Domain]:
    given = field(metadata, name, dict)
    if not 1 <= len(given) <= MAX_VARIABLES or not all(_NAME.fullmatch(variable) for variable in given):
        fail(f"field {name!r} must have 1 to {MAX_VARIABLES} names")
    domains: dict[str, Domain] = {}
    for variable, domain in given.items():
        match domain:
            case [low, high]:
                domains[variable] = (
                    whole(low, f"the least {variable}", -BOUND, BOUND),
                    whole(high, f"the largest {variable}", -BOUND, BOUND),
                )
            case {"values": [_, *_] as values} if all(type(value) in (int, str) for value in values):
                domains[variable] = list(values)
            case "real":
                domains[variable] = None
            case _:
                fail(f"the domain of {variable} must be [low, high], {{'values': […]}} or 'real', not {domain!r:.80}")
    return domains


def _value(text: str, domain: Domain) -> expressions.Value:
    """The value that `text` writes: one of the domain's texts, or a number. Raises Unreadable."""
    if isinstance(domain, list) and text.rstrip(".") in domain:
        return text.rstrip(".")
    match = _NUMBER.fullmatch(text.rstrip("."))
    if match is None:
        raise Unreadable(f"{short(text, 40)} is not a value: expected a number, or a value of the domain")
    if match[2] is not None and int(match[2]) == 0:
        raise Unreadable(f"{text} divides by zero")
    return Fraction(text.rstrip("."))


def _inside(value: expressions.Value, domain: Domain) -> bool:
    if domain is None:
        return isinstance(value, Fraction)
    if isinstance(domain, tuple):
        return isinstance(value, Fraction) and value.denominator == 1 and domain[0] <= value <= domain[1]
    return value in domain


def _numeric(domains: Mapping[str, Domain]) -> dict[str, smt.Domain]:
    numeric: dict[str, smt.Domain] = {}
    for name, domain in domains.items():
        if isinstance(domain, list):
            if not all(isinstance(value, int) for value in domain):
                fail(f"{name} has texts as values: z3 compares numbers only")
            numeric[name] = [value for value in domain if isinstance(value, int)]
        else:
            numeric[name] = domain
    return numeric


def _numbers(values: Mapping[str, expressions.Value]) -> dict[str, Fraction]:
    return {name: value for name, value in values.items() if isinstance(value, Fraction)}
