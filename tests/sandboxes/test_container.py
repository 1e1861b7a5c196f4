"""Containers of dead owners are swept, those of living ones are not; an unknown runtime is an error."""

import asyncio
import signal

import pytest

from rlvr.errors import PrerequisiteError
from rlvr.sandboxes import SandboxSettings, container, docker_client, make


@pytest.mark.docker
@pytest.mark.usefixtures("docker_engine")
def test_containers_of_a_killed_owner_are_swept(start_owner, until):
    client = docker_client.connect()
    owner, other = start_owner("docker"), start_owner("docker")
    try:

        def of(process):
            return [each for each in container.listed(client) if each.owner == str(process.pid)]

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
    assert "rlvr-leftover-test" not in [each.name for each in container.listed(client)]


@pytest.mark.docker
@pytest.mark.usefixtures("docker_engine")
def test_unknown_runtime():
    with pytest.raises(PrerequisiteError, match="no runtime 'runsc-not-there'"):
        asyncio.run(make("docker", workers=1, runtime="runsc-not-there").run("print(1)"))
