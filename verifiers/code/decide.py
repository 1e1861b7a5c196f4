"""Decides one test from what crossed the boundary, and from nothing else: bounded JSON, an exit, an output."""

from collections.abc import Sequence
from typing import Any

from rlvr.sandboxes import End, ExecResult
from rlvr.sandboxes.inside import codec
from rlvr.verifiers.code import compare
from rlvr.verifiers.code.plan import Check, Plan

SHOWN = 200  # characters of output in a verdict
KILLED = {End.TIMEOUT: "timeout", End.MEMORY: "memory", End.OUTPUT: "output_limit"}


def decide(plan: Plan, result: ExecResult, tolerance: float | None) -> tuple[str, str, bool]:
    """(status, detail, whether something opaque came back) of one run. Reads only what crossed the boundary."""
    if result.end in KILLED:
        return KILLED[result.end], "", False
    if plan.stdout is not None:
        if not result.ok:
            return "runtime_error", f"exit code {result.code}", False
        same = compare.same_output(result.stdout, plan.stdout.encode("utf-8", "surrogateescape"), tolerance)
        return "pass" if same else "wrong", "", False
    if not result.loaded:
        return "load_error", _last_line(result.stderr), False
    if result.answer is None:
        return "runtime_error", f"exit code {result.code}", False
    try:
        answer = codec.loads(result.answer, len(result.answer))
        if not isinstance(answer, dict):
            return "wrong", "a malformed answer", True
        nodes, roots, outcomes = answer["nodes"], answer["roots"], answer["out"]
        codec.check(nodes)
        return _hold(plan.checks, nodes, roots, outcomes, tolerance)
    except (codec.Malformed, KeyError, IndexError, TypeError, ValueError):
        return "wrong", "a malformed answer", True


def _hold(
    checks: Sequence[Check], nodes: Any, roots: Any, outcomes: Any, tolerance: float | None
) -> tuple[str, str, bool]:
    if len(outcomes) != len(checks):
        return "wrong", "a malformed answer", True
    opaque = any(type(node) is list and node[0] == "o" for node in nodes)
    for check, (kind, *rest) in zip(checks, outcomes, strict=True):
        if kind == "raised":
            return "runtime_error", str(rest[0])[:100], opaque
        if kind == "missing":
            return "runtime_error", f"no function {str(rest[0])[:100]}", opaque
        if kind != "value" or type(rest[0]) is not int or rest[0] < 0:
            return "wrong", "", True
        root = roots[rest[0]]
        if type(root) is not int or not 0 <= root < len(nodes):
            raise codec.Malformed("no root")
        if not _holds(check, nodes, root, tolerance):
            return "wrong", "", opaque
    return "pass", "", opaque


def _holds(check: Check, nodes: Any, root: int, tolerance: float | None) -> bool:
    if check.kind == "eq":
        return compare.equal(check.expected, nodes, root, tolerance)
    if check.kind == "is":
        return nodes[root] is check.expected
    if check.kind in ("true", "false"):
        return compare.truth(nodes, root) is (check.kind == "true")
    value = compare.number(nodes, root)
    if value is None:
        return False
    if check.kind == "close":
        return compare.close(value, check.expected, check.relative, check.absolute)
    try:
        distance = abs(value - check.expected)
    except OverflowError:
        return False
    return bool(distance < check.absolute if check.strict else distance <= check.absolute)


def _last_line(stderr: bytes) -> str:
    lines = stderr[-2000:].decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:SHOWN] if lines else ""
