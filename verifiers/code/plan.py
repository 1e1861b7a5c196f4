"""Turns tests into plans. What is `f(literals) == literal` is taken apart here and compared on the host; any other
test becomes a piece of code for the judge's sandbox. Expected values stay on this side in both cases.
"""

import ast
import builtins
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlvr.errors import ConfigError
from rlvr.sandboxes.types import Call, Job, calls_job, stdin_job

LONGEST_LITERAL = 1 << 20
CONTAINERS = (list, tuple, dict, set, frozenset, str, bytes)


@dataclass(frozen=True)
class Check:
    """What must hold of one call's value: eq, is, near (absolute), close (math.isclose), true or false."""

    kind: str
    expected: Any = None
    relative: float = 0.0
    absolute: float = 0.0
    strict: bool = False  # near: less than, not at most


@dataclass(frozen=True)
class Plan:
    """One test. `job` is what the worker gets; exactly one of checks, source and stdout decides on its result."""

    job: Job | None = None
    checks: tuple[Check, ...] = ()
    source: str = ""  # for the judge
    names: tuple[str, ...] = ()  # that the judge takes from the candidate first
    stdin: str = ""
    stdout: str | None = None
    hidden: bool = False


class _NotLiteral(Exception):
    pass


def plans_for(metadata: Mapping[str, Any]) -> list[Plan]:
    """The plans of an example's tests, visible ones first. Raises ConfigError for a test that is none."""
    entry = str(metadata.get("entry_point") or "")
    kind = metadata.get("kind", "function")
    if kind not in ("function", "stdio"):
        raise ConfigError(f"kind = {kind!r}: expected function or stdio")
    groups: list[tuple[Sequence[Any], bool]] = [
        (metadata.get("visible") or (), False),
        (metadata.get("tests") or (), False),
        (metadata.get("hidden") or (), True),
    ]
    if not any(tests for tests, _ in groups):
        groups = [(metadata.get("cases") or (), False)]
    plans = []
    for tests, hidden in groups:
        for test in [tests] if isinstance(tests, str) else tests:
            plans += _plans(test, kind, entry, str(metadata.get("test_setup") or ""), hidden)
    return plans


def _plans(test: Any, kind: str, entry: str, setup: str, hidden: bool) -> list[Plan]:
    if kind == "stdio":
        if not isinstance(test, Mapping) or not isinstance(test.get("stdout"), str):
            raise ConfigError(f"a stdio test must have stdin and stdout as text: {str(test)[:100]}")
        stdin = test.get("stdin") or ""
        return [Plan(stdin_job(stdin, test.get("files")), stdin=stdin, stdout=test["stdout"], hidden=hidden)]
    if isinstance(test, Mapping):
        if "args" not in test or "expected" not in test or not entry:
            raise ConfigError(f"a case needs args and expected, and its example an entry_point: {str(test)[:100]}")
        call = Call(entry, test["args"], test.get("kwargs") or {})
        return [Plan(_job([call], [test["expected"]]), (Check("eq", test["expected"]),), hidden=hidden)]
    if not isinstance(test, str):
        raise ConfigError(f"a test must be text, or args and expected: {str(test)[:100]}")
    return [_hide(plan) if hidden else plan for plan in _from_source(test, entry, setup)]


def _hide(plan: Plan) -> Plan:
    return Plan(plan.job, plan.checks, plan.source, plan.names, plan.stdin, plan.stdout, True)


@functools.lru_cache(maxsize=4096)
def _from_source(source: str, entry: str, setup: str) -> list[Plan]:
    try:
        tree = ast.parse(source)
        ast.parse(setup)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"a test isn't Python: {error} in {source[:80]!r}") from None
    check = next((node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check"), None)
    if check is not None and entry and len(check.args.args) == 1:
        return _from_check(source, tree, check, entry, setup)
    plan = _literal(tree.body, entry, entry)
    if plan is not None:
        return [plan]
    return [Plan(source=f"{setup}\n{source}", names=(entry,) if entry else ())]


def _from_check(source: str, tree: ast.Module, check: ast.FunctionDef, entry: str, setup: str) -> list[Plan]:
    """HumanEval's check(candidate): one plan for each assert where all are plain, else one for the judge."""
    candidate = check.args.args[0].arg
    plans = []
    for statement in check.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if isinstance(statement, ast.Pass) or _always(statement):
            continue
        plan = _literal([statement], candidate, entry)
        if plan is None:
            return [Plan(source=f"{setup}\n{source}\ncheck({entry})\n", names=(entry,))]
        plans.append(plan)
    return plans


def _always(statement: ast.stmt) -> bool:
    """`assert True, "…"`: HumanEval has some, and they test nothing."""
    return isinstance(statement, ast.Assert) and isinstance(statement.test, ast.Constant) and bool(statement.test.value)


def _literal(body: Sequence[ast.stmt], name: str, function: str) -> Plan | None:
    calls, checks = [], []
    for statement in body:
        if not isinstance(statement, ast.Assert):
            return None
        try:
            call, check = _assertion(statement.test, name, function)
        except _NotLiteral:
            return None
        calls.append(call)
        checks.append(check)
    if not calls:
        return None
    return Plan(_job(calls, [check.expected for check in checks]), tuple(checks))


def _job(calls: Sequence[Call], expected: Sequence[Any]) -> Job:
    """The answer may be some times as long as what is expected; more can't be right, and isn't read."""
    return calls_job(calls, (1 << 16) + 64 * sum(_size(value) for value in expected))


def _size(value: Any) -> int:
    size, todo = 0, [value]
    while todo:
        one = todo.pop()
        size += 1 + (
            len(one) if isinstance(one, CONTAINERS) else int(one).bit_length() // 32 if type(one) is int else 0
        )
        if isinstance(one, dict):
            todo += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple, set, frozenset)):
            todo += one
    return size


