"""The end of a run: kill everything, empty the writable folders, and check that both worked."""

import os
import signal
import time

FOLDERS = ("/tmp", "/work", "/dev/shm")
GRACE = 5.0  # seconds to kill and to wipe; a sandbox that needs longer is thrown away


def sweep() -> dict[int, int] | None:
    """Kill every other process until none is left. Returns pid -> wait status of those that ended, None if in doubt."""
    ended: dict[int, int] = {}
    end = time.monotonic() + GRACE
    while time.monotonic() < end:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return ended
        try:
            while True:  # what is left is dying, so waiting can't take long
                pid, status = os.waitpid(-1, 0)
                ended[pid] = status
        except ChildProcessError:
            continue
    return None


def wipe(uid: int | None) -> bool:
    """Empty the writable folders as the run's uid. Returns whether they are empty."""
    if empty():
        return True
    pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(int(GRACE))
            if uid is not None:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
            for folder in FOLDERS:
                remove(folder)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return empty()


def empty() -> bool:
    """Whether the writable folders hold nothing."""
    return not any(os.listdir(folder) for folder in FOLDERS)


def remove(folder: str) -> None:
    """Remove a folder's contents: no recursion, no long paths, no links followed. Raises OSError if something stays."""
    os.chdir(folder)
    depth = 0
    while True:
        deeper = False
        for name in os.listdir("."):
            try:
                os.unlink(name)
                continue
            except OSError:
                pass
            try:
                os.rmdir(name)
            except OSError:
                os.chmod(name, 0o700)
                os.chdir(name)
                depth, deeper = depth + 1, True
                break
        if not deeper:
            if not depth:
                return
            os.chdir("..")
            depth -= 1
