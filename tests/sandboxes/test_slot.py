"""The host's half of the protocol, against a supervisor that follows a script: a sandbox that isn't clean is never used again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from rlvr.errors import SandboxError
from rlvr.sandboxes.channel import Channel, Frame
from rlvr.sandboxes.slot import Slot
from rlvr.sandboxes.types import End, Limits, stdin_job

RESULT: dict[str, Any] = {
    "event": "result", "end": "exit", "code": 0, "answer": -1, "stdout": 2, "seconds": 0.1, "loaded": True,
    "leftovers": 0, "denied": 0, "clean": True,
}  # fmt: skip
DONE: dict[str, Any] = {"event": "done", "clean": True}


class Supervisor(Channel):
    """Answers with the frames of a script."""

    def __init__(self, script: Sequence[Frame]) -> None:
        super().__init__()
        self.script, self.asked = list(script), list[dict[str, Any]]()

    async def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        self.asked.append(header)

    async def receive(self, seconds: float) -> Frame:
        if not self.script:
            raise SandboxError("the sandbox failed: the stream ended")
        return self.script.pop(0)


def with_slot(script: Sequence[Frame], test: Callable[[Slot, Supervisor], Awaitable[None]]) -> list[str]:
    """Run `test`; returns what ended."""
    ended: list[str] = []
    supervisor = Supervisor(script)
    asyncio.run(test(Slot("s", supervisor, lambda: ended.append("s")), supervisor))  # type: ignore[arg-type]
    return ended


def test_a_run_is_a_request_a_result_for_each_job_and_done() -> None:
    async def test(slot: Slot, supervisor: Supervisor) -> None:
        results = await slot.run(b"print(1)", [stdin_job("a"), stdin_job("b")], Limits(time_s=3.0))
        assert [(r.end, r.stdout, r.stderr, r.ok) for r in results] == [(End.EXIT, b"1\n", b"!", True)] * 2
        assert not slot.worn
        (request,) = supervisor.asked
        assert (request["op"], len(request["tests"]), request["tests"][0]["time_s"]) == ("run", 2, 3.0)

    assert with_slot([(RESULT, b"1\n!"), (RESULT, b"1\n!"), (DONE, b"")], test) == []


@pytest.mark.parametrize("frame", ["result", "done"])
def test_a_sandbox_that_is_not_clean_afterwards_is_worn(frame: str) -> None:
    async def test(slot: Slot, supervisor: Supervisor) -> None:
        await slot.run(b"", [stdin_job()], Limits())
        assert slot.worn

    script = [({**RESULT, "clean": frame != "result"}, b"1\n"), ({**DONE, "clean": frame != "done"}, b"")]
    with_slot(script, test)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"end": "fine"}, {"stdout": "many"}, {"seconds": None}, {"leftovers": "x"}, {"denied": []},
    ],
)  # fmt: skip
def test_a_broken_result_is_an_error_of_the_sandbox_and_ends_it(spoiled: dict[str, Any]) -> None:
    async def test(slot: Slot, supervisor: Supervisor) -> None:
        with pytest.raises(SandboxError, match="broken result"):
            await slot.run(b"", [stdin_job()], Limits())

    assert with_slot([({**RESULT, **spoiled}, b"1\n")], test) == ["s"]


def test_a_sandbox_that_is_gone_in_the_middle_is_ended() -> None:
    async def test(slot: Slot, supervisor: Supervisor) -> None:
        with pytest.raises(SandboxError, match="the stream ended"):
            await slot.run(b"", [stdin_job(), stdin_job()], Limits())
        assert slot.worn

    assert with_slot([(RESULT, b"1\n")], test) == ["s"]


def test_no_further_job_is_asked_for_once_the_host_has_seen_enough() -> None:
    async def test(slot: Slot, supervisor: Supervisor) -> None:
        results = await slot.run(b"", [stdin_job()] * 5, Limits(), stop=lambda index, result: True)
        assert len(results) == 2  # the second was under way
        assert [request["op"] for request in supervisor.asked] == ["run", "stop"]

    with_slot([(RESULT, b"1\n"), (RESULT, b"1\n"), (DONE, b"")], test)


def test_a_conversation_goes_on_until_the_child_ends_or_is_stopped() -> None:
    async def test(slot: Slot, supervisor: Supervisor) -> None:
        async with slot.converse(b"", stdin_job(), Limits()) as conversation:
            await conversation.send(b"question")
            assert await conversation.receive() == b"answer"
        assert conversation.result is not None
        assert conversation.result.end is End.STOPPED
        assert [request["op"] for request in supervisor.asked] == ["run", "send", "stop"]

    with_slot([({"event": "answer"}, b"answer"), ({**RESULT, "end": "stopped", "code": None}, b""), (DONE, b"")], test)
