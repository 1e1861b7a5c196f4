"""The provider `docker`: one hardened, warm container for each slot, driven over its attached stream.

docker-py blocks, so it runs in threads, and only to create and remove containers; the stream itself is asyncio's. A
container ends by itself when its stream does. Labels name the owner, so that the leftovers of a dead one can be swept.
"""

import asyncio
import contextlib
import functools
import os
import socket
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlvr.errors import PrerequisiteError
from rlvr.sandboxes import image, rootfs
from rlvr.sandboxes.channel import Channel
from rlvr.sandboxes.docker_client import connect, failure
from rlvr.sandboxes.limits import SHM_BYTES, SUPERVISOR_MB, TMP_BYTES, WORK_BYTES, first_uid
from rlvr.sandboxes.sandbox import Sandbox
from rlvr.sandboxes.settings import SandboxSettings
from rlvr.sandboxes.slot import Slot

START_SECONDS = 60.0
LABEL = "rlvr.sandbox"


class Docker(Sandbox):
    """Sandboxes in containers of a Docker engine."""

    name = "docker"

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        super().__init__(settings)
        self._image = ""
        self._lock = threading.Lock()
        self._client: Any = None

    async def launch(self) -> Slot:
        """Start a container and wait until its supervisor is ready. Raises SandboxError, PrerequisiteError, ConfigError."""
        identity, sock = await asyncio.to_thread(self._start)
        channel = await Channel.over(sock, demultiplex=True)
        slot = Slot(f"docker-{identity[:12]}", channel, functools.partial(self._kill, identity))
        try:
            await slot.hello(START_SECONDS)
        except BaseException:
            slot.close()
            raise
        return slot

    def client(self) -> Any:
        """The client of docker-py, made once. Raises PrerequisiteError, ConfigError or SandboxError if no engine answers."""
        with self._lock:
            if self._client is None:
                self._client = connect()
                self._check_runtime()
                sweep(self._client)
            return self._client

    def _check_runtime(self) -> None:
        runtime, runtimes = self.settings.runtime, self._client.info().get("Runtimes", {})
        if runtime and runtime not in runtimes:
            raise PrerequisiteError(f"the Docker engine has no runtime {runtime!r} (it has: {', '.join(runtimes)})")

    def _start(self) -> tuple[str, socket.socket]:
        import docker

        try:
            client = self.client()
            with self._lock:
                self._image = image.ensure(client, self.settings.packages)
            api = client.api
            container = api.create_container(
                self._image,
                rootfs.command(first_uid(), self.settings.packages),
                name=f"rlvr-{os.getpid()}-{uuid.uuid4().hex[:8]}",
                stdin_open=True,
                user="0:0",
                working_dir="/",
                hostname="sandbox",
                network_disabled=True,
                environment=rootfs.ENVIRONMENT,
                labels=labels(),
                host_config=self._host_config(api),
            )
            identity: str = container["Id"]
            stream = api.attach_socket(identity, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            api.start(identity)
        except (docker.errors.DockerException, OSError) as error:
            with self._lock:
                self._client = None
            raise failure(error) from error
        # A detached copy: docker-py's wrappers would close the descriptor when they are collected.
        sock = getattr(stream, "_sock", stream)
        return identity, socket.socket(fileno=os.dup(sock.fileno()))

    def _host_config(self, api: Any) -> Any:
        options = "rw,nosuid,nodev,mode=1777,nr_inodes=100k,size="
        memory = f"{self.settings.memory_mb + SUPERVISOR_MB}m"
        return api.create_host_config(
            network_mode="none",
            ipc_mode="none",
            read_only=True,
            auto_remove=True,
            cap_drop=["ALL"],
            cap_add=["SETUID", "SETGID", "KILL", "SETPCAP"],
            security_opt=["no-new-privileges"],
            pids_limit=256,
            mem_limit=memory,
            memswap_limit=memory,
            nano_cpus=min(2, os.cpu_count() or 1) * 10**9,
            tmpfs={
                "/tmp": f"{options}{TMP_BYTES}",
                "/work": f"{options}{WORK_BYTES}",
                "/dev/shm": f"{options}{SHM_BYTES}",
            },
            ulimits=[
                {"Name": "stack", "Soft": 8 << 20, "Hard": 128 << 20},
                {"Name": "core", "Soft": 0, "Hard": 0},
            ],
            log_config={"Type": "none"},
            runtime=self.settings.runtime or None,
        )

    def _kill(self, identity: str) -> None:
        """Remove a container without waiting. The end of its stream ends it by itself; this is for one that hangs."""
        client = self._client

        def remove() -> None:
            with contextlib.suppress(Exception):
                client.api.remove_container(identity, force=True)

        if client is not None:
            threading.Thread(target=remove, name="rlvr-remove", daemon=True).start()

    def sweep(self) -> list[str]:
        """Remove the containers of dead owners on this machine. Returns their names. Raises what `client` raises."""
        return sweep(self.client())

    async def close(self) -> None:
        """End all containers and wait until they are removed."""
        await super().close()
        await asyncio.to_thread(self._wait_for_removals)

    def _wait_for_removals(self) -> None:
        for thread in threading.enumerate():
            if thread.name == "rlvr-remove" and thread is not threading.current_thread():
                thread.join(10)

    def kill(self) -> None:
        """End all containers at once, from any thread, and wait until they are removed."""
        super().kill()
        self._wait_for_removals()


def labels() -> dict[str, str]:
    """The labels that name a container's owner: this process, as opposed to a later one with the same number."""
    return {LABEL: "1", f"{LABEL}.owner": f"{os.getpid()}:{_started(os.getpid())}", f"{LABEL}.machine": _machine()}


def sweep(client: Any, every: bool = False) -> list[str]:
    """Remove containers whose owner is dead (`every`: all of rlvr's). Returns their names. Those of other machines stay."""
    import docker

    swept = []
    for container in client.api.containers(all=True, filters={"label": LABEL}):
        owned = container.get("Labels", {})
        pid, _, started = owned.get(f"{LABEL}.owner", "0:0").partition(":")
        dead = owned.get(f"{LABEL}.machine") == _machine() and _started(int(pid)) != started
        if every or dead:
            with contextlib.suppress(docker.errors.APIError):  # it ended by itself
                client.api.remove_container(container["Id"], force=True)
            swept.append(container["Names"][0].lstrip("/") if container.get("Names") else container["Id"][:12])
    return swept


def _started(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


@functools.cache
def _machine() -> str:
    """This boot of this machine, and this namespace of process numbers."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{os.stat('/proc/self/ns/pid').st_ino}"


@dataclass(frozen=True, slots=True)
class ListedContainer:
    """A container of rlvr's, as the engine lists it. `owner` is the pid of the process that it belongs to."""

    name: str
    state: str
    owner: str
    image: str


def listed(client: Any) -> list[ListedContainer]:
    """rlvr's containers, whoever owns them. Raises docker's APIError."""
    return [
        ListedContainer(
            name=(each["Names"] or [each["Id"][:12]])[0].lstrip("/"),  # one that is being removed may have none
            state=each["State"],
            owner=each.get("Labels", {}).get(f"{LABEL}.owner", "").partition(":")[0],
            image=each["Image"],
        )
        for each in client.api.containers(all=True, filters={"label": LABEL})
    ]
