"""Runs asynchronous verifiers, which wait for sandboxes, on one event loop in a thread of its own.

Such a verifier limits the model's program itself; what exceeds its deadline here is waiting for infrastructure, so the
verdict is `error`, not `timeout`. If a verifier blocks the loop, everything pending on it becomes `error`, and a new
loop takes over.
"""

import asyncio
import contextlib
import threading
import time
from concurrent.futures import Future
from dataclasses import replace

from rlvr.verifiers.engine import messages
from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import Verifier

BLOCKED_SECONDS = 30.0  # a loop that is unresponsive for so long is blocked


class AsyncRunner:
    """One event loop, and a watchdog that replaces it if something blocks it. It starts when it is made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[Future[Verdict], None] = {}
        self._closed = threading.Event()
        self._start_loop()
        threading.Thread(target=self._watch, name="rlvr-watchdog", daemon=True).start()

    def submit(self, verifier: Verifier, example: Example, completion: Completion) -> "Future[Verdict]":
        """Start one verification; the future holds its verdict and never an exception."""
        future: Future[Verdict] = Future()
        with self._lock:
            self._pending[future] = None
            asyncio.run_coroutine_threadsafe(self._verify(future, verifier, example, completion), self._loop)
        return future

    async def _verify(
        self, future: "Future[Verdict]", verifier: Verifier, example: Example, completion: Completion
    ) -> None:
        start = time.perf_counter()
        try:
            async with asyncio.timeout(verifier.deadline_s) as deadline:
                verdict = messages.to_verdict(await verifier(example, completion))
        except Exception as error:  # noqa: BLE001 - an infrastructure error: counted, masked, explained
            late = isinstance(error, TimeoutError) and deadline.expired()
            reason = f"no verdict within {verifier.deadline_s:g} s" if late else messages.describe(error)
            verdict = Verdict.error(reason)
        self._finish(future, replace(verdict, seconds=time.perf_counter() - start))

    def _finish(self, future: "Future[Verdict]", verdict: Verdict) -> None:
        with self._lock:
            waiting = future in self._pending
            self._pending.pop(future, None)
        if waiting:
            with contextlib.suppress(Exception):  # cancelled by its owner
                future.set_result(verdict)

    def _start_loop(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._beat = time.monotonic()
        threading.Thread(target=self._loop.run_forever, name="rlvr-async", daemon=True).start()

    def _watch(self) -> None:
        while not self._closed.wait(1.0):
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._mark)
            if time.monotonic() - self._beat > BLOCKED_SECONDS:
                with self._lock:
                    lost = list(self._pending)
                    self._start_loop()
                for future in lost:
                    self._finish(future, Verdict.error("an asynchronous verifier blocked the event loop"))

    def _mark(self) -> None:
        self._beat = time.monotonic()

    def close(self) -> None:
        """Stop the loop; pending verifications become `error`."""
        self._closed.set()
        for future in list(self._pending):
            self._finish(future, Verdict.error("the engine was closed"))
        asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).add_done_callback(
            lambda _: self._loop.call_soon_threadsafe(self._loop.stop)
        )


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
