"""The other side of the engine: a clean process that forks workers, and the workers that run verifiers.

Started as `python -m rlvr.verifiers.engine.worker FD`. This process, the zygote, is single-threaded, imports what verifiers
need once, and forks a worker whenever the engine asks for one, so that replacing a killed worker costs milliseconds.
The engine sends pickles (it is trusted); workers answer in JSON only, because they have touched hostile text.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import math
import os
import pickle
import resource
import signal
import socket
import struct
import sys
import threading
from dataclasses import replace
from typing import Any

from rlvr.verifiers.types import Completion, Example, Status, Verdict

MAX_FRAME = 1 << 24
MAX_TEXT = 10_000  # characters kept of an extracted answer and of a reason
_HEADER = struct.Struct("<I")
_STATUSES = frozenset(map(str, Status))
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


class FrameError(Exception):
    """The other side closed the stream or broke the protocol."""


def send(sock: socket.socket, payload: bytes) -> None:
    sock.sendall(_HEADER.pack(len(payload)) + payload)


def receive(sock: socket.socket) -> bytes:
    """One frame. Raises FrameError at end of file or over MAX_FRAME, TimeoutError as the socket is set."""
    (size,) = _HEADER.unpack(_exactly(sock, _HEADER.size))
    if size > MAX_FRAME:
        raise FrameError(f"a frame of {size} bytes")
    return _exactly(sock, size)


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise FrameError("closed")
        data += more
    return bytes(data)


def to_verdict(outcome: object) -> Verdict:
    """The Verdict that a verifier's return value stands for; `error` for a value that means nothing."""
    if isinstance(outcome, Verdict):
        if str(outcome.status) not in _STATUSES:
            return Verdict.error(f"the verifier returned the unknown status {outcome.status!r:.100}")
        return outcome
    if type(outcome).__name__ in ("bool", "bool_"):  # bool_ is numpy's
        return Verdict.of(bool(outcome))
    try:
        score = float(outcome)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return Verdict.error(
            f"the verifier returned {type(outcome).__name__}; expected a Verdict, a bool or a float in [0, 1]"
        )
    if isinstance(outcome, (str, bytes)) or not (math.isfinite(score) and 0 <= score <= 1):
        return Verdict.error(f"the verifier returned {outcome!r:.100}; expected a number in [0, 1]")
    return Verdict.scored(score)


def describe(error: BaseException) -> str:
    """An exception as one line of bounded length."""
    text = " ".join(str(error).split())[:500]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


# ---- the worker -------------------------------------------------------------------------------------------------


def _work(sock: socket.socket) -> None:
    """Serve one engine slot until its socket closes."""
    pid, base = os.getpid(), _address_space()
    verifiers: dict[int, Any] = {}
    limit = 0
    while True:
        try:
            kind, *arguments = pickle.loads(receive(sock))
        except FrameError:
            return
        if kind == "load":
            key, reference = arguments
            reply: dict[str, Any] = {}
            try:
                verifiers[key] = load(reference)
            except Exception as error:  # noqa: BLE001 - reported to the engine, which makes it a verdict `error`
                reply["failed"] = describe(error)
            base = _address_space()
            limit = 0
        else:
            key, memory_mb, example, completion = arguments
            if memory_mb != limit:
                limit = memory_mb
                resource.setrlimit(resource.RLIMIT_AS, (base + (limit << 20), resource.RLIM_INFINITY))
            reply = _run(verifiers[key], example, completion)
            if os.getpid() != pid:  # the verifier forked, and this is the child
                os._exit(0)
        send(sock, json.dumps(reply).encode())


