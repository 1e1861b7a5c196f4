"""The event loop for asynchronous verifiers: deadlines, failures, and closing while verifiers wait."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from rlvr.verifiers import Completion, Example, Status, Verdict, Verifier
from rlvr.verifiers.engine.async_runner import AsyncRunner

EXAMPLE, COMPLETION = Example("1", "", "42"), Completion("42")


@pytest.fixture
def runner() -> Iterator[AsyncRunner]:
    runner = AsyncRunner()
    yield runner
    runner.close()


async def equal(example: Example, completion: Completion) -> Verdict:
    await asyncio.sleep(0.001)
    return Verdict.of(completion.text == example.gold, threading.current_thread().name)


async def wait(example: Example, completion: Completion) -> bool:
    await asyncio.sleep(600)
    return True


async def fail(example: Example, completion: Completion) -> bool:
    raise TimeoutError("the service is slow")


async def nothing(example: Example, completion: Completion) -> None:
    return None


def test_verdicts_come_from_one_thread(runner: AsyncRunner) -> None:
    futures = [runner.submit(Verifier("equal", equal), EXAMPLE, Completion(text)) for text in ("42", "41") * 20]
    verdicts = [future.result(timeout=30) for future in futures]
    assert [verdict.status for verdict in verdicts] == ["correct", "incorrect"] * 20
    assert {verdict.extracted for verdict in verdicts} == {"rlvr-async"}
    assert all(verdict.seconds > 0 for verdict in verdicts)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (wait, "no verdict within 0.1 s"),
        (fail, "TimeoutError: the service is slow"),  # the verifier's own, not the deadline
        (nothing, "the verifier returned NoneType; expected a Verdict, a bool or a float in [0, 1]"),
    ],
)
def test_what_fails_is_an_error_with_its_reason(runner: AsyncRunner, function: object, reason: str) -> None:
    verdict = runner.submit(Verifier("fails", function, deadline_s=0.1), EXAMPLE, COMPLETION).result(timeout=30)
    assert (verdict.status, verdict.reason) == (Status.ERROR, reason)


def test_a_cancelled_future_harms_nobody(runner: AsyncRunner) -> None:
    cancelled = runner.submit(Verifier("wait", wait, deadline_s=0.1), EXAMPLE, COMPLETION)
    assert cancelled.cancel()
    assert runner.submit(Verifier("equal", equal), EXAMPLE, COMPLETION).result(timeout=30).status is Status.CORRECT


def test_closing_leaves_nobody_waiting() -> None:
    runner = AsyncRunner()
    futures = [runner.submit(Verifier("wait", wait, deadline_s=600), EXAMPLE, COMPLETION) for _ in range(3)]
    runner.close()
    assert {future.result(timeout=30).reason for future in futures} == {"the engine was closed"}
