"""One warm sandbox: a supervisor that runs one program at a time, and the host's half of its protocol."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from rlvr.errors import SandboxError
from rlvr.sandboxes.channel import Channel
from rlvr.sandboxes.types import End, ExecResult, Job, Limits

SLACK = 30.0  # over a run's own limits: only a broken sandbox takes so long
Stop = Callable[[int, ExecResult], bool]


class Slot:
    """A sandbox that may be used again until `worn`. `kill` ends it from outside, at once and without waiting."""

    def __init__(self, name: str, channel: Channel, kill: Callable[[], None]) -> None:
        self.name, self.channel, self._kill = name, channel, kill
        self.runs = 0
        self.worn = False
        self.info: dict[str, Any] = {}

    async def hello(self, seconds: float) -> None:
        """Wait until the supervisor is ready."""
        await self.channel.send({"op": "hello"})
        self.info, _ = await self.channel.receive(seconds)

    async def run(
        self, program: bytes, jobs: Sequence[Job], limits: Limits, stop: Stop | None = None
    ) -> list[ExecResult]:
        """Run `program` once for each job, each time in a fresh child. Fewer results where `stop` says so or where the
        program doesn't load. Raises SandboxError."""
        results: list[ExecResult] = []
        async with self._using():
            await self._start(program, jobs, limits, each=stop is not None)
            stopped = False
            while True:
                header, body = await self.channel.receive(limits.time_s + SLACK)
                if header.get("event") == "done":
                    self.worn |= header.get("clean") is not True
                    return results
                results.append(self._result(header, body))
                if (
                    stop is not None
                    and not stopped
                    and len(results) < len(jobs)
                    and stop(len(results) - 1, results[-1])
                ):
                    stopped = True
                    await self.channel.send({"op": "stop"})

    @asynccontextmanager
    async def converse(
        self, program: bytes, job: Job, limits: Limits, late: bool = False
    ) -> AsyncIterator["Conversation"]:
        """An open conversation with one child. What is still open at the end is stopped."""
        async with self._using():
            await self._start(program, [job], limits, late=late)
            conversation = Conversation(self, limits)
            yield conversation
            await conversation.close()

    @asynccontextmanager
    async def _using(self) -> AsyncIterator[None]:
        self.runs += 1
        broken = True
        try:
            yield
            broken = False
        finally:
            if broken:  # an error or a cancellation: what state it is in is unknown
                self.close()

    async def _start(
        self, program: bytes, jobs: Sequence[Job], limits: Limits, *, each: bool = False, late: bool = False
    ) -> None:
        tests = [
            {"kind": job.kind, "size": len(job.blob), "time": limits.time_s, "answer": job.answer_bytes} for job in jobs
        ]
        header = {
            "op": "run",
            "program": len(program),
            "tests": tests,
            "memory": limits.memory_mb,
            "output": limits.output_bytes,
            "processes": limits.processes,
            "again": limits.again_s,
            "late": late,
            "each": each,  # tell each result at once
        }
        await self.channel.send(header, b"".join([program, *(job.blob for job in jobs)]))

    def _result(self, header: dict[str, Any], body: bytes) -> ExecResult:
        try:
            cut = max(int(header["answer"]), 0)
            end = cut + int(header["stdout"])
            self.worn |= header["clean"] is not True
            return ExecResult(
                End(header["why"]),
                header["code"],
                body[cut:end],
                body[end:],
                float(header["seconds"]),
                body[:cut] if header["answer"] >= 0 else None,
                header["loaded"] is True,
                int(header["left"]),
                int(header["denied"]),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise SandboxError(f"the supervisor sent a broken result: {error}") from None

    def close(self) -> None:
        self.worn = True
        self.channel.close()
        self._kill()


class Conversation:
    """Messages with a child. `receive` gives bytes, or the result once the child is over."""

    def __init__(self, slot: Slot, limits: Limits) -> None:
        self._slot, self._limits = slot, limits
        self.result: ExecResult | None = None
        self.seconds = 0.0  # that the child was at work
        self._asked = time.perf_counter()
        self._done = False

    async def send(self, message: bytes) -> None:
        self._asked = time.perf_counter()
        await self._slot.channel.send({"op": "send"}, message)

    async def receive(self) -> bytes | ExecResult:
        if self.result is not None:
            return self.result
        header, body = await self._slot.channel.receive(self._limits.time_s + SLACK)
        self.seconds += time.perf_counter() - self._asked
        if header.get("event") == "answer":
            return body
        self.result = self._slot._result(header, body)
        return self.result

    async def close(self) -> ExecResult:
        """Stop the child if it still runs, and wait until the sandbox is clean."""
        if self.result is None:
            await self._slot.channel.send({"op": "stop"})
        while self.result is None:
            await self.receive()
        while not self._done:
            header, _ = await self._slot.channel.receive(SLACK)
            if header.get("event") == "done":
                self._slot.worn |= header.get("clean") is not True
                self._done = True
        return self.result
