"""The verifier `code`: plans the tests, runs them in a sandbox, decides on the host, and adds up.

A test passes only if code that we trust ran to its end and compared. What a sandbox failed at is tried again in a fresh
one and then raised: it is never a score. The verdict is `timeout` only if every test was too slow, and `error` if there
are no tests.
"""

import asyncio
import dataclasses
import functools
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from rlvr.errors import ConfigError, SandboxError
from rlvr.sandboxes import ExecResult, Limits, Sandbox, VerdictKind, stdin_job
from rlvr.verifiers.code import extract, sandboxes
from rlvr.verifiers.code.decide import SHOWN, Decision, TestOutcome, TestStatus, decide, decide_by_test_runner
from rlvr.verifiers.code.plan import TestPlan, plans_for
from rlvr.verifiers.code.problem import FIELDS, GROUPS, CodeProblem, pair_from_program
from rlvr.verifiers.types import Completion, Example, Status, Verdict
from rlvr.verifiers.verifier import verifier

T = TypeVar("T")
ATTEMPTS = 2
# What is left for each test of a program that has run out of time once: a share of the time limit, and seconds.
AFTER_TIMEOUT_SHARE, AFTER_TIMEOUT_LEAST_S = 0.05, 0.2


@verifier("code", deadline_s=3600.0, cases=Path(__file__).with_name("cases.jsonl"), from_row=pair_from_program)
async def code(
    example: Example,
    completion: Completion,
    *,
    score: Literal["share", "all"] = "share",
    stop_early: bool = False,
    extraction: Literal["fenced", "auto", "raw"] = "fenced",
    sandbox: str = "auto",
    workers: int | None = None,
    packages: tuple[str, ...] = (),
    runtime: str = "",
    time_limit_s: float = 3.0,
    memory_limit_mb: int = 1024,
) -> Verdict:
    """The program in the completion passes the example's tests, run in a sandbox."""
    try:
        problem = CodeProblem.from_metadata(example.metadata)
    except ConfigError as error:
        return Verdict.error(str(error))
    program = extract.program_of(completion.text, "raw" if problem.raw else extraction)
    if program is None:
        return Verdict.unparsed("no program: expected a fenced block of Python")
    if problem.prompt:
        program = extract.completed(program, problem.prompt, problem.entry_point)
    try:
        plans = plans_for(problem)
    except ConfigError as error:
        return Verdict.error(str(error))
    if not plans:
        return Verdict.error(_without_tests(example))
    if len(program) > extract.LONGEST:
        return Verdict(Status.INCORRECT, 0.0, None, f"the program is longer than {extract.LONGEST} characters")
    if extract.has_lone_surrogates(program):
        return Verdict(Status.INCORRECT, 0.0, None, "the program holds characters that no file can hold")
    limits = _limits(problem.time_limit_s or time_limit_s, problem.memory_limit_mb or memory_limit_mb)
    options = {"workers": workers, "packages": packages, "runtime": runtime}
    box = sandboxes.shared(sandbox, limits.memory_mb, **options)
    box.checked(limits)
    run = ProgramRun(box, program, plans, limits, problem, stops=stop_early and score == "all")
    return verdict_of(program, plans, await run.outcomes(), score)


def _without_tests(example: Example) -> str:
    others = [key for key in example.metadata if key not in FIELDS]
    held = f" (its metadata has {', '.join(others)}; tests are in {', '.join(GROUPS)})" if others else ""
    return f"the example has no tests{held}"


def _limits(time_s: float, memory_mb: int) -> Limits:
    after_timeout_s = max(time_s * AFTER_TIMEOUT_SHARE, AFTER_TIMEOUT_LEAST_S)
    return Limits(time_s, memory_mb, after_timeout_s=min(time_s, after_timeout_s))


def verdict_of(
    program: str, plans: Sequence[TestPlan], outcomes: Sequence[TestOutcome | None], score: Literal["share", "all"]
) -> Verdict:
    """Add up the outcomes of the plans. A test that wasn't run because the score was decided has none."""
    ran = [outcome for outcome in outcomes if outcome is not None]
    passed = sum(outcome.passed for outcome in ran)
    counts = Counter(outcome.status for outcome in ran)
    value = passed / len(plans) if score == "share" else float(passed == len(plans))
    parts: dict[str, Any] = {
        "tests": [_as_part(outcome) for outcome in ran],
        "passed": passed,
        "total": len(plans),
        "opaque": sum(outcome.decision.opaque for outcome in ran),
        "leftovers": sum(outcome.leftovers for outcome in ran),
        "denied": sum(outcome.denied for outcome in ran),
    }
    for name, hidden in (("visible", False), ("hidden", True)):
        group = [outcome for plan, outcome in zip(plans, outcomes, strict=True) if plan.hidden is hidden]
        if any(plan.hidden for plan in plans) and group:
            parts[name] = sum(1 for outcome in group if outcome is not None and outcome.passed) / len(group)
    broken = next((outcome for outcome in ran if outcome.status is TestStatus.INFRA_ERROR), None)
    if broken is not None:
        return Verdict(Status.ERROR, 0.0, program, broken.decision.detail, parts)
    reason = f"{passed} of {len(plans)} tests passed"
    failures = ", ".join(f"{count} {status}" for status, count in counts.items() if status is not TestStatus.PASS)
    status = Status.CORRECT if passed == len(plans) else Status.INCORRECT
    if not passed and set(counts) == {TestStatus.TIMEOUT}:
        status = Status.TIMEOUT
    return Verdict(status, value, program, f"{reason} ({failures})" if failures else reason, parts)


