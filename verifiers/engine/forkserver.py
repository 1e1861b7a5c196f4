"""The engine's handles: of the fork server, the clean process that forks workers, and of its workers.

rlvr.verifiers.engine.worker is the other side.
"""

import contextlib
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rlvr.verifiers.engine import messages
from rlvr.verifiers.engine.reference import ByName, reference
from rlvr.verifiers.types import Completion, Example, Status, Verdict
from rlvr.verifiers.verifier import Verifier

LOAD_SECONDS = 120.0  # to import a verifier's module in a worker: not the model's time


class ForkServer:
    """The process that forks workers. Thread-safe. Starts when it is made."""

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
                start_new_session=True,  # Ctrl-C is for this process, not for them
            )

    def preload(self, module: str, name: str) -> None:
        """Import a verifier and call its `preload`, once for all workers to come. Raises OSError if the server is gone."""
        with self._lock:
            if (module, name) not in self._preloaded:
                self._preloaded.add((module, name))
                self._ask("preload", (module, name))

    def fork(self) -> tuple[int, socket.socket]:
        """Start a worker: its process id, and the socket that it serves. Raises OSError if the server is gone."""
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            return self._ask("fork", None, [theirs.fileno()]), ours

    def kill(self, pid: int) -> int | None:
        """Kill a worker and what it started; its exit status, or None if the server itself is gone."""
        try:
            with self._lock:
                status: int = self._ask("kill", pid)
        except OSError:
            return None
        return status

    def _ask(self, command: str, argument: object, descriptors: Sequence[int] = ()) -> Any:
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
        """End the server and all its workers."""
        self.alive = False
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # it kills its workers, then leaves
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Worker:
    """One worker process, used by one thread of the engine. Raises OSError if the server is gone when it is made."""

    def __init__(self, server: ForkServer, verifier: Verifier) -> None:
        self._server = server
        self._loaded: dict[int, Verifier] = {}
        referred = reference(verifier)
        if isinstance(referred, ByName):
            server.preload(referred.module, referred.qualified_name)
        self._pid, self._socket = server.fork()

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
            return messages.verdict_from_json(reply, seconds), not reply["tainted"]
        except TimeoutError:
            reason = f"no verdict within {verifier.deadline_s:g} s"
            return Verdict(Status.TIMEOUT, reason=reason, seconds=time.perf_counter() - start), False
        except (messages.FrameError, OSError):
            reason = f"the verifier's process {_end(self.close())}"
            return replace(Verdict.error(reason), seconds=time.perf_counter() - start), False
        except (ValueError, KeyError, TypeError) as error:
            return Verdict.error(f"the verifier's process sent a broken reply: {messages.describe(error)}"), False

    def _load(self, verifier: Verifier) -> str:
        """Have the worker load the verifier, once. Returns the problem, or an empty string."""
        if id(verifier) in self._loaded:
            return ""
        reply = self._ask(pickle.dumps(("load", id(verifier), reference(verifier))), LOAD_SECONDS)
        problem: str = reply.get("failed", "")
        if not problem:
            self._loaded[id(verifier)] = verifier  # keeps it alive, so that no other verifier gets its id
        return problem

    def _ask(self, request: bytes, deadline_s: float) -> dict[str, Any]:
        self._socket.settimeout(deadline_s)
        messages.send(self._socket, request)
        # The deadline is for the whole reply: a verifier that trickles bytes must not stretch it.
        reply = messages.receive(_Deadline(self._socket, deadline_s))
        decoded = json.loads(reply)
        if not isinstance(decoded, dict):
            raise TypeError("the reply is no object")
        return decoded

    def close(self) -> int | None:
        """Kill the process; its exit status, or None if it was killed before or the server is gone."""
        if self._pid:
            self._socket.close()
            pid, self._pid = self._pid, 0
            return self._server.kill(pid)
        return None


class _Deadline:
    """A socket whose reads share one deadline."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._socket, self._end = sock, time.monotonic() + seconds

    def recv(self, size: int, /) -> bytes:
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
