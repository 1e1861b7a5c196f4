"""The worker's process, spoken to as the engine does: what it replies, and that it ends with its socket."""

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import cloudpickle
import pytest

from rlvr.verifiers import Completion, Example
from rlvr.verifiers.engine.messages import FrameError, receive, send
from rlvr.verifiers.engine.reference import ByName, ByValue

EXAMPLE = Example("1", "", "42")


class Server:
    """`python -m rlvr.verifiers.engine.worker` with its control socket."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(30)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "rlvr.verifiers.engine.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "RLVR_WORKER_PATH": json.dumps(sys.path)},
            )

    def ask(self, command: str, argument: object, descriptors: tuple[int, ...] = ()) -> Any:
        socket.send_fds(self.control, [pickle.dumps((command, argument))], descriptors)
        return pickle.loads(self.control.recv(1 << 16))

    def fork(self) -> tuple[int, socket.socket]:
        ours, theirs = socket.socketpair()
        ours.settimeout(30)
        with theirs:
            return self.ask("fork", None, (theirs.fileno(),)), ours


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.control.close()
    assert server.process.wait(10) == 0  # it leaves when the engine closes the socket


def ask(sock: socket.socket, *request: object) -> dict[str, Any]:
    send(sock, pickle.dumps(request))
    return json.loads(receive(sock))


def test_load_then_verify(server: Server) -> None:
    _, sock = server.fork()
    with sock:
        reference = ByName("rlvr.verifiers.text.number", "number", {"mode": "lenient"})
        assert ask(sock, "load", 7, reference) == {}
        reply = ask(sock, "verify", 7, 256, EXAMPLE, Completion("It is 42"))
        assert (reply["status"], reply["extracted"], reply["tainted"]) == ("correct", "42", False)
        assert ask(sock, "verify", 7, 256, EXAMPLE, Completion("It is 43"))["status"] == "incorrect"


def test_what_does_not_load_is_described(server: Server) -> None:
    _, sock = server.fork()
    with sock:
        reply = ask(sock, "load", 1, ByName("rlvr_no_such_module", "x", {}))
        assert reply == {"failed": "ModuleNotFoundError: No module named 'rlvr_no_such_module'"}
        assert ask(sock, "load", 2, ByValue(b"no pickle"))["failed"].startswith("UnpicklingError")


def test_memory_is_limited_over_what_the_worker_has(server: Server) -> None:
    def hoard(example: Example, completion: Completion) -> bool:
        return len(bytearray(int(completion.text) << 20)) > 0

    _, sock = server.fork()
    with sock:
        ask(sock, "load", 1, ByValue(cloudpickle.dumps((hoard, {}, None))))
        assert ask(sock, "verify", 1, 256, EXAMPLE, Completion("64"))["status"] == "correct"
        reply = ask(sock, "verify", 1, 256, EXAMPLE, Completion("512"))
        assert (reply["reason"], reply["tainted"]) == ("the verifier went over its memory limit", True)


def test_memory_that_was_kept_is_no_part_of_the_limit_but_ends_the_worker(server: Server) -> None:
    def keep(example: Example, completion: Completion, kept: list[bytearray] = []) -> bool:  # noqa: B006 - it's to be kept
        kept.append(bytearray(int(completion.text) << 20))
        return True

    _, sock = server.fork()
    with sock:
        ask(sock, "load", 1, ByValue(cloudpickle.dumps((keep, {}, None))))
        replies = [ask(sock, "verify", 1, 256, EXAMPLE, Completion("120")) for _ in range(3)]
    assert [(reply["status"], reply["tainted"]) for reply in replies] == [
        ("correct", False), ("correct", False), ("correct", True),
    ]  # fmt: skip


def test_a_worker_whose_interpreter_is_broken_is_not_used_again(server: Server) -> None:
    def broken(example: Example, completion: Completion) -> bool:
        raise SystemError("error return without exception set")  # as CPython says when it finds no room for a frame

    _, sock = server.fork()
    with sock:
        ask(sock, "load", 1, ByValue(cloudpickle.dumps((broken, {}, None))))
        reply = ask(sock, "verify", 1, 256, EXAMPLE, Completion(""))
    assert (reply["reason"], reply["tainted"]) == ("SystemError: error return without exception set", True)


def test_a_killed_worker_is_reaped_with_its_status(server: Server) -> None:
    pid, sock = server.fork()
    assert os.WTERMSIG(server.ask("kill", pid)) == signal.SIGKILL
    with sock, pytest.raises(FrameError):
        receive(sock)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_worker_ends_with_its_socket(server: Server) -> None:
    pid, sock = server.fork()
    sock.close()
    assert os.waitstatus_to_exitcode(server.ask("kill", pid)) in (0, -signal.SIGKILL)


def test_preloading_reports_what_fails_and_goes_on(server: Server) -> None:
    assert server.ask("preload", ("rlvr.verifiers.text.number", "number")) is None
    assert "ModuleNotFoundError" in server.ask("preload", ("rlvr_no_such_module", "x"))
    assert server.ask("preload", ("rlvr.verifiers.text.exact", "exact")) is None
