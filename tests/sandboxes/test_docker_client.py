"""An engine that is away, or that may not be used, is an error of one line that says what to do."""

import asyncio
import os
import shutil
import socket
import tempfile

import pytest

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.sandboxes import docker_client, make


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
