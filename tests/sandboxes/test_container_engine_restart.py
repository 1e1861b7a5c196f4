"""The engine dies under a running batch and comes back: retries, then errors, which are masked, then right verdicts again.

It happens to an engine of the test's own, with its own folders and socket, so that nobody else's is touched.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from rlvr.errors import PrerequisiteError
from rlvr.sandboxes import container, docker_client
from rlvr.verifiers.code import code
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.types import Completion, Example, Status

pytestmark = pytest.mark.docker
SLOW = "import time\ndef f(x):\n    time.sleep(0.5)\n    return x + {0} - {0}"


class OwnEngine:
    """A dockerd in a folder: `kill` ends it without warning, `start` starts it again on what it left."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.host = folder, f"unix://{folder}/docker.sock"

    def start(self) -> None:
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        for stale in ("pid", "exec/containerd/containerd.pid"):  # of a process that may not have been reaped
            (self.folder / stale).unlink(missing_ok=True)
        options = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [
                    *("unshare", "--net"),  # two engines in one network take each other's bridge away
                    shutil.which("dockerd", path=path),
                    *(f"--{name}={self.folder / value}" for name, value in options.items()),
                    "--bridge=none",
                    "--iptables=false",
                    f"--host={self.host}",
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, "PATH": path},
                start_new_session=True,
            )
        end = time.monotonic() + 60
        while not docker_client.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise PrerequisiteError((self.folder / "log").read_text(errors="replace")[-500:])
            time.sleep(0.1)

    def kill(self) -> None:
        """What runs the containers lives on, as after a real crash."""
        self.process.kill()
        self.process.wait()

    def remove(self) -> None:
        """End all that belongs to the folder, and the folder."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        for _ in range(20):
            left = self.processes()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not left:
                break
            time.sleep(0.1)
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if line.split()[1].startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", line.split()[1]], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self) -> list[int]:
        """Those that name the folder on their command line."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if any(str(self.folder) in word for word in words):
                    found.append(int(entry.name))
        return found


@pytest.fixture
def own_engine(monkeypatch):
    reason = "" if os.geteuid() == 0 else "only root can start an engine"
    if not shutil.which("dockerd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
        reason = "dockerd isn't installed"
    if reason and os.environ.get("RLVR_REQUIRE_DOCKER") != "1":
        pytest.skip(reason)
    assert not reason
    engine = OwnEngine(Path(tempfile.mkdtemp(prefix="rlvr-engine-", dir="/tmp")))  # a socket's path must be short
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    try:
        try:
            engine.start()
        except PrerequisiteError as error:
            if os.environ.get("RLVR_REQUIRE_DOCKER") == "1":
                raise
            pytest.skip(f"no second engine can be started here: {error}")
        yield engine
    finally:
        engine.remove()


def test_the_engine_dies_under_a_batch_and_comes_back(own_engine):
    verifier = code.with_options(sandbox="docker", workers=2)
    example = Example("1", "", "", "", {"raw": True, "entry_point": "f", "tests": ["assert f(1) == 1"]})

    with Engine() as engine:

        def submit(first, count):
            return [engine.submit(verifier, example, Completion(SLOW.format(first + i))) for i in range(count)]

        def statuses(futures):
            return [future.result(120).status for future in futures]

        assert statuses(submit(0, 2)) == [Status.CORRECT] * 2

        under = submit(10, 12)
        under[0].result(120)  # the batch is on its way
        own_engine.kill()
        found = statuses(under)
        assert found[0] is Status.CORRECT
        assert set(found) == {Status.CORRECT, Status.ERROR}  # never incorrect, never a score for what didn't run
        assert all(future.result().status.masked for future in under if future.result().status is not Status.CORRECT)

        away = [future.result(120) for future in submit(30, 3)]
        assert [verdict.status for verdict in away] == [Status.ERROR] * 3
        assert all("Docker engine" in verdict.reason or "sandbox failed" in verdict.reason for verdict in away)

        own_engine.start()
        assert statuses(submit(50, 4)) == [Status.CORRECT] * 4
        client = docker_client.connect()
        end = time.monotonic() + 30  # those of before may still be on their way out
        while not all(each.state == "running" for each in container.listed(client)):
            assert time.monotonic() < end, container.listed(client)
            time.sleep(0.2)

    end = time.monotonic() + 30
    while container.listed(client):
        assert time.monotonic() < end, container.listed(client)
        container.sweep(client, every=True)
        time.sleep(0.2)