def _as_part(outcome: TestOutcome) -> dict[str, Any]:
    part: dict[str, Any] = {"status": str(outcome.status), "seconds": round(outcome.seconds, 6)}
    if not outcome.passed:
        texts = (("detail", outcome.decision.detail), ("output", outcome.output))
        part |= {key: text for key, text in texts if text}
    return part


@dataclass
class ProgramRun:
    """One program and its tests on their way through a sandbox. `stops`: at the first test that fails."""

    box: Sandbox
    program: str
    plans: Sequence[TestPlan]
    limits: Limits
    problem: CodeProblem
    stops: bool

    async def outcomes(self) -> list[TestOutcome | None]:
        """The outcomes, in the order of the plans; None for those that could no longer change the score.

        Raises SandboxError if sandboxes fail repeatedly.
        """
        outcomes: list[TestOutcome | None] = [None] * len(self.plans)
        on_host = [i for i, plan in enumerate(self.plans) if plan.job is not None]
        if on_host or self.problem.setup_program:
            decided = await _retried(functools.partial(self._compare_on_host, on_host))
            for i, outcome in zip(on_host, decided, strict=False):
                outcomes[i] = outcome
        for i, plan in enumerate(self.plans):
            if self.stops and any(outcome is not None and not outcome.passed for outcome in outcomes):
                break
            if plan.job is not None:
                continue
            after_timeout = any(outcome is not None and outcome.status is TestStatus.TIMEOUT for outcome in outcomes)
            outcome = await _retried(functools.partial(self._run_test, plan, after_timeout))
            outcomes[i] = outcome
            if outcome.status is TestStatus.LOAD_ERROR:  # it would do no better for the other tests
                return [outcome if p.job is None else o for p, o in zip(self.plans, outcomes, strict=True)]
        return outcomes

    async def _compare_on_host(self, chosen: Sequence[int]) -> list[TestOutcome]:
        plans = [self.plans[i] for i in chosen]
        jobs = [plan.job for plan in plans if plan.job is not None]
        stop = (lambda i, result: not self._decide(plans[i], result).passed) if self.stops else None
        async with self.box.slot() as slot:
            if self.problem.setup_program:
                await slot.run(_as_bytes(self.problem.setup_program), jobs[:1] or [stdin_job()], self.limits)
            results = await slot.run(_as_bytes(self.program), jobs, self.limits, stop) if jobs else []
        outcomes = [self._decide(plan, result) for plan, result in zip(plans, results, strict=False)]
        if self.problem.checker:
            ran = zip(plans, results, outcomes, strict=False)
            outcomes = [await self._check(plan, result, outcome) for plan, result, outcome in ran]
        if len(results) < len(jobs) and not self.stops:
            # The program doesn't load, and would do no better for the other tests.
            outcomes += [outcomes[-1]] * (len(jobs) - len(results))
        return outcomes

    def _decide(self, plan: TestPlan, result: ExecResult) -> TestOutcome:
        decision = decide(plan, result, self.problem.tolerance)
        decision = dataclasses.replace(decision, detail=decision.detail.encode("utf-8", "replace").decode())
        passed = decision.status is TestStatus.PASS
        output = b"" if passed else result.stdout[:SHOWN] or result.stderr[-SHOWN:]
        return _outcome(decision, result, output)

    async def _run_test(self, plan: TestPlan, after_timeout: bool) -> TestOutcome:
        verdict, end = await self.box.run_test(
            self.program, plan.source, self.limits, names=plan.names, after_timeout=after_timeout
        )
        decision = decide_by_test_runner(verdict, end)
        return _outcome(decision, end, b"" if decision.status is TestStatus.PASS else end.stdout[:SHOWN])

    async def _check(self, plan: TestPlan, result: ExecResult, outcome: TestOutcome) -> TestOutcome:
        """Let the example's own checker decide on an output, in the test runner's sandbox."""
        if plan.stdout is None or outcome.status not in (TestStatus.PASS, TestStatus.WRONG):
            return outcome
        values = {"stdin": plan.stdin, "expected": plan.stdout, "output": result.stdout.decode("utf-8", "replace")}
        test = f"{self.problem.checker}\nassert check(stdin, expected, output)\n"
        verdict, _ = await self.box.run_test("", test, self.limits, values=values)
        if verdict.passed:
            decision, output = dataclasses.replace(outcome.decision, status=TestStatus.PASS), ""
        elif verdict.kind is VerdictKind.RAISED and verdict.error == "AssertionError":
            decision, output = dataclasses.replace(outcome.decision, status=TestStatus.WRONG), outcome.output
        else:
            problem = verdict.error or verdict.detail or verdict.kind
            return TestOutcome(Decision(TestStatus.INFRA_ERROR, f"the checker failed: {problem}"), result.seconds)
        return dataclasses.replace(outcome, decision=decision, output=output)


def _outcome(decision: Decision, result: ExecResult, output: bytes) -> TestOutcome:
    text = output.decode("utf-8", "replace")
    return TestOutcome(decision, result.seconds, result.leftovers, result.denied, text)


async def _retried(run: Callable[[], Awaitable[T]]) -> T:
    """Try again in a fresh sandbox what a sandbox failed at; then it is an infrastructure error."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await run()
        except SandboxError:
            await asyncio.sleep(0.05)
    return await run()


def _as_bytes(program: str) -> bytes:
    return program.encode("utf-8", "surrogateescape")
