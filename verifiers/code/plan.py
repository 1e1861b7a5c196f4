"""Turns tests into plans. A test `f(literals) == literal` is taken apart here and compared on the host; any other test
becomes code for the test runner's sandbox. In both cases expected values never reach the program's sandbox.
"""

import ast
import builtins
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rlvr.errors import ConfigError
from rlvr.sandboxes.types import Call, Job, calls_job, stdin_job
from rlvr.verifiers.code.problem import CodeProblem

LONGEST_LITERAL = 1 << 20
CONTAINERS = (list, tuple, dict, set, frozenset, str, bytes)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must hold of one call's value: it equals, is, or is near (absolute) or close (math.isclose) to `value`."""

    kind: Literal["eq", "is", "near", "close", "true", "false"]
    value: Any = None
    relative: float = 0.0
    absolute: float = 0.0
    strict: bool = False  # near: less than `absolute`, rather than at most


@dataclass(frozen=True, slots=True)
class TestPlan:
    """How one test is run. `job` is what the program's sandbox gets; it is None if the test runner runs `source`.

    Exactly one of expectations, source and stdout decides on the result.
    """

    __test__ = False  # for pytest: not a class of tests

    job: Job | None = None
    expectations: tuple[Expectation, ...] = ()
    source: str = ""  # for the test runner
    names: tuple[str, ...] = ()  # that the test runner takes from the candidate first
    stdin: str = ""
    stdout: str | None = None
    hidden: bool = False


class _NotLiteral(Exception):
    pass


def plans_for(problem: CodeProblem) -> list[TestPlan]:
    """The plans of a problem's tests, visible ones first. Raises ConfigError for an invalid test."""
    groups = [(problem.visible, False), (problem.tests, False), (problem.hidden, True)]
    if not any(tests for tests, _ in groups):
        groups = [(problem.cases, False)]
    return [plan for tests, hidden in groups for test in tests for plan in _plans(test, problem, hidden)]


def _plans(test: Any, problem: CodeProblem, hidden: bool) -> list[TestPlan]:
    if problem.kind == "stdio":
        if not isinstance(test, Mapping) or not isinstance(test.get("stdout"), str):
            raise ConfigError(f"a stdio test must have stdin and stdout as text: {str(test)[:100]}")
        stdin = test.get("stdin") or ""
        return [TestPlan(stdin_job(stdin, test.get("files")), stdin=stdin, stdout=test["stdout"], hidden=hidden)]
    if isinstance(test, Mapping):
        if "args" not in test or "expected" not in test or not problem.entry_point:
            raise ConfigError(f"a case needs args and expected, and its example an entry_point: {str(test)[:100]}")
        job = _job([Call(problem.entry_point, test["args"], test.get("kwargs") or {})], [test["expected"]])
        return [TestPlan(job, (Expectation("eq", test["expected"]),), hidden=hidden)]
    if not isinstance(test, str):
        raise ConfigError(f"a test must be text, or args and expected: {str(test)[:100]}")
    plans = _from_source(test, problem.entry_point, problem.test_setup)
    return [dataclasses.replace(plan, hidden=True) for plan in plans] if hidden else plans


