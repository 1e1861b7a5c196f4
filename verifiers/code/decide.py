"""Decides one test from what crossed the boundary, and from nothing else: bounded JSON, an exit, an output, a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from rlvr.sandboxes import End, ExecResult, TestRunnerVerdict, VerdictKind
from rlvr.sandboxes.inside import codec
from rlvr.verifiers.code import compare
from rlvr.verifiers.code.plan import Expectation, TestPlan

SHOWN = 200  # characters of output in a verdict


class TestStatus(StrEnum):
    """How a test of a program ended."""

    __test__ = False  # for pytest: not a class of tests

    PASS = "pass"
    WRONG = "wrong"  # it compared, and the answer differs
    LOAD_ERROR = "load_error"  # the program's text doesn't run to its end
    RUNTIME_ERROR = "runtime_error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT_LIMIT = "output_limit"
    INFRA_ERROR = "infra_error"  # the test, its checker or the test runner failed: it says nothing about the program


KILLED = {End.TIMEOUT: TestStatus.TIMEOUT, End.MEMORY: TestStatus.MEMORY, End.OUTPUT: TestStatus.OUTPUT_LIMIT}


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about a test. `opaque`: the program sent something that is no plain value."""

    status: TestStatus
    detail: str = ""
    opaque: bool = False


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """A decision with what the run cost and left: see ExecResult. `output` is the head of what a failed test printed."""

    __test__ = False

    decision: Decision
    seconds: float = 0.0
    leftovers: int = 0
    denied: int = 0
    output: str = ""

    @property
    def status(self) -> TestStatus:
        """How the test ended."""
        return self.decision.status

    @property
    def passed(self) -> bool:
        """Whether the program passed the test."""
        return self.status is TestStatus.PASS


MALFORMED = Decision(TestStatus.WRONG, "a malformed answer", opaque=True)


def decide(plan: TestPlan, result: ExecResult, tolerance: float | None) -> Decision:
    """Decide a test that is compared on the host from the result of its run."""
    if result.end in KILLED:
        return Decision(KILLED[result.end])
    if plan.stdout is not None:
        if not result.ok:
            return Decision(TestStatus.RUNTIME_ERROR, f"exit code {result.code}")
        same = compare.same_output(result.stdout, plan.stdout.encode("utf-8", "surrogateescape"), tolerance)
        return Decision(TestStatus.PASS if same else TestStatus.WRONG)
    if not result.loaded:
        return Decision(TestStatus.LOAD_ERROR, _last_line(result.stderr))
    if result.answer is None:
        return Decision(TestStatus.RUNTIME_ERROR, f"exit code {result.code}")
    try:
        answer = codec.loads(result.answer, len(result.answer))
        if not isinstance(answer, dict):
            return MALFORMED
        nodes, roots, outcomes = answer["nodes"], answer["roots"], answer["out"]
        codec.check(nodes)
        return _decide_answer(plan.expectations, nodes, roots, outcomes, tolerance)
    except (codec.Malformed, KeyError, IndexError, TypeError, ValueError):
        return MALFORMED


def decide_by_test_runner(verdict: TestRunnerVerdict, end: ExecResult) -> Decision:
    """Decide a test that the test runner ran, from its verdict and from how the program's run ended.

    How the run ended comes first: a program that was killed or that exited has not passed, whatever the test saw.
    """
    text = verdict.detail if verdict.kind is VerdictKind.RAISED else ""
    match verdict.kind:
        case _ if end.end in KILLED:
            return Decision(KILLED[end.end], text, "opaque" in text)
        case VerdictKind.NOT_LOADED:
            return Decision(TestStatus.LOAD_ERROR)
        case VerdictKind.UNSUPPORTED:
            return Decision(TestStatus.INFRA_ERROR, verdict.detail, "opaque" in verdict.detail)
        case VerdictKind.CANDIDATE_GONE:
            return Decision(TestStatus.RUNTIME_ERROR)
        case _ if end.end is End.EXIT:
            return Decision(TestStatus.RUNTIME_ERROR, text, "opaque" in text)
        case VerdictKind.PASSED:
            return Decision(TestStatus.PASS)
        case VerdictKind.TIMEOUT:
            return Decision(TestStatus.TIMEOUT, "the test itself didn't end")
        case VerdictKind.BROKEN:
            return Decision(TestStatus.INFRA_ERROR, f"the test runner failed: {verdict.detail}")
        case VerdictKind.RAISED:
            status = TestStatus.WRONG if verdict.error == "AssertionError" else TestStatus.RUNTIME_ERROR
            detail = f"{verdict.error}: {text}" if text else verdict.error
            return Decision(status, detail, "opaque" in detail)
        case _:
            assert_never(verdict.kind)


def _decide_answer(
    expectations: Sequence[Expectation], nodes: Any, roots: Any, outcomes: Any, tolerance: float | None
) -> Decision:
    if len(outcomes) != len(expectations):
        return MALFORMED
    opaque = any(type(node) is list and node[0] == "o" for node in nodes)
    for expectation, (kind, *rest) in zip(expectations, outcomes, strict=True):
        if kind == "raised":
            return Decision(TestStatus.RUNTIME_ERROR, str(rest[0])[:100], opaque)
        if kind == "missing":
            return Decision(TestStatus.RUNTIME_ERROR, f"no function {str(rest[0])[:100]}", opaque)
        if kind != "value" or type(rest[0]) is not int or rest[0] < 0:
            return Decision(TestStatus.WRONG, opaque=True)
        root = roots[rest[0]]
        if type(root) is not int or not 0 <= root < len(nodes):
            raise codec.Malformed("no root")
        if not _holds(expectation, nodes, root, tolerance):
            return Decision(TestStatus.WRONG, opaque=opaque)
    return Decision(TestStatus.PASS, opaque=opaque)


def _holds(expectation: Expectation, nodes: Any, root: int, tolerance: float | None) -> bool:
    if expectation.kind == "eq":
        return compare.equal(expectation.value, nodes, root, tolerance)
    if expectation.kind == "is":
        return nodes[root] is expectation.value
    if expectation.kind in ("true", "false"):
        return compare.truth(nodes, root) is (expectation.kind == "true")
    value = compare.number(nodes, root)
    if value is None:
        return False
    if expectation.kind == "close":
        return compare.close(value, expectation.value, expectation.relative, expectation.absolute)
    try:
        distance = abs(value - expectation.value)
    except OverflowError:
        return False
    return bool(distance < expectation.absolute if expectation.strict else distance <= expectation.absolute)


def _last_line(stderr: bytes) -> str:
    lines = stderr[-2000:].decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:SHOWN] if lines else ""
