"""What plain evaluation can't decide, by z3: whether a better solution exists, and whether something holds for all values.

Work is bounded by z3's own counter, so that a verdict doesn't depend on the machine; past it, `TooExpensive`.
"""

import ast
import operator
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from rlvr.errors import VerifierError
from rlvr.verifiers.symbolic.constraints.tasks import ScheduledTask
from rlvr.verifiers.symbolic.fields import TooExpensive, fail
from rlvr.verifiers.symbolic.final_answer import load

RLIMIT = 3_000_000  # z3's units of work: a second or two
Domain = tuple[int, int] | list[int] | None  # whole numbers of a range, some values, or any number

_BINARY = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}
_COMPARE = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip


def library() -> Any:
    """z3. Raises VerifierError if it isn't installed."""
    return load("z3", "z3-solver")


def model(
    domains: Mapping[str, Domain], values: Mapping[str, Fraction], wanted: Sequence[Any]
) -> dict[str, str] | None:
    """Values of `domains` under which all of `wanted` hold, or None if there are none.

    `wanted`: expressions (trees of `expressions.parse`), over the domains' names and those of `values`, which are fixed.
    Raises TooExpensive, and VerifierError for expressions that can't be translated.
    """
    z3 = library()
    solver = z3.Solver()
    solver.set("rlimit", RLIMIT)
    terms: dict[str, Any] = {name: _number(z3, value) for name, value in values.items()}
    for name, domain in domains.items():
        terms[name] = z3.Real(name) if domain is None else z3.Int(name)
        if isinstance(domain, tuple):
            solver.add(terms[name] >= domain[0], terms[name] <= domain[1])
        elif domain is not None:
            solver.add(z3.Or([terms[name] == value for value in domain]))
    for node in wanted:
        solver.add(_translate(z3, node, terms))
    if not _possible(z3, solver):
        return None
    solution = solver.model()
    return {name: str(solution.eval(terms[name], model_completion=True)) for name in domains}


def ends_before(tasks: Mapping[str, ScheduledTask], capacity: Mapping[str, int], end: int) -> bool:
    """Whether some schedule of the tasks ends earlier than `end`. Raises TooExpensive."""
    z3 = library()
    solver = z3.Solver()
    solver.set("rlimit", RLIMIT)
    start = {name: z3.Int(f"start {name}") for name in tasks}
    for name, task in tasks.items():
        solver.add(start[name] >= task.release, start[name] + task.duration <= min(task.deadline, end - 1))
        solver.add(*(start[name] >= start[before] + tasks[before].duration for before in task.after))
    for resource, most in capacity.items():
        users = [name for name, task in tasks.items() if task.uses.get(resource) and task.duration]
        for name in users:
            running = [
                z3.If(
                    z3.And(start[n] <= start[name], start[name] < start[n] + tasks[n].duration),
                    tasks[n].uses[resource],
                    0,
                )
                for n in users
            ]
            solver.add(z3.Sum(running) <= most)
    return _possible(z3, solver)


def _possible(z3: Any, solver: Any) -> bool:
    result = solver.check()
    if result == z3.unknown:
        raise TooExpensive(f"z3 did not decide it: {solver.reason_unknown()}")
    return bool(result == z3.sat)


def _number(z3: Any, value: Fraction) -> Any:
    return z3.IntVal(value.numerator) if value.denominator == 1 else z3.RealVal(str(value))


def _translate(z3: Any, node: ast.expr, terms: Mapping[str, Any]) -> Any:
    def of(child: ast.expr) -> Any:
        return _translate(z3, child, terms)

    match node:
        case ast.Name(id=name):
            return terms[name]
        case ast.Constant(value=bool(value)):
            return z3.BoolVal(value)
        case ast.Constant(value=int(value)):
            return z3.IntVal(value)
        case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=int(power))):
            base = of(node.left)
            return z3.Product([base] * power) if power else z3.IntVal(1)
        # z3's division is total and rounds in its own way: used only if it agrees with Python's.
        case ast.BinOp(op=ast.Div() | ast.FloorDiv() | ast.Mod(), right=ast.Constant(value=int(divisor))) if (
            divisor > 0
        ):
            left = of(node.left)
            if isinstance(node.op, ast.Div):
                return (z3.ToReal(left) if left.is_int() else left) / divisor
            if not left.is_int():
                fail(f"{ast.unparse(node)[:80]} is translated for whole numbers only")
            return left / divisor if isinstance(node.op, ast.FloorDiv) else left % divisor
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult()):
            return _BINARY[type(node.op)](of(node.left), of(node.right))
        case ast.UnaryOp(op=ast.USub()):
            return -of(node.operand)
        case ast.UnaryOp(op=ast.Not()):
            return z3.Not(of(node.operand))
        case ast.BoolOp():
            parts = [of(part) for part in node.values]
            return z3.And(parts) if isinstance(node.op, ast.And) else z3.Or(parts)
        case ast.Compare():
            sides = [of(term) for term in (node.left, *node.comparators)]
            pairs = zip(node.ops, sides, sides[1:], strict=False)
            return z3.And([_COMPARE[type(op)](a, b) for op, a, b in pairs])
        case ast.Call(func=ast.Name(id=name)):
            return _call(z3, name, [of(part) for part in node.args])
    raise VerifierError(f"metadata: {ast.unparse(node)[:80]} can't be translated for z3")


def _call(z3: Any, name: str, arguments: list[Any]) -> Any:
    match name:
        case "all_different":
            return z3.Distinct(arguments)
        case "abs":
            return z3.If(arguments[0] >= 0, arguments[0], -arguments[0])
        case "implies":
            return z3.Implies(*arguments)
        case "sum":
            return z3.Sum(arguments)
    best = arguments[0]
    for other in arguments[1:]:
        best = z3.If((other < best) if name == "min" else (other > best), other, best)
    return best
