"""The end of a run: everything is killed and the writable folders are emptied, and both are looked at again."""

import os
import signal
import time

FOLDERS = ("/tmp", "/work", "/dev/shm")
GRACE = 5.0  # to kill and to wipe: longer, and the sandbox is thrown away


def sweep() -> dict[int, int] | None:
    """Kill everything but this process until nothing is left: pid -> wait status of what ended, None in doubt."""
    ended: dict[int, int] = {}
    end = time.monotonic() + GRACE
    while time.monotonic() < end:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return ended
        try:
            while True:  # all that is left is dying: waiting can't take long
                pid, status = os.waitpid(-1, 0)
                ended[pid] = status
        except ChildProcessError:
            continue
    return None


def wipe(uid: int | None) -> bool:
    """Empty the writable folders as the run's uid. False where something stays."""
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
    return not any(os.listdir(folder) for folder in FOLDERS)


def remove(folder: str) -> None:
    """Remove what is in a folder: no recursion, no long paths, no links followed."""
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
