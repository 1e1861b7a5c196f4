"""The one engine that runs every verifier, whoever wrote it, from any thread and from asyncio.

Its rule: a verifier that hangs, crashes, forks or eats memory costs its own verdict and some milliseconds, nothing
else. Deadlines and memory limits hold from outside: the worker process is killed. A failure of the verifier or of the
machine is a verdict `error`, never a score of 0.
"""

import asyncio
import atexit
import contextlib
import functools
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from rlvr.verifiers.composite.composite import Composite
from rlvr.verifiers.engine import worker
from rlvr.verifiers.engine.async_runner import AsyncRunner
from rlvr.verifiers.types import Completion, Example, Status, Verdict
from rlvr.verifiers.verifier import Verifier

LOAD_SECONDS = 120.0  # to import a verifier's module in a worker: our time, not the model's
Pair = tuple[Example, Completion]
Item = tuple[Verifier, Example, Completion]


class Engine:
    """Runs verifiers. Thread-safe; a context manager; usable again in a forked child.

    `workers`: how many worker processes at most (default: the processors that this process may use). They start when
    the first verifier needs one.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._threads: ThreadPoolExecutor | None = None
        self._slots = threading.local()
        self._zygote: _Zygote | None = None
        self._async: AsyncRunner | None = None
        self._closed = False

    def verify(self, verifier: Verifier, example: Example, completion: Completion) -> Verdict:
        """The verdict. Never raises for anything that the verifier does."""
        return self.submit(verifier, example, completion).result()

    def verify_batch(self, verifier: Verifier, pairs: Iterable[Pair]) -> list[Verdict]:
        """The verdicts of many (example, completion) pairs, in their order; equal pairs are verified once."""
        return self.verify_each((verifier, *pair) for pair in pairs)

    def verify_each(self, items: Iterable[Item]) -> list[Verdict]:
        """`verify_batch` of (verifier, example, completion), for examples that have verifiers of their own."""
        items = list(items)
        first = _first_equal(items)
        futures = {i: self.submit(*items[i]) for i in dict.fromkeys(first)}
        return [futures[i].result() for i in first]

    async def averify(self, verifier: Verifier, example: Example, completion: Completion) -> Verdict:
        """`verify` for asyncio: the loop goes on while a worker decides."""
        return await asyncio.wrap_future(self.submit(verifier, example, completion))

    async def averify_batch(self, verifier: Verifier, pairs: Iterable[Pair]) -> list[Verdict]:
        """`verify_batch` for asyncio."""
        items = [(verifier, *pair) for pair in pairs]
        first = _first_equal(items)
        futures = {i: asyncio.wrap_future(self.submit(*items[i])) for i in dict.fromkeys(first)}
        return [await futures[i] for i in first]

    def submit(self, verifier: Verifier, example: Example, completion: Completion) -> "Future[Verdict]":
        """Start one verification; the future holds its Verdict and never an exception.

        Bounded verifiers and shortcuts run here and now; of a composite, the parts are run.
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
        """Stop all workers. Verifications that wait become `error`; a later one starts the engine anew."""
        with self._lock:
            threads, zygote, runner = self._threads, self._zygote, self._async
            self._closed = True
        if self._pid != os.getpid():
            return
        if zygote is not None:
            zygote.close()
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
        slot: _Worker | None = getattr(self._slots, "worker", None)
        try:
            if slot is None:
                slot = self._slots.worker = _Worker(self._running_zygote(), verifier)
            verdict, reusable = slot.run(verifier, example, completion)
        except Exception as error:  # noqa: BLE001 - a failure of the engine's own: counted, masked, explained
            verdict, reusable = Verdict.error(f"the engine failed: {worker.describe(error)}"), False
        if slot is not None and not reusable:
            slot.close()
            self._slots.worker = None
        return verdict

    def _running_zygote(self) -> "_Zygote":
        with self._lock:
            if self._closed:
                raise RuntimeError("the engine was closed")
            if self._zygote is None or not self._zygote.alive:
                self._zygote = _Zygote()
            return self._zygote


def verify(name: str, completion: str, *, gold: str, **options: Any) -> Verdict:
    """Verify one completion with the verifier called `name`, in the process's shared engine.

    Raises ConfigError for an unknown verifier or option.
    """
    from rlvr.verifiers.plugins.registry import registry

    found = registry().verifier(name, **options)
    return shared_engine().verify(found, Example("", "", gold), Completion(completion))


@functools.cache
def shared_engine() -> Engine:
    """One engine for a process that has no reason to make its own. Closed at exit."""
    engine = Engine()
    atexit.register(engine.close)
    return engine


def reference(verifier: Verifier) -> tuple[Any, ...]:
    """How a worker finds the verifier: by module and name where it can be imported, else by value."""
    import cloudpickle

    function: Any = verifier.verify
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    by_value = cloudpickle.list_registry_pickle_by_value()
    if module is not None and module.__name__ != "__main__" and module.__name__ not in by_value:
        found: Any = module
        for name in function.__qualname__.split("."):
            found = getattr(found, name, None)
        if isinstance(found, Verifier) and found.verify is function and found.preload is verifier.preload:
            return ("import", module.__name__, function.__qualname__, dict(verifier.options))
    return ("value", cloudpickle.dumps((function, dict(verifier.options), verifier.preload)))