def _assertion(test: ast.expr, name: str, function: str) -> tuple[Call, Check]:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _call(test.operand, name, function), Check("false")
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        left, operator, right = test.left, test.ops[0], test.comparators[0]
        if isinstance(operator, ast.Eq):
            try:
                return _call(left, name, function), Check("eq", literal(right))
            except _NotLiteral:
                return _call(right, name, function), Check("eq", literal(left))
        if isinstance(operator, ast.Is) and isinstance(right, ast.Constant) and right.value in (None, True, False):
            return _call(left, name, function), Check("is", right.value)
        if isinstance(operator, (ast.LtE, ast.Lt)):
            return _near(left, literal(right), isinstance(operator, ast.Lt), name, function)
    if isinstance(test, ast.Call) and ast.unparse(test.func) == "math.isclose" and len(test.args) == 2:
        options = {str(word.arg): literal(word.value) for word in test.keywords}
        if set(options) <= {"rel_tol", "abs_tol"} and all(type(value) in (int, float) for value in options.values()):
            wanted = Check("close", literal(test.args[1]), options.get("rel_tol", 1e-9), options.get("abs_tol", 0.0))
            return _call(test.args[0], name, function), wanted
    return _call(test, name, function), Check("true")


def _near(left: ast.expr, bound: Any, strict: bool, name: str, function: str) -> tuple[Call, Check]:
    """abs(f(…) - number) <= bound"""
    if (
        not (isinstance(left, ast.Call) and isinstance(left.func, ast.Name) and left.func.id == "abs")
        or len(left.args) != 1
        or left.keywords
        or not isinstance(left.args[0], ast.BinOp)
        or not isinstance(left.args[0].op, ast.Sub)
        or type(bound) not in (int, float)
    ):
        raise _NotLiteral
    inner = left.args[0]
    try:
        call, expected = _call(inner.left, name, function), literal(inner.right)
    except _NotLiteral:
        call, expected = _call(inner.right, name, function), literal(inner.left)
    if type(expected) not in (int, float):
        raise _NotLiteral
    return call, Check("near", expected, absolute=bound, strict=strict)


def _call(node: ast.expr, name: str, function: str) -> Call:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        raise _NotLiteral
    called = node.func.id
    if called != name and (name or hasattr(builtins, called)):
        raise _NotLiteral
    if any(word.arg is None for word in node.keywords):
        raise _NotLiteral
    args = [literal(arg) for arg in node.args]
    return Call(
        function if called == name else called, args, {str(word.arg): literal(word.value) for word in node.keywords}
    )


def literal(node: ast.expr) -> Any:
    """The value of an expression of constants, displays, signs, sums and bounded repetition."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Add, ast.Sub)):
        left, right = literal(node.left), literal(node.right)
        if isinstance(node.op, ast.Mult):
            for many, times in ((left, right), (right, left)):
                plain = type(many) in (str, bytes, list, tuple) and type(times) is int
                if plain and len(many) * times <= LONGEST_LITERAL:
                    return many * times
        if type(left) in (int, float) and type(right) in (int, float):
            return {ast.Mult: left * right, ast.Add: left + right, ast.Sub: left - right}[type(node.op)]
        if isinstance(node.op, ast.Add) and type(left) is type(right) and type(left) in (str, bytes, list, tuple):
            return left + right
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id in ("set", "list", "tuple", "dict") and not node.args:
            return {"set": set, "list": list, "tuple": tuple, "dict": dict}[node.func.id]()
        if node.func.id == "float" and len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
            return _float(node.args[0].value)
    if isinstance(node, (ast.List, ast.Tuple)):
        values = [literal(item) for item in node.elts]
        return values if isinstance(node, ast.List) else tuple(values)
    raise _NotLiteral


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise _NotLiteral from None
