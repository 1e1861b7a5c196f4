"""The image: made once for its content, says what it was made from, and what can't be made is one line.

No registry is needed: an image made from the running interpreter stands in for the official one.
"""

import asyncio
import contextlib
import socket

import pytest

docker = pytest.importorskip("docker")
from rlvr.errors import ConfigError, SandboxError
from rlvr.sandboxes import container, docker_client, image, make, rootfs

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("docker_engine")]


@pytest.fixture
def client():
    client = docker_client.connect()
    yield client
    client.close()


@pytest.fixture
def spare(client, monkeypatch):
    """A tag of its own, removed afterwards."""
    name = f"{image.REPOSITORY}:test"
    monkeypatch.setattr(image, "tag", lambda packages=(): name)
    yield name
    with contextlib.suppress(docker.errors.ImageNotFound):
        client.images.remove(name, force=True)


@pytest.fixture
def registry():
    """Something that listens, and is no registry."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()


def one_line(error):
    return len(str(error.value).splitlines()) == 1 and len(str(error.value)) < 600


def test_made_once(client):
    name = image.ensure(client)
    made = client.images.get(name).id
    assert image.ensure(client) == name
    assert client.images.get(name).id == made
    assert image.tag(("numpy",)) != name


def test_another_supervisor_is_another_image(monkeypatch, tmp_path):
    before = image.tag()
    (tmp_path / "zygote.py").write_text("changed")
    monkeypatch.setattr(rootfs, "INSIDE", tmp_path)
    assert image.tag() != before


def test_without_a_registry_it_says_so(client, spare, monkeypatch):
    monkeypatch.setattr(image, "REGISTRY", ("127.0.0.1", 9))
    image.ensure(client, force=True)
    assert image.origin(client, spare) == "the running interpreter, because no registry answers at 127.0.0.1:9"


def test_a_registry_that_refuses(client, spare, registry, monkeypatch):
    monkeypatch.setattr(image, "REGISTRY", registry)
    monkeypatch.setattr(image, "BASE", "127.0.0.1:9/none/python:3-slim")
    image.ensure(client, force=True)
    assert image.origin(client, spare).startswith(
        "the running interpreter, because 127.0.0.1:9/none/python:3-slim can't be pulled"
    )


def test_from_an_image_with_a_python(client, spare, monkeypatch):
    """What is done where the official image can be had."""
    with monkeypatch.context() as patch:
        patch.undo()
        base = image.ensure(client)
    monkeypatch.setattr(image, "BASE", base)
    image.ensure(client, force=True)
    assert image.origin(client, spare) == base

    async def main():
        async with make("docker", workers=1) as sandbox:
            return await sandbox.run("import os; print(input(), os.listdir('/work'))", stdin="1")

    assert asyncio.run(main()).stdout == b"1 []\n"


def test_an_image_that_cannot_be_built(client, spare, monkeypatch):
    base = f"{image.REPOSITORY}:{rootfs.key()}"
    image.from_interpreter(client, base, (), "a test")
    monkeypatch.setattr(image, "BASE", base)
    with pytest.raises(ConfigError, match=r"sandbox packages numpy can't be installed: .*pip") as error:
        image.ensure(client, ("numpy",), force=True)  # there is no pip in this base
    assert one_line(error)
    monkeypatch.setattr(image, "PREPARE", "raise SystemError('no room')")
    with pytest.raises(SandboxError, match="the sandbox image can't be built") as error:
        image.ensure(client, force=True)
    assert one_line(error)
    with pytest.raises(SandboxError, match="can't be built") as error:
        asyncio.run(make("docker", workers=1).run("print(1)"))
    assert not [each for each in container.listed(client) if each.image == spare]