def _in_this_thread(verifier: Verifier, example: Example, completion: Completion) -> Verdict | None:
    start = time.perf_counter()
    function = verifier.verify if verifier.bounded else verifier.shortcut
    try:
        outcome = function(example, completion, **verifier.options)  # type: ignore[misc]
        if outcome is None and not verifier.bounded:
            return None
        verdict = worker.to_verdict(outcome)
    except Exception as error:  # noqa: BLE001 - a bug of the verifier is a verdict `error`
        verdict = Verdict.error(worker.describe(error))
    return replace(verdict, seconds=time.perf_counter() - start)


def _first_equal(items: Sequence[Item]) -> list[int]:
    """For each item, the index of the first one that is equal to it in all that a verifier may look at."""
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


class _Zygote:
    """The engine's handle on the process that forks workers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._preloaded: set[tuple[str, str]] = set()
        self.alive = True
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(LOAD_SECONDS)
        # One thread each: workers are the parallelism, and forking a process with threads is unsound.
        threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rlvr.verifiers.engine.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, **threads, "RLVR_WORKER_PATH": json.dumps(sys.path)},
                start_new_session=True,  # Ctrl-C is for us, not for them
            )

    def preload(self, module: str, name: str) -> None:
        """Import a verifier and call its `preload` once, for all workers to come."""
        with self._lock:
            if (module, name) not in self._preloaded:
                self._preloaded.add((module, name))
                self._ask("preload", (module, name))

    def fork(self) -> tuple[int, socket.socket]:
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            return self._ask("fork", None, [theirs.fileno()]), ours

    def kill(self, pid: int) -> int | None:
        """Kill a worker and what it started; its exit status, or None where the zygote itself is gone."""
        try:
            with self._lock:
                status: int = self._ask("kill", pid)
        except OSError:
            return None
        return status

    def _ask(self, command: str, argument: Any, descriptors: Sequence[int] = ()) -> Any:
        try:
            socket.send_fds(self._control, [pickle.dumps((command, argument))], descriptors)
            frame = self._control.recv(1 << 16)
        except OSError:
            self.close()
            raise
        if not frame:
            self.close()
            raise ConnectionError("the process that forks workers is gone")
        return pickle.loads(frame)

    def close(self) -> None:
        self.alive = False
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # it kills its workers, then leaves
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _Worker:
    """One worker process, used by one thread of the engine."""

    def __init__(self, zygote: _Zygote, verifier: Verifier) -> None:
        self._zygote = zygote
        self._loaded: dict[int, Verifier] = {}
        how, *rest = reference(verifier)
        if how == "import":
            zygote.preload(rest[0], rest[1])
        self._pid, self._socket = zygote.fork()

    def run(self, verifier: Verifier, example: Example, completion: Completion) -> tuple[Verdict, bool]:
        """The verdict, and whether the worker may be used again."""
        start = time.perf_counter()
        try:
            problem = self._load(verifier)
            if problem:
                return Verdict.error(f"verifier {verifier.name!r} does not load in a worker: {problem}"), True
            start = time.perf_counter()
            request = ("verify", id(verifier), verifier.memory_mb, example, completion)
            reply = self._ask(pickle.dumps(request), verifier.deadline_s)
            seconds = time.perf_counter() - start
            return worker.from_json(reply, seconds), not reply["worn"]
        except TimeoutError:
            reason = f"no verdict within {verifier.deadline_s:g} s"
            return Verdict(Status.TIMEOUT, reason=reason, seconds=time.perf_counter() - start), False
        except (worker.FrameError, OSError):
            reason = f"the verifier's process {_end(self.close())}"
            return replace(Verdict.error(reason), seconds=time.perf_counter() - start), False
        except (ValueError, KeyError, TypeError) as error:
            return Verdict.error(f"the verifier's process sent a broken reply: {worker.describe(error)}"), False

    def _load(self, verifier: Verifier) -> str:
        if id(verifier) in self._loaded:
            return ""
        reply = self._ask(pickle.dumps(("load", id(verifier), reference(verifier))), LOAD_SECONDS)
        problem: str = reply.get("failed", "")
        if not problem:
            self._loaded[id(verifier)] = verifier  # keeps it alive, so that its id stays its own
        return problem

    def _ask(self, request: bytes, deadline_s: float) -> dict[str, Any]:
        self._socket.settimeout(deadline_s)
        worker.send(self._socket, request)
        # The deadline is for the whole reply: a verifier that trickles bytes must not stretch it.
        reply = worker.receive(_Deadline(self._socket, deadline_s))  # type: ignore[arg-type]
        decoded = json.loads(reply)
        if not isinstance(decoded, dict):
            raise TypeError("the reply is no object")
        return decoded

    def close(self) -> int | None:
        """Kill the process, if it is still there; its exit status."""
        if self._pid:
            self._socket.close()
            pid, self._pid = self._pid, 0
            return self._zygote.kill(pid)
        return None


class _Deadline:
    """A socket whose reads share one deadline."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._socket, self._end = sock, time.monotonic() + seconds

    def recv(self, size: int) -> bytes:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket.recv(size)


def _end(status: int | None) -> str:
    if status is None:
        return "is gone"
    if os.WIFSIGNALED(status):
        return f"died of {signal.Signals(os.WTERMSIG(status)).name}"
    return f"left with exit code {os.waitstatus_to_exitcode(status)}"