@functools.lru_cache(maxsize=4096)
def _from_source(source: str, entry: str, setup: str) -> list[TestPlan]:
    try:
        tree = ast.parse(source)
        ast.parse(setup)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"a test isn't Python: {error} in {source[:80]!r}") from None
    check = next((node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check"), None)
    if check is not None and entry and len(check.args.args) == 1:
        return _from_check(source, tree, check, entry, setup)
    plan = _compared_on_host(tree.body, entry, entry)
    if plan is not None:
        return [plan]
    return [TestPlan(source=f"{setup}\n{source}", names=(entry,) if entry else ())]


def _from_check(source: str, tree: ast.Module, check: ast.FunctionDef, entry: str, setup: str) -> list[TestPlan]:
    """HumanEval's check(candidate): one plan for each assert if all are plain, else one for the test runner."""
    candidate = check.args.args[0].arg
    plans = []
    for statement in check.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if isinstance(statement, ast.Pass) or _always(statement):
            continue
        plan = _compared_on_host([statement], candidate, entry)
        if plan is None:
            return [TestPlan(source=f"{setup}\n{source}\ncheck({entry})\n", names=(entry,))]
        plans.append(plan)
    return plans


def _always(statement: ast.stmt) -> bool:
    """`assert True, "…"`: HumanEval has some, and they test nothing."""
    return isinstance(statement, ast.Assert) and isinstance(statement.test, ast.Constant) and bool(statement.test.value)


def _compared_on_host(body: Sequence[ast.stmt], name: str, function: str) -> TestPlan | None:
    calls, expectations = [], []
    for statement in body:
        if not isinstance(statement, ast.Assert):
            return None
        try:
            call, expectation = _assertion(statement.test, name, function)
        except _NotLiteral:
            return None
        calls.append(call)
        expectations.append(expectation)
    if not calls:
        return None
    return TestPlan(_job(calls, [expectation.value for expectation in expectations]), tuple(expectations))


def _job(calls: Sequence[Call], expected: Sequence[Any]) -> Job:
    """The answer may be some times longer than the expected values. An even longer one can't be right and isn't read."""
    return calls_job(calls, (1 << 16) + 64 * sum(_size(value) for value in expected))


def _size(value: Any) -> int:
    size, todo = 0, [value]
    while todo:
        item = todo.pop()
        size += 1 + (len(item) if isinstance(item, CONTAINERS) else item.bit_length() // 32 if type(item) is int else 0)
        if isinstance(item, dict):
            todo += [*item.keys(), *item.values()]
        elif isinstance(item, (list, tuple, set, frozenset)):
            todo += item
    return size


def _assertion(test: ast.expr, name: str, function: str) -> tuple[Call, Expectation]:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _call(test.operand, name, function), Expectation("false")
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        left, operator, right = test.left, test.ops[0], test.comparators[0]
        if isinstance(operator, ast.Eq):
            try:
                return _call(left, name, function), Expectation("eq", _literal_value(right))
            except _NotLiteral:
                return _call(right, name, function), Expectation("eq", _literal_value(left))
        if isinstance(operator, ast.Is) and isinstance(right, ast.Constant) and right.value in (None, True, False):
            return _call(left, name, function), Expectation("is", right.value)
        if isinstance(operator, (ast.LtE, ast.Lt)):
            return _near(left, _literal_value(right), isinstance(operator, ast.Lt), name, function)
    if isinstance(test, ast.Call) and ast.unparse(test.func) == "math.isclose" and len(test.args) == 2:
        options = {str(word.arg): _literal_value(word.value) for word in test.keywords}
        if set(options) <= {"rel_tol", "abs_tol"} and all(type(value) in (int, float) for value in options.values()):
            expectation = Expectation(
                "close", _literal_value(test.args[1]), options.get("rel_tol", 1e-9), options.get("abs_tol", 0.0)
            )
            return _call(test.args[0], name, function), expectation
    return _call(test, name, function), Expectation("true")


def _near(left: ast.expr, bound: Any, strict: bool, name: str, function: str) -> tuple[Call, Expectation]:
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
        call, expected = _call(inner.left, name, function), _literal_value(inner.right)
    except _NotLiteral:
        call, expected = _call(inner.right, name, function), _literal_value(inner.left)
    if type(expected) not in (int, float):
        raise _NotLiteral
    return call, Expectation("near", expected, absolute=bound, strict=strict)


def _call(node: ast.expr, name: str, function: str) -> Call:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        raise _NotLiteral
    called = node.func.id
    if called != name and (name or hasattr(builtins, called)):
        raise _NotLiteral
    if any(word.arg is None for word in node.keywords):
        raise _NotLiteral
    args = [_literal_value(arg) for arg in node.args]
    return Call(
        function if called == name else called,
        args,
        {str(word.arg): _literal_value(word.value) for word in node.keywords},
    )


def _literal_value(node: ast.expr) -> Any:
    """The value of an expression of constants, displays, signs, sums and bounded repetition. Raises _NotLiteral."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        pass
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Add, ast.Sub)):
        left, right = _literal_value(node.left), _literal_value(node.right)
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
        values = [_literal_value(item) for item in node.elts]
        return values if isinstance(node, ast.List) else tuple(values)
    raise _NotLiteral


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise _NotLiteral from None
