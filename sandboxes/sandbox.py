"""The interface: what every provider gives, and all that does not depend on the provider.

A provider makes slots (`launch`); running programs, conversations, back-pressure and recycling are here.
`SandboxError` means that the sandbox failed, never that the program did.
"""

import asyncio
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from rlvr.errors import ConfigError, SandboxError
from rlvr.sandboxes.inside import codec
from rlvr.sandboxes.pool import Pool
from rlvr.sandboxes.slot import Conversation, Slot, Stop
from rlvr.sandboxes.types import ExecResult, Job, Limits, judge_job, session_job, stdin_job

T = TypeVar("T")
JUDGE = Limits(time_s=30.0)
PATIENCE = 5.0  # for all that a judge and a worker say to each other, over the worker's own time


class Sandbox(ABC):
    """Runs untrusted programs, `workers` at a time. Belongs to the event loop that first uses it.

    `memory_mb` is the most that one run may ask for. Close it, or leave its `async with` block.
    """

    name = ""

    def __init__(
        self,
        *,
        workers: int | None = None,
        packages: Sequence[str] = (),
        memory_mb: int = 2048,
        recycle: int = 500,
    ) -> None:
        if (workers is not None and workers < 1) or memory_mb < 64 or recycle < 1:
            raise ConfigError(f"sandbox {self.name!r}: workers and recycle must be positive, memory_mb at least 64")
        self.workers = workers or len(os.sched_getaffinity(0))
        self.packages, self.memory_mb = tuple(packages), memory_mb
        self.pool = Pool(self.launch, self.workers + 1, recycle)  # one in reserve, for the one that is recycled
        self._turns = asyncio.Semaphore(self.workers)
        self._judges = asyncio.Semaphore(self.workers)

    @abstractmethod
    async def launch(self) -> Slot:
        """Start one slot and wait until its supervisor is ready. Raises SandboxError or PrerequisiteError."""

    def sweep(self) -> list[str]:
        """Remove what dead owners left on this machine; their names."""
        return []

    async def run(
        self,
        program: str | bytes,
        files: Mapping[str, str | bytes] | None = None,
        stdin: str | bytes = b"",
        limits: Limits | None = None,
    ) -> ExecResult:
        """Run one script with real standard streams. Raises SandboxError only when the sandbox itself failed."""
        results = await self.run_jobs(program, [stdin_job(stdin, files)], limits)
        return results[0]

    async def run_jobs(
        self, program: str | bytes, jobs: Sequence[Job], limits: Limits | None = None, stop: Stop | None = None
    ) -> list[ExecResult]:
        """Run a program once for each job, in one sandbox, each time in a fresh child with a fresh uid.

        Fewer results where `stop(index, result)` says so or where the program doesn't load.
        """
        limits = self.checked(limits or Limits())
        async with self.slot() as slot:
            return await slot.run(_bytes(program), jobs, limits, stop)

    async def judge(
        self,
        program: str | bytes,
        test: str,
        limits: Limits | None = None,
        *,
        names: Sequence[str] = (),
        values: Mapping[str, str] | None = None,
        late: bool = False,
    ) -> tuple[dict[str, Any], ExecResult]:
        """Run a test's code in one sandbox against a program in another: the verdict, and how the program's run ended.

        The program never sees the test. `late`: another job of it ran out of time before. The verdict is {"ok": true}, or says what failed.
        """
        limits = self.checked(limits or Limits())
        async with self._judges, self.slot(judge=True) as ours, self.slot() as theirs:
            async with (
                ours.converse(test.encode("utf-8", "surrogateescape"), judge_job(names, values), JUDGE) as judge,
                theirs.converse(_bytes(program), session_job(), limits, late) as worker,
            ):
                first = await worker.receive()
                if isinstance(first, ExecResult):
                    return {"ok": False, "load": True}, first
                verdict = await _mediate(judge, worker, limits.time_s + PATIENCE)
                end = worker.result or await worker.close()
            return verdict, end

    @asynccontextmanager
    async def slot(self, judge: bool = False) -> AsyncIterator[Slot]:
        """A warm slot for one run. Waits while all are busy."""
        if judge:
            self.pool.size = 2 * self.workers + 1
            slot = await self.pool.take()
            try:
                yield slot
            finally:
                self.pool.give(slot)
            return
        async with self._turns:
            slot = await self.pool.take()
            try:
                yield slot
            finally:
                self.pool.give(slot)

    def checked(self, limits: Limits) -> Limits:
        """These limits, if the sandbox can give them. Raises ConfigError."""
        if not 0 < limits.time_s <= 3600 or limits.again_s < 0 or min(limits.output_bytes, limits.processes) < 1:
            raise ConfigError(f"sandbox limits: expected positive numbers, found {limits}")
        if not 0 < limits.memory_mb <= self.memory_mb - 32:
            raise ConfigError(
                f"memory_limit_mb = {limits.memory_mb}: this sandbox gives up to {self.memory_mb - 32} "
                f"(made with memory_mb = {self.memory_mb})"
            )
        return limits

    async def close(self) -> None:
        await self.pool.close()

    def kill(self) -> None:
        """End everything at once, from any thread: for the end of the process."""
        self.pool.kill()

    async def __aenter__(self) -> "Sandbox":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _mediate(judge: Conversation, worker: Conversation, seconds: float) -> dict[str, Any]:
    """Carry messages between a judge and a worker without reading them, until the judge decides."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        if asyncio.get_running_loop().time() > end:  # such as a generator that never ends
            return {"ok": False, "judge": "timeout"}
        message = await judge.receive()
        if isinstance(message, ExecResult):
            return {"ok": False, "judge": str(message.end)}
        if message[:1] == b"V":
            verdict = codec.loads(message[1:], 1 << 16)
            return verdict if isinstance(verdict, dict) else {"ok": False, "judge": "broken"}
        if message[:1] == b"Q":
            await worker.send(message[1:])
            answer = await worker.receive()
            await judge.send(answer if isinstance(answer, bytes) else b"")


def _bytes(program: str | bytes) -> bytes:
    return program.encode("utf-8", "surrogateescape") if isinstance(program, str) else program


class SyncSandbox:
    """A sandbox for code without asyncio: the same calls, blocking, from any thread. A context manager."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rlvr-sandbox", daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for one of the sandbox's coroutines."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def run(
        self,
        program: str | bytes,
        files: Mapping[str, str | bytes] | None = None,
        stdin: str | bytes = b"",
        limits: Limits | None = None,
    ) -> ExecResult:
        return self.call(self.sandbox.run(program, files, stdin, limits))

    def close(self) -> None:
        if self._thread.is_alive():
            self.call(self.sandbox.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> "SyncSandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


__all__ = ["Sandbox", "SandboxError", "SyncSandbox"]
