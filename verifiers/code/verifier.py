"""The verifier `code`: plans the tests, runs them in a sandbox, decides on the host, and adds up.

A test passes only where code that we trust ran to its end and compared. A failure of the sandbox is tried again in a
fresh one, then raised: it is never a score. `timeout` is the verdict only where every test that failed was too slow
and none passed; no tests at all is an `error`.
"""

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rlvr.errors import ConfigError
from rlvr.sandboxes import End, ExecResult, Limits, Sandbox, SandboxError, stdin_job
from rlvr.verifiers.code import extract, sandboxes
from rlvr.verifiers.code.decide import KILLED, SHOWN, decide
from rlvr.verifiers.code.plan import Plan, plans_for
from rlvr.verifiers.code.problem import example_from_row
from rlvr.verifiers.types import Completion, Example, Status, Verdict
from rlvr.verifiers.verifier import verifier

ATTEMPTS = 2
# Of the time limit, and seconds: what is left for each test of a program that has run out of time once.
AGAIN, AGAIN_LEAST = 0.05, 0.2


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test: pass, wrong, load_error, runtime_error, timeout, memory, output_limit or infra_error."""

    status: str
    seconds: float = 0.0
    detail: str = ""
    opaque: bool = False
    left: int = 0
    denied: int = 0
    output: str = ""

    @property
    def passed(self) -> bool:
        return self.status == "pass"


@verifier("code", deadline_s=3600.0, cases=Path(__file__).with_name("cases.jsonl"), from_row=example_from_row)
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
    metadata = example.metadata
    program = extract.program_of(completion.text, "raw" if metadata.get("raw") else extraction)
    if program is None:
        return Verdict.unparsed("no program: expected a fenced block of Python")
    if metadata.get("prompt"):
        program = extract.completed(program, str(metadata["prompt"]), str(metadata.get("entry_point", "")))
    try:
        plans = plans_for(metadata)
    except ConfigError as error:
        return Verdict.error(str(error))
    if not plans:
        return Verdict.error("the example has no tests")
    if len(program) > extract.LONGEST:
        return Verdict(Status.INCORRECT, 0.0, None, f"the program is longer than {extract.LONGEST} characters")
    if extract.has_lone_surrogates(program):
        return Verdict(Status.INCORRECT, 0.0, None, "the program holds characters that no file can hold")
    seconds = float(metadata.get("time_limit_s") or time_limit_s)
    memory = int(metadata.get("memory_limit_mb") or memory_limit_mb)
    limits = Limits(seconds, memory, again_s=min(seconds, max(seconds * AGAIN, AGAIN_LEAST)))
    options = {"workers": workers, "packages": packages, "runtime": runtime}
    box = sandboxes.shared(sandbox, limits.memory_mb, **options)
    box.checked(limits)
    stops = stop_early and score == "all"
    work = Work(box, program, plans, limits, metadata.get("tolerance"), stops, str(metadata.get("checker") or ""))
    outcomes = await work.run(str(metadata.get("setup_program") or ""))
    return verdict_of(program, plans, outcomes, score)


def verdict_of(program: str, plans: Sequence[Plan], outcomes: Sequence[Outcome | None], score: str) -> Verdict:
    """Add up. A test that was not run because the score was decided has no outcome."""
    ran = [outcome for outcome in outcomes if outcome is not None]
    passed = sum(outcome.passed for outcome in ran)
    counts = Counter(outcome.status for outcome in ran)
    value = passed / len(plans) if score == "share" else float(passed == len(plans))
    tests = []
    for outcome in ran:
        test: dict[str, Any] = {"status": outcome.status, "seconds": round(outcome.seconds, 6)}
        if not outcome.passed:
            test |= {key: text for key, text in (("detail", outcome.detail), ("output", outcome.output)) if text}
        tests.append(test)
    parts: dict[str, Any] = {
        "tests": tests,
        "passed": passed,
        "total": len(plans),
        "opaque": sum(outcome.opaque for outcome in ran),
        "leftovers": sum(outcome.left for outcome in ran),
        "denied": sum(outcome.denied for outcome in ran),
    }
    for name, hidden in (("visible", False), ("hidden", True)):
        group = [outcome for plan, outcome in zip(plans, outcomes, strict=True) if plan.hidden is hidden]
        if any(plan.hidden for plan in plans) and group:
            parts[name] = sum(1 for outcome in group if outcome is not None and outcome.passed) / len(group)
    broken = next((outcome for outcome in ran if outcome.status == "infra_error"), None)
    if broken is not None:
        return Verdict(Status.ERROR, 0.0, program, broken.detail, parts)
    reason = f"{passed} of {len(plans)} tests passed"
    failures = ", ".join(f"{count} {name}" for name, count in counts.items() if name != "pass")
    status = Status.CORRECT if passed == len(plans) else Status.INCORRECT
    if not passed and set(counts) == {"timeout"}:
        status = Status.TIMEOUT
    return Verdict(status, value, program, f"{reason} ({failures})" if failures else reason, parts)


@dataclass
class Work:
    """One program and its tests on their way through a sandbox."""

    box: Sandbox
    program: str
    plans: Sequence[Plan]
    limits: Limits
    tolerance: float | None
    stops: bool
    checker: str

    async def run(self, setup: str) -> list[Outcome | None]:
        """The outcomes, in the order of the plans; None for those that could no longer change the score."""
        outcomes: list[Outcome | None] = [None] * len(self.plans)
        direct = [i for i, plan in enumerate(self.plans) if plan.job is not None]
        if direct or setup:
            for i, outcome in zip(direct, await self._again(self._direct, direct, setup), strict=False):
                outcomes[i] = outcome
        for i, plan in enumerate(self.plans):
            if self.stops and any(outcome is not None and not outcome.passed for outcome in outcomes):
                break
            if plan.job is None:
                late = any(outcome is not None and outcome.status == "timeout" for outcome in outcomes)
                outcomes[i] = (await self._again(self._judged, plan, late))[0]
                if outcomes[i].status == "load_error":  # type: ignore[union-attr]
                    outcomes = [outcomes[i] if p.job is None else o for p, o in zip(self.plans, outcomes, strict=True)]
                    break
        return outcomes

    async def _again(self, what: Any, *args: Any) -> list[Outcome]:
        """Try again in a fresh sandbox what the sandbox failed at; then it is an error of ours."""
        for attempt in range(ATTEMPTS):
            try:
                found: list[Outcome] = await what(*args)
                return found
            except SandboxError:
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(0.05)
        raise AssertionError

    async def _direct(self, chosen: Sequence[int], setup: str) -> list[Outcome]:
        jobs = [job for i in chosen if (job := self.plans[i].job) is not None]
        stop = (lambda i, result: not self._decide(self.plans[chosen[i]], result).passed) if self.stops else None
        async with self.box.slot() as slot:
            if setup:
                await slot.run(_text(setup), jobs[:1] or [stdin_job()], self.limits)
            results = await slot.run(_text(self.program), jobs, self.limits, stop) if jobs else []
        outcomes = [self._decide(self.plans[i], result) for i, result in zip(chosen, results, strict=False)]
        if self.checker:
            outcomes = [
                await self._checked(self.plans[i], r, o) for i, r, o in zip(chosen, results, outcomes, strict=False)
            ]
        if len(results) < len(jobs) and not self.stops:
            # The program doesn't load, which it would do no better for the tests that are left.
            outcomes += [outcomes[-1]] * (len(jobs) - len(results))
        return outcomes

    def _decide(self, plan: Plan, result: ExecResult) -> Outcome:
        status, detail, opaque = decide(plan, result, self.tolerance)
        detail = detail.encode("utf-8", "replace").decode()
        output = (
            "" if status == "pass" else (result.stdout[:SHOWN] or result.stderr[-SHOWN:]).decode("utf-8", "replace")
        )
        return Outcome(status, result.seconds, detail, opaque, result.left, result.denied, output)

    async def _judged(self, plan: Plan, late: bool) -> list[Outcome]:
        verdict, end = await self.box.judge(self.program, plan.source, self.limits, names=plan.names, late=late)
        text = str(verdict.get("text", ""))[:SHOWN].encode("utf-8", "replace").decode()
        if end.end in KILLED:
            status = KILLED[end.end]
        elif verdict.get("load"):
            status = "load_error"
        elif verdict.get("unsupported"):
            status, text = "infra_error", str(verdict["unsupported"])
        elif verdict.get("gone") or end.end is End.EXIT:
            status = "runtime_error"
        elif verdict.get("ok") is True:
            status = "pass"
        elif verdict.get("judge") == "timeout":
            status, text = "timeout", "the test itself went on and on"
        elif "judge" in verdict:
            status, text = "infra_error", f"the test's own process ended: {verdict['judge']}"
        else:
            status = "wrong" if verdict.get("error") == "AssertionError" else "runtime_error"
            text = f"{verdict.get('error')}: {text}" if text else str(verdict.get("error"))
        output = "" if status == "pass" else end.stdout[:SHOWN].decode("utf-8", "replace")
        return [Outcome(status, end.seconds, text, "opaque" in text, end.left, end.denied, output)]

    async def _checked(self, plan: Plan, result: ExecResult, outcome: Outcome) -> Outcome:
        """Let the example's own checker decide on an output, in the judge's sandbox."""
        if plan.stdout is None or outcome.status not in ("pass", "wrong"):
            return outcome
        values = {"stdin": plan.stdin, "expected": plan.stdout, "output": result.stdout.decode("utf-8", "replace")}
        test = f"{self.checker}\nassert check(stdin, expected, output)\n"
        verdict, _ = await self.box.judge("", test, self.limits, values=values)
        if verdict.get("ok") is True:
            return dataclasses.replace(outcome, status="pass", output="")
        if verdict.get("error") != "AssertionError":
            return Outcome("infra_error", result.seconds, f"the checker failed: {verdict.get('error') or verdict}")
        return dataclasses.replace(outcome, status="wrong")


def _text(program: str) -> bytes:
    return program.encode("utf-8", "surrogateescape")
