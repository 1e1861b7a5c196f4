"""The other side of the engine: the fork server, and the workers that run verifiers.

Started as `python -m rlvr.verifiers.engine.worker FD`, where FD is the control socket. The fork server is
single-threaded, imports what verifiers need once, and forks a worker whenever the engine asks for one, so that
replacing a killed worker costs milliseconds.
"""

import contextlib
import ctypes
import gc
import json
import os
import pickle
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from rlvr.verifiers.engine.messages import FrameError, describe, receive, send, to_verdict, verdict_to_json
from rlvr.verifiers.engine.reference import preloaded
from rlvr.verifiers.types import Completion, Example, Verdict

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


# ---- the worker -------------------------------------------------------------------------------------------------


def _work(sock: socket.socket) -> None:
    """Serve one engine slot until its socket closes."""
    pid, statm = os.getpid(), os.open("/proc/self/statm", os.O_RDONLY)
    loaded, limit = _address_space(statm), 0
    verifiers: dict[int, Callable[[Example, Completion], Any]] = {}
    while True:
        try:
            kind, *arguments = pickle.loads(receive(sock))
        except FrameError:
            return
        if kind == "load":
            key, reference = arguments
            reply: dict[str, Any] = {}
            try:
                verifiers[key] = reference.load()
            except Exception as error:  # noqa: BLE001 - reported to the engine, which makes it a verdict `error`
                reply["failed"] = describe(error)
            loaded = _address_space(statm)
        else:
            key, memory_mb, example, completion = arguments
            memory = memory_mb << 20
            # Whatever earlier verdicts left in caches, each has its full memory: with too little, CPython doesn't always
            # raise MemoryError, and may overwrite its own frames.
            if limit != (limit := _address_space(statm) + memory):
                resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
            reply = _run(verifiers[key], example, completion)
            if os.getpid() != pid:  # the verifier forked, and this is the child
                os._exit(0)
            reply["tainted"] = reply["tainted"] or _address_space(statm) > loaded + memory  # what is kept is bounded
        send(sock, json.dumps(reply).encode())


def _run(verify: Callable[[Example, Completion], Any], example: Example, completion: Completion) -> dict[str, Any]:
    """The verdict as JSON. `tainted`: the worker must not be reused, and the engine replaces it."""
    tainted = False
    try:
        verdict = to_verdict(verify(example, completion))
    except MemoryError:
        verdict, tainted = Verdict.error("the verifier went over its memory limit"), True
    except Exception as error:  # noqa: BLE001 - a bug of the verifier is a verdict `error`
        # After a SystemError, the interpreter's own state may be broken.
        verdict, tainted = Verdict.error(describe(error)), isinstance(error, SystemError)
    except BaseException as error:  # noqa: BLE001 - sys.exit, KeyboardInterrupt
        verdict, tainted = Verdict.error(f"the verifier tried to leave: {describe(error)}"), True
    try:
        reply = verdict_to_json(verdict)
    except (TypeError, ValueError, RecursionError) as error:
        reply = verdict_to_json(Verdict.error(f"the verifier's parts are no JSON values: {describe(error)}"))
    reply["tainted"] = tainted or _has_children() or threading.active_count() > 1
    return reply


def _address_space(statm: int) -> int:
    """Bytes of this process's address space; `statm` is its open /proc/self/statm."""
    return int(os.pread(statm, 64, 0).split(maxsplit=1)[0]) * resource.getpagesize()


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


# ---- the fork server --------------------------------------------------------------------------------------------


def _serve(control: socket.socket) -> None:
    """Fork, kill and reap workers as the engine asks, until it closes the control socket."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what a verifier daemonized becomes our child, to be killed
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
                preloaded(*argument)
            except Exception as error:  # noqa: BLE001 - it happens again in the worker, and becomes a verdict there
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
    """Kill a worker and all that it started; its exit status as os.wait gives it."""
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
    """Be the fork server, until the engine closes the control socket."""
    control = socket.socket(fileno=int(sys.argv[1]))
    sys.path[:] = json.loads(os.environ.pop("RLVR_WORKER_PATH"))
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # what a verifier prints goes nowhere
        os.dup2(null, descriptor)
    _serve(control)


if __name__ == "__main__":
    main()
