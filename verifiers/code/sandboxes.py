"""One sandbox for each event loop and configuration, kept warm between verifications and ended with the process."""

import asyncio
import atexit
import contextlib
import os
import threading
import weakref
from typing import Any

from rlvr.sandboxes import Sandbox, auto
from rlvr.sandboxes.limits import RESERVED_MB

_Loop = asyncio.AbstractEventLoop
_sandboxes: "weakref.WeakKeyDictionary[_Loop, dict[Any, Sandbox]]" = weakref.WeakKeyDictionary()
_pid = os.getpid()
DEFAULT_MB = 2048


def shared(name: str, memory_mb: int, **options: Any) -> Sandbox:
    """The running loop's sandbox of this provider, whose runs may ask for `memory_mb` MiB.

    `options` are further settings of a sandbox. Raises ConfigError for an unknown provider or option, and
    PrerequisiteError if the provider doesn't work here.
    """
    global _pid  # noqa: PLW0603 - a forked child must not use its parent's sandboxes
    if os.getpid() != _pid:
        _sandboxes.clear()
        _pid = os.getpid()
    _end_abandoned()
    of_loop = _sandboxes.setdefault(asyncio.get_running_loop(), {})
    sandbox_mb = DEFAULT_MB
    while sandbox_mb - RESERVED_MB < memory_mb:
        sandbox_mb *= 2
    key = (name, sandbox_mb, *sorted(options.items()))
    if key not in of_loop:
        of_loop[key] = auto.make(name, memory_mb=sandbox_mb, **options)
    return of_loop[key]


def _end_abandoned() -> None:
    """End the sandboxes of loops that were stopped without closing them."""
    for loop in [loop for loop in _sandboxes if not loop.is_running()]:
        for sandbox in _sandboxes.pop(loop).values():
            threading.Thread(target=sandbox.kill, daemon=True).start()


async def close_all() -> None:
    """Close the running loop's sandboxes."""
    for sandbox in _sandboxes.pop(asyncio.get_running_loop(), {}).values():
        await sandbox.close()


@atexit.register
def _kill_all() -> None:
    if os.getpid() != _pid:
        return
    for of_loop in list(_sandboxes.values()):
        for sandbox in of_loop.values():
            with contextlib.suppress(Exception):
                sandbox.kill()
    _sandboxes.clear()