def _run(verify: Any, example: Example, completion: Completion) -> dict[str, Any]:
    worn = False  # a worn worker has lost its innocence: the engine replaces it
    try:
        verdict = to_verdict(verify(example, completion))
    except MemoryError:
        verdict, worn = Verdict.error("the verifier went over its memory limit"), True
    except Exception as error:  # noqa: BLE001 - a bug of the verifier is a verdict `error`
        verdict = Verdict.error(describe(error))
    except BaseException as error:  # noqa: BLE001 - sys.exit, KeyboardInterrupt
        verdict, worn = Verdict.error(f"the verifier tried to leave: {describe(error)}"), True
    try:
        reply = to_json(verdict)
    except (TypeError, ValueError, RecursionError) as error:
        reply = to_json(Verdict.error(f"the verifier's parts are no JSON values: {describe(error)}"))
    reply["worn"] = worn or _has_children() or threading.active_count() > 1
    return reply


def to_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as a JSON object. Raises TypeError or ValueError where its parts aren't JSON values, or too many."""
    parts = json.dumps(dict(verdict.parts), allow_nan=False)
    if len(parts) > MAX_FRAME // 4:
        raise ValueError(f"{len(parts)} characters of parts")
    extracted = None if verdict.extracted is None else str(verdict.extracted)[:MAX_TEXT]
    return {
        "status": str(verdict.status),
        "score": float(verdict.score),
        "extracted": extracted,
        "reason": str(verdict.reason)[:MAX_TEXT],
        "parts": json.loads(parts),
    }


def from_json(reply: dict[str, Any], seconds: float) -> Verdict:
    return Verdict(
        Status(reply["status"]), reply["score"], reply["extracted"], reply["reason"], reply["parts"], seconds
    )


def load(reference: tuple[Any, ...]) -> Any:
    """The verify function, options bound, that `engine.reference` described; the verifier is preloaded."""
    how, *rest = reference
    if how == "value":
        import cloudpickle

        function, options, preload = cloudpickle.loads(rest[0])
        if preload is not None:
            preload()
        return lambda example, completion: function(example, completion, **options)
    module_name, qualified_name, options = rest
    return replace(_preload(module_name, qualified_name), options=options)


def _preload(module_name: str, qualified_name: str) -> Any:
    """Import a verifier, and call its `preload()` where it has one."""
    verifier: Any = importlib.import_module(module_name)
    for name in qualified_name.split("."):
        verifier = getattr(verifier, name)
    if verifier.preload is not None:
        verifier.preload()
    return verifier


def _address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


# ---- the zygote -------------------------------------------------------------------------------------------------


def _zygote(control: socket.socket) -> None:
    """Fork, kill and reap workers as the engine asks, until it closes the control socket."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what a verifier daemonised comes back to us, to be killed
    workers: set[int] = set()
    while True:
        try:
            frame, descriptors, _, _ = socket.recv_fds(control, 1 << 16, 1)
        except OSError:
            frame, descriptors = b"", []
        if not frame:
            break
        command, argument = pickle.loads(frame)
        answer: Any = None
        if command == "preload":
            try:
                _preload(*argument)
            except Exception as error:  # noqa: BLE001 - the worker meets it again, and then it is a verdict
                answer = describe(error)
            gc.collect()
            gc.freeze()
        elif command == "fork":
            pid = os.fork()
            if pid == 0:
                _become_worker(control, socket.socket(fileno=descriptors[0]), libc)
            os.close(descriptors[0])
            workers.add(pid)
            answer = pid
        elif command == "kill":
            answer = _kill(argument, workers)
        control.send(pickle.dumps(answer))
    for pid in list(workers):
        _kill(pid, workers)
    os._exit(0)


def _become_worker(control: socket.socket, sock: socket.socket, libc: ctypes.CDLL) -> None:
    try:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        control.close()
        os.setsid()
        _work(sock)
    finally:
        os._exit(0)


def _kill(pid: int, workers: set[int]) -> int:
    """Kill a worker with all that it started; its exit status as os.wait gives it."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    workers.discard(pid)
    for orphan in _children() - workers:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(orphan, signal.SIGKILL)
            os.waitpid(orphan, 0)
    return status


def _children() -> set[int]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return {int(pid) for pid in file.read().split()}


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    sys.path[:] = json.loads(os.environ.pop("RLVR_WORKER_PATH"))
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # what a verifier prints goes nowhere
        os.dup2(null, descriptor)
    _zygote(control)


if __name__ == "__main__":
    main()
