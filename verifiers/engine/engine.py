"""The one engine that runs every verifier, whoever wrote it, from any thread and from asyncio.

Its rule: a verifier that hangs, crashes, forks or exhausts memory costs its own verdict and a few milliseconds, nothing
else. Deadlines and memory limits are enforced from outside: the worker process is killed. If the verifier or the
machine fails, the verdict is `error`, never a score of 0.
"""

import asyncio
import atexit
import functools
import os
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from rlvr.verifiers.composite.composite import Composite
from rlvr.verifiers.engine import messages
from rlvr.verifiers.engine.async_runner import AsyncRunner
from rlvr.verifiers.engine.forkserver import ForkServer, Worker
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.rows import Pair
from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import Verifier

Item = tuple[Verifier, Example, Completion]


class Engine:
    """Runs verifiers. Thread-safe; a context manager; usable in a forked child too.

    `workers`: the largest number of worker processes (default: the processors that this process may use). They start
    when a verifier first needs one.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._threads: ThreadPoolExecutor | None = None
        self._of_thread = threading.local()  # its `worker`
        self._fork_server: ForkServer | None = None
        self._async: AsyncRunner | None = None
        self._closed = False

    def verify(self, verifier: Verifier, example: Example, completion: Completion) -> Verdict:
        """The verdict. Never raises for anything that the verifier does."""
        return self.submit(verifier, example, completion).result()

    def verify_batch(self, verifier: Verifier, pairs: Iterable[Pair]) -> list[Verdict]:
        """The verdicts of many (example, completion) pairs, in their order; equal pairs are verified once."""
        return self.verify_each((verifier, *pair) for pair in pairs)

    def verify_each(self, items: Iterable[Item]) -> list[Verdict]:
        """`verify_batch` of (verifier, example, completion), for examples with verifiers of their own."""
        items = list(items)
        first = _first_equal(items)
        futures = {i: self.submit(*items[i]) for i in dict.fromkeys(first)}
        return [futures[i].result() for i in first]

    async def averify(self, verifier: Verifier, example: Example, completion: Completion) -> Verdict:
        """`verify` for asyncio: the loop isn't blocked while a worker decides."""
        return await asyncio.wrap_future(self.submit(verifier, example, completion))

    async def averify_batch(self, verifier: Verifier, pairs: Iterable[Pair]) -> list[Verdict]:
        """`verify_batch` for asyncio."""
        items = [(verifier, *pair) for pair in pairs]
        first = _first_equal(items)
        futures = {i: asyncio.wrap_future(self.submit(*items[i])) for i in dict.fromkeys(first)}
        return [await futures[i] for i in first]

    def submit(self, verifier: Verifier, example: Example, completion: Completion) -> "Future[Verdict]":
        """Start one verification; the future holds its Verdict and never an exception.

        Bounded verifiers and shortcuts run at once in this thread; of a composite, the parts run.
        """
        if isinstance(verifier, Composite):
            return verifier.start(self.submit, example, completion)
        if verifier.is_async:
            return self._async_runner().submit(verifier, example, completion)
        if verifier.bounded or verifier.shortcut is not None:
            verdict = _in_this_thread(verifier, example, completion)
            if verdict is not None:
                done: Future[Verdict] = Future()
                done.set_result(verdict)
                return done
        return self._executor().submit(self._in_worker, verifier, example, completion)

    def close(self) -> None:
        """Stop all workers. Pending verifications become `error`; a later one restarts the engine."""
        with self._lock:
            threads, server, runner = self._threads, self._fork_server, self._async
            self._closed = True
        if self._pid != os.getpid():
            return
        if server is not None:
            server.close()
        if threads is not None:
            threads.shutdown(wait=True, cancel_futures=False)
        if runner is not None:
            runner.close()
        with self._lock:
            self._reset()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _executor(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pid != os.getpid():
                self._reset()
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="rlvr-engine")
            return self._threads

    def _async_runner(self) -> AsyncRunner:
        with self._lock:
            if self._pid != os.getpid():
                self._reset()
            if self._async is None:
                self._async = AsyncRunner()
            return self._async

    def _in_worker(self, verifier: Verifier, example: Example, completion: Completion) -> Verdict:
        worker: Worker | None = getattr(self._of_thread, "worker", None)
        try:
            if worker is None:
                worker = self._of_thread.worker = Worker(self._running_fork_server(), verifier)
            verdict, reusable = worker.run(verifier, example, completion)
        except Exception as error:  # noqa: BLE001 - the engine's own failure: counted, masked, explained
            verdict, reusable = Verdict.error(f"the engine failed: {messages.describe(error)}"), False
        if worker is not None and not reusable:
            worker.close()
            self._of_thread.worker = None
        return verdict

    def _running_fork_server(self) -> ForkServer:
        with self._lock:
            if self._closed:
                raise RuntimeError("the engine was closed")
            if self._fork_server is None or not self._fork_server.alive:
                self._fork_server = ForkServer()
            return self._fork_server


def verify(name: str, completion: str, *, gold: str, **options: Any) -> Verdict:
    """Verify one completion with the verifier called `name`, in the process's shared engine.

    `options` are the verifier's. Raises ConfigError for an unknown verifier or option.
    """
    verifier = registry().verifier(name, **options)
    return shared_engine().verify(verifier, Example("", "", gold), Completion(completion))


@functools.cache
def shared_engine() -> Engine:
    """The process's engine, for callers that have no reason to make their own. It is closed at exit."""
    engine = Engine()
    atexit.register(engine.close)
    return engine


def _in_this_thread(verifier: Verifier, example: Example, completion: Completion) -> Verdict | None:
    start = time.perf_counter()
    function = verifier.verify if verifier.bounded else verifier.shortcut
    try:
        returned = function(example, completion, **verifier.options)  # type: ignore[misc]
        if returned is None and not verifier.bounded:
            return None
        verdict = messages.to_verdict(returned)
    except Exception as error:  # noqa: BLE001 - a bug of the verifier is a verdict `error`
        verdict = Verdict.error(messages.describe(error))
    return replace(verdict, seconds=time.perf_counter() - start)


def _first_equal(items: Sequence[Item]) -> list[int]:
    """For each item, the index of the first one that equals it in everything that a verifier may look at."""
    seen: dict[Any, list[int]] = {}
    first = []
    for index, (verifier, example, completion) in enumerate(items):
        key = (id(verifier), example.id, example.gold, completion.text, completion.finish_reason, completion.tokens)
        candidates = seen.setdefault(key, [])
        for candidate in candidates:
            if items[candidate][1] is example or items[candidate][1] == example:
                first.append(candidate)
                break
        else:
            candidates.append(index)
            first.append(index)
    return first
