"""One warm sandbox: a supervisor that runs one program at a time, and the host's half of its protocol."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from rlvr.errors import SandboxError
from rlvr.sandboxes.channel import Channel
from rlvr.sandboxes.types import End, ExecResult, Job, Limits

SLACK = 30.0  # seconds beyond a run's own limits: only a broken sandbox takes so long
Stop = Callable[[int, ExecResult], bool]  # (index of the job, its result) -> whether to run no further jobs


class Slot:
    """A sandbox that may be used again unless it is `worn`. `end` ends it from outside, at once and without waiting."""

    def __init__(self, name: str, channel: Channel, end: Callable[[], None]) -> None:
        self.name, self.channel, self._end = name, channel, end
        self.runs = 0
        self.worn = False
        self.counts_denied = False  # whether the kernel reports denied system calls

    async def hello(self, seconds: float) -> None:
        """Wait until the supervisor is ready. Raises SandboxError if it isn't in time."""
        await self.channel.send({"op": "hello"})
        header, _ = await self.channel.receive(seconds)
        self.counts_denied = header.get("counts_denied") is True

    async def run(
        self, program: bytes, jobs: Sequence[Job], limits: Limits, stop: Stop | None = None
    ) -> list[ExecResult]:
        """Run `program` once for each job, each time in a fresh child.

        There are fewer results if `stop` says so or if the program doesn't load. Raises SandboxError if the sandbox
        fails.
        """
        results: list[ExecResult] = []
        async with self._in_use():
            await self._start(program, jobs, limits, stream_results=stop is not None)
            stopped = False
            while True:
                header, body = await self.channel.receive(limits.time_s + SLACK)
                if header.get("event") == "done":
                    self.note_done(header)
                    return results
                results.append(self.read_result(header, body))
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
        self, program: bytes, job: Job, limits: Limits, after_timeout: bool = False
    ) -> AsyncIterator["Conversation"]:
        """An open conversation with one child, which is stopped at the end of the block if it still runs.

        `after_timeout`: another job of this program has run out of time. Raises SandboxError if the sandbox fails.
        """
        async with self._in_use():
            await self._start(program, [job], limits, after_timeout=after_timeout)
            conversation = Conversation(self, limits)
            yield conversation
            await conversation.close()

    @asynccontextmanager
    async def _in_use(self) -> AsyncIterator[None]:
        self.runs += 1
        completed = False
        try:
            yield
            completed = True
        finally:
            if not completed:  # after an error or a cancellation its state is unknown
                self.close()

    async def _start(
        self,
        program: bytes,
        jobs: Sequence[Job],
        limits: Limits,
        *,
        stream_results: bool = False,
        after_timeout: bool = False,
    ) -> None:
        tests = [
            {"kind": job.kind, "size": len(job.blob), "time_s": limits.time_s, "answer_bytes": job.answer_bytes}
            for job in jobs
        ]
        header = {
            "op": "run",
            "program": len(program),
            "tests": tests,
            "memory_mb": limits.memory_mb,
            "output_bytes": limits.output_bytes,
            "processes": limits.processes,
            "after_timeout_s": limits.after_timeout_s,
            "after_timeout": after_timeout,
            "stream_results": stream_results,  # send each result at once
        }
        await self.channel.send(header, b"".join([program, *(job.blob for job in jobs)]))

    def read_result(self, header: dict[str, Any], body: bytes) -> ExecResult:
        """The result in a supervisor's frame; a slot that isn't clean afterwards is worn. Raises SandboxError."""
        try:
            answer_end = max(int(header["answer"]), 0)
            stdout_end = answer_end + int(header["stdout"])
            self.worn |= header["clean"] is not True
            return ExecResult(
                End(header["end"]),
                header["code"],
                body[answer_end:stdout_end],
                body[stdout_end:],
                float(header["seconds"]),
                body[:answer_end] if header["answer"] >= 0 else None,
                header["loaded"] is True,
                int(header["leftovers"]),
                int(header["denied"]),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise SandboxError(f"the supervisor sent a broken result: {error}") from None

    def note_done(self, header: dict[str, Any]) -> None:
        """Note the end of a program's jobs; a slot that isn't clean afterwards is worn."""
        self.worn |= header.get("clean") is not True

    def kill(self) -> None:
        """End the sandbox at once, from any thread."""
        self.worn = True
        self._end()

    def close(self) -> None:
        """End the conversation with the supervisor, and the sandbox."""
        self.channel.close()
        self.kill()


class Conversation:
    """Messages with a child. `result` is None while it runs."""

    def __init__(self, slot: Slot, limits: Limits) -> None:
        self._slot, self._limits = slot, limits
        self.result: ExecResult | None = None
        self._done = False

    async def send(self, message: bytes) -> None:
        """Send the child a message. Raises SandboxError if the sandbox is gone."""
        await self._slot.channel.send({"op": "send"}, message)

    async def receive(self) -> bytes | ExecResult:
        """The child's next message, or its result once it has ended. Raises SandboxError if the sandbox fails."""
        if self.result is not None:
            return self.result
        header, body = await self._slot.channel.receive(self._limits.time_s + SLACK)
        if header.get("event") == "answer":
            return body
        self.result = self._slot.read_result(header, body)
        return self.result

    async def close(self) -> ExecResult:
        """Stop the child if it still runs, and wait until the sandbox is clean. Raises SandboxError if it fails."""
        if self.result is None:
            await self._slot.channel.send({"op": "stop"})
        while self.result is None:
            await self.receive()
        while not self._done:
            header, _ = await self._slot.channel.receive(SLACK)
            if header.get("event") == "done":
                self._slot.note_done(header)
                self._done = True
        return self.result
