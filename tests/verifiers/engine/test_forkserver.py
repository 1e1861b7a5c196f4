"""The fork server and its workers, without the engine: they start, are killed, and are reported when they are gone."""

import signal
from collections.abc import Iterator

import pytest

from rlvr.verifiers import Completion, Example, Status, Verifier
from rlvr.verifiers.engine.forkserver import ForkServer, Worker

EXAMPLE, COMPLETION = Example("1", "", "42"), Completion("42")


def hang(example: Example, completion: Completion) -> bool:
    while True:
        pass


EQUAL = Verifier("equal", lambda example, completion: completion.text == example.gold)
HANG = Verifier("hang", hang, deadline_s=0.2)


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


def test_a_worker_serves_one_verdict_after_another(server: ForkServer) -> None:
    worker = Worker(server, EQUAL)
    answers = [worker.run(EQUAL, EXAMPLE, Completion(text)) for text in ("42", "41", "42")]
    assert [(verdict.status, reusable) for verdict, reusable in answers] == [
        ("correct", True), ("incorrect", True), ("correct", True)
    ]  # fmt: skip
    assert all(verdict.seconds > 0 for verdict, _ in answers)
    assert worker.close() in (0, signal.SIGKILL)  # it may leave before it is killed, since its socket is closed
    assert worker.close() is None  # it is gone already


def test_over_the_deadline_a_worker_is_not_reusable(server: ForkServer) -> None:
    worker = Worker(server, EQUAL)
    verdict, reusable = worker.run(HANG, EXAMPLE, COMPLETION)
    assert (verdict.status, verdict.reason, reusable) == (Status.TIMEOUT, "no verdict within 0.2 s", False)
    worker.close()


@pytest.mark.parametrize(
    ("does", "reusable"),
    [
        ("raise RuntimeError", True),
        ("import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()", False),
        ("import subprocess; subprocess.Popen(['sleep', '60'])", False),
        ("raise SystemExit", False),
        ("raise MemoryError", False),
    ],
)
def test_a_tainted_worker_is_not_reusable(server: ForkServer, does: str, reusable: bool) -> None:
    def run(example: Example, completion: Completion) -> bool:
        exec(completion.text)
        return True

    worker = Worker(server, EQUAL)
    assert worker.run(Verifier("does", run), EXAMPLE, Completion(does))[1] is reusable
    worker.close()


def test_a_verifier_that_does_not_load_leaves_the_worker_usable(server: ForkServer) -> None:
    def fail() -> None:
        raise OSError("no such library")

    worker = Worker(server, EQUAL)
    broken = Verifier("broken", lambda example, completion: True, preload=fail)
    verdict, reusable = worker.run(broken, EXAMPLE, COMPLETION)
    assert verdict.reason == "verifier 'broken' does not load in a worker: OSError: no such library"
    assert (verdict.status, reusable) == (Status.ERROR, True)
    assert worker.run(EQUAL, EXAMPLE, COMPLETION)[0].status is Status.CORRECT
    worker.close()


def test_without_its_server_a_worker_is_gone() -> None:
    server = ForkServer()
    worker = Worker(server, EQUAL)
    assert server.alive
    server.close()
    assert not server.alive
    verdict, reusable = worker.run(EQUAL, EXAMPLE, COMPLETION)
    assert (verdict.status, verdict.reason, reusable) == (Status.ERROR, "the verifier's process is gone", False)
    with pytest.raises(OSError):  # noqa: PT011 - whichever of them
        server.fork()
