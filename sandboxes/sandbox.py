"""The interface: what every provider offers, and everything that doesn't depend on the provider.

A provider starts sandboxes (`launch`). Running programs, conversations, back-pressure and recycling are here.
`SandboxError` means that the sandbox failed, never that the program did.
"""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from rlvr.errors import ConfigError
from rlvr.sandboxes.pool import Pool
from rlvr.sandboxes.settings import SandboxSettings
from rlvr.sandboxes.slot import Conversation, Slot, Stop
from rlvr.sandboxes.types import (
    ExecResult,
    Job,
    Limits,
    TestRunnerVerdict,
    VerdictKind,
    run_test_job,
    session_job,
    stdin_job,
)

T = TypeVar("T")
TEST_RUNNER_LIMITS = Limits(time_s=30.0)
PATIENCE = 5.0  # seconds for all messages between a test and a program, beyond the program's own time


class Sandbox(ABC):
    """Runs untrusted programs, `settings.workers` at a time. It belongs to the event loop that first uses it.

    Programs and tests run in two pools: a sandbox in which a program ran never sees a test. Close it, or leave its
    `async with` block.
    """

    name = ""

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        self.settings = settings or SandboxSettings()
        size = self.workers + 1  # one in reserve, for the one that is recycled
        self._worker_pool = Pool(self.launch, size, self.settings.recycle)
        self._test_runner_pool = Pool(self.launch, size, self.settings.recycle)
        self._worker_turns = asyncio.Semaphore(self.workers)
        self._test_runner_turns = asyncio.Semaphore(self.workers)

    @abstractmethod
    async def launch(self) -> Slot:
        """Start one sandbox and wait until its supervisor is ready. Raises SandboxError or PrerequisiteError."""

    @property
    def workers(self) -> int:
        """How many programs run at a time."""
        return self.settings.workers

    @property
    def slots(self) -> list[Slot]:
        """Every sandbox that is alive, those for tests included."""
        return [*self._worker_pool.slots, *self._test_runner_pool.slots]

    @property
    def launched(self) -> int:
        """How many sandboxes have been started so far."""
        return self._worker_pool.launched + self._test_runner_pool.launched

    async def ready(self) -> None:
        """Wait until the sandboxes for programs have started. Raises what a launch raised."""
        await self._worker_pool.ready()

    def sweep(self) -> list[str]:
        """Remove what dead owners left on this machine. Returns the names of what was removed."""
        return []

    async def run(
        self,
        program: str | bytes,
        files: Mapping[str, str | bytes] | None = None,
        stdin: str | bytes = b"",
        limits: Limits | None = None,
    ) -> ExecResult:
        """Run one script with real standard streams, beside `files` (path -> content).

        Raises ConfigError for limits that this sandbox can't give, and SandboxError if the sandbox itself failed.
        """
        results = await self.run_jobs(program, [stdin_job(stdin, files)], limits)
        return results[0]

    async def run_jobs(
        self, program: str | bytes, jobs: Sequence[Job], limits: Limits | None = None, stop: Stop | None = None
    ) -> list[ExecResult]:
        """Run a program once for each job, in one sandbox, each time in a fresh child with a fresh uid.

        There are fewer results if `stop(index, result)` says so or if the program doesn't load. Raises what `run`
        raises.
        """
        limits = self.checked(limits or Limits())
        async with self.slot() as slot:
            return await slot.run(_as_bytes(program), jobs, limits, stop)

    async def run_test(
        self,
        program: str | bytes,
        test: str,
        limits: Limits | None = None,
        *,
        names: Sequence[str] = (),
        values: Mapping[str, str] | None = None,
        after_timeout: bool = False,
    ) -> tuple[TestRunnerVerdict, ExecResult]:
        """Run a test's code in one sandbox against a program in another: the verdict, and how the program's run ended.

        The program never sees the test. The test sees the program's functions as proxies: it takes `names` first, and
        asks for others when it uses them; `values` are texts under names of their own. `after_timeout`: another test of
        this program has run out of time. Raises what `run` raises.
        """
        limits = self.checked(limits or Limits())
        source, job = _as_bytes(test), run_test_job(names, values)
        async with (
            self._test_runner_turns,
            self._test_runner_pool.slot() as test_slot,
            self.slot() as program_slot,
            test_slot.converse(source, job, TEST_RUNNER_LIMITS) as test_runner,
            program_slot.converse(_as_bytes(program), session_job(), limits, after_timeout) as candidate,
        ):
            loaded = await candidate.receive()
            if isinstance(loaded, ExecResult):
                return TestRunnerVerdict(VerdictKind.NOT_LOADED), loaded
            verdict = await _mediate(test_runner, candidate, limits.time_s + PATIENCE)
            return verdict, candidate.result or await candidate.close()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """A warm sandbox for one program. Waits while all are in use. Raises SandboxError or PrerequisiteError."""
        async with self._worker_turns, self._worker_pool.slot() as slot:
            yield slot

    def checked(self, limits: Limits) -> Limits:
        """These limits. Raises ConfigError if this sandbox can't give them."""
        if (
            not 0 < limits.time_s <= 3600
            or limits.after_timeout_s < 0
            or min(limits.output_bytes, limits.processes) < 1
        ):
            raise ConfigError(f"sandbox limits: expected positive numbers, found {limits}")
        largest = self.settings.largest_memory_limit_mb
        if not 0 < limits.memory_mb <= largest:
            raise ConfigError(
                f"memory_limit_mb = {limits.memory_mb}: this sandbox gives up to {largest} "
                f"(made with memory_mb = {self.settings.memory_mb})"
            )
        return limits

    async def close(self) -> None:
        """End all sandboxes, and wait for those that are still starting."""
        await self._worker_pool.close()
        await self._test_runner_pool.close()

    def kill(self) -> None:
        """End all sandboxes at once, from any thread: for the end of the process."""
        self._worker_pool.kill()
        self._test_runner_pool.kill()

    async def __aenter__(self) -> "Sandbox":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _mediate(test_runner: Conversation, candidate: Conversation, seconds: float) -> TestRunnerVerdict:
    """Carry messages between a test and a program without reading them, until the test runner decides."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        if asyncio.get_running_loop().time() > end:  # such as a generator that never ends
            return TestRunnerVerdict(VerdictKind.TIMEOUT)
        message = await test_runner.receive()
        if isinstance(message, ExecResult):
            return TestRunnerVerdict(VerdictKind.BROKEN, f"it ended: {message.end}")
        if message[:1] == b"V":
            return TestRunnerVerdict.from_message(message[1:])
        if message[:1] == b"Q":
            await candidate.send(message[1:])
            answer = await candidate.receive()
            await test_runner.send(answer if isinstance(answer, bytes) else b"")


def _as_bytes(program: str | bytes) -> bytes:
    return program.encode("utf-8", "surrogateescape") if isinstance(program, str) else program


class SyncSandbox:
    """A sandbox for code without asyncio: the same calls, blocking, from any thread. A context manager."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rlvr-sandbox", daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for one of the sandbox's coroutines. Returns or raises what it does."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def run(
        self,
        program: str | bytes,
        files: Mapping[str, str | bytes] | None = None,
        stdin: str | bytes = b"",
        limits: Limits | None = None,
    ) -> ExecResult:
        """`Sandbox.run`, blocking. Raises ConfigError and SandboxError as it does."""
        return self.call(self.sandbox.run(program, files, stdin, limits))

    def close(self) -> None:
        """End all sandboxes and the thread."""
        if self._thread.is_alive():
            self.call(self.sandbox.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> "SyncSandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
