"""The image of the sandbox: an official slim Python if one can be had quickly, else the running interpreter.

Its tag names its content, so it is made once and found again. A label says what it was made from.
"""

import io
import json
import socket
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from typing import Any

from rlvr.errors import ConfigError, SandboxError
from rlvr.sandboxes import rootfs
from rlvr.sandboxes.docker_client import failure

REPOSITORY = "rlvr-sandbox"
REGISTRY = ("registry-1.docker.io", 443)
REGISTRY_SECONDS = 2.0  # a machine without a registry must not wait for it
BASE = f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
LABEL = "rlvr.sandbox.origin"
PREPARE = "import os; [os.makedirs(d, exist_ok=True) for d in ('/opt/rlvr', '/work')]; os.chmod('/work', 0o1777)"


def tag(packages: Sequence[str] = ()) -> str:
    """The name of the image that holds these packages."""
    return f"{REPOSITORY}:{rootfs.key(packages)}"


def ensure(client: Any, packages: Sequence[str] = (), *, force: bool = False) -> str:
    """The tag of the image, which is made if it isn't there (`force`: always).

    Raises ConfigError for a package that can't be installed, PrerequisiteError if no engine answers, and SandboxError
    for the rest.
    """
    import docker

    name = tag(packages)
    try:
        if not force and client.images.list(name):
            return name
        refusal = _refusal(client)
        if refusal:
            from_interpreter(client, name, packages, f"the running interpreter, because {refusal}")
        else:
            _from_base(client, name, packages)
    except (docker.errors.DockerException, OSError) as error:
        raise failure(error) from error
    return name


def origin(client: Any, name: str) -> str:
    """What an image was made from, and why not from the official one. Raises docker's ImageNotFound."""
    return str((client.images.get(name).labels or {}).get(LABEL, "unknown"))


def _refusal(client: Any) -> str:
    """Why the official image can't be had; empty if it is here or could be pulled."""
    import docker

    try:
        client.images.get(BASE)
        return ""
    except docker.errors.ImageNotFound:
        pass
    try:
        socket.create_connection(REGISTRY, REGISTRY_SECONDS).close()
    except OSError:
        return f"no registry answers at {REGISTRY[0]}:{REGISTRY[1]}"
    try:
        client.images.pull(BASE)
        return ""
    except docker.errors.DockerException as error:
        return f"{BASE} can't be pulled: {(str(error).splitlines() or [''])[0][:150]}"


def _from_base(client: Any, name: str, packages: Sequence[str]) -> None:
    import docker

    # The exec form, so that no shell reads a package's name.
    lines = [f"FROM {BASE}", f"LABEL {LABEL}={BASE}", "RUN " + json.dumps(["python3", "-c", PREPARE])]
    if packages:
        lines.append("RUN " + json.dumps(["python3", "-m", "pip", "install", "--no-cache-dir", *packages]))
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
        network = None if packages else "none"
        client.images.build(fileobj=context, custom_context=True, tag=name, rm=True, forcerm=True, network_mode=network)
    except docker.errors.BuildError as error:
        lines = [text for line in error.build_log for text in str(line.get("stream") or "").splitlines()]
        reason = ([text for text in lines if "rror" in text or "No module" in text] or [str(error)])[-1].strip()[-300:]
        if packages:
            raise ConfigError(f"sandbox packages {', '.join(packages)} can't be installed: {reason}") from None
        raise SandboxError(f"the sandbox image can't be built: {reason}") from None


def from_interpreter(client: Any, name: str, packages: Sequence[str], reason: str) -> None:
    """Make an image of the running interpreter; `reason` is what `origin` says of it. Raises what `rootfs.build` raises."""
    root = rootfs.build(packages)
    repository, _, version = name.partition(":")
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            archive.add(root, ".", filter=_neutral)
        file.flush()
        changes = [f"LABEL {LABEL}={json.dumps(reason)}"]
        client.api.import_image_from_file(file.name, repository=repository, tag=version, changes=changes)


def _neutral(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry
