"""The image of the sandbox: an official slim Python where one can be had quickly, else the running interpreter.

Its tag names its content, so it is made once and found again. What can't be made is one clear line.
"""

import io
import socket
import tarfile
import tempfile
from collections.abc import Sequence
from typing import Any

from rlvr.sandboxes import rootfs
from rlvr.sandboxes.errors import ConfigError, SandboxError

REPOSITORY = "rlvr-sandbox"
REGISTRY = ("registry-1.docker.io", 443)
REGISTRY_SECONDS = 2.0  # a machine without a registry must not wait for it
BASE = "python:3.11-slim"


def tag(packages: Sequence[str] = ()) -> str:
    return f"{REPOSITORY}:{rootfs.key(packages)}"


def ensure(client: Any, packages: Sequence[str] = (), *, force: bool = False) -> str:
    """The tag of the image, made if it isn't there."""
    import docker

    name = tag(packages)
    if not force:
        try:
            client.images.get(name)
            return name
        except docker.errors.ImageNotFound:
            pass
    if _base(client):
        _from_base(client, name, packages)
    else:
        _from_interpreter(client, name, packages)
    return name


def _base(client: Any) -> bool:
    """Whether the official image is here or can be pulled."""
    import docker

    try:
        client.images.get(BASE)
        return True
    except docker.errors.ImageNotFound:
        pass
    try:
        socket.create_connection(REGISTRY, REGISTRY_SECONDS).close()
        client.images.pull(BASE)
        return True
    except (OSError, docker.errors.DockerException):
        return False


def _from_base(client: Any, name: str, packages: Sequence[str]) -> None:
    import docker

    lines = [f"FROM {BASE}", "RUN mkdir -p /opt/rlvr && mkdir -m 1777 -p /work"]
    if packages:
        lines.append("RUN " + _words(["python3", "-m", "pip", "install", "--no-cache-dir", *packages]))
    lines.append("COPY inside/ /opt/rlvr/")
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        text = "\n".join(lines).encode()
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
        for file in sorted(rootfs.INSIDE.glob("*.py")):
            archive.add(file, f"inside/{file.name}", filter=_neutral)
    context.seek(0)
    try:
        client.images.build(fileobj=context, custom_context=True, tag=name, rm=True, forcerm=True)
    except docker.errors.BuildError as error:
        if packages:
            raise ConfigError(f"sandbox packages {', '.join(packages)} can't be installed: {error}") from None
        raise SandboxError(f"the sandbox image can't be built: {error}") from None


def _words(words: Sequence[str]) -> str:
    import json

    return json.dumps(list(words))  # the exec form: no shell reads a package's name


def _from_interpreter(client: Any, name: str, packages: Sequence[str]) -> None:
    root = rootfs.build(packages)
    repository, _, version = name.partition(":")
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            archive.add(root, ".", filter=_neutral)
        file.flush()
        client.api.import_image_from_file(file.name, repository=repository, tag=version)


def _neutral(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry
