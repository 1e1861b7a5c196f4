"""One sandbox for each event loop and configuration, kept warm between verifications and ended with the process."""

import asyncio
import atexit
import contextlib
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any

from rlvr.sandboxes import Sandbox, auto

_Loop = asyncio.AbstractEventLoop
_pools: "weakref.WeakKeyDictionary[_Loop, dict[Any, Sandbox]]" = weakref.WeakKeyDictionary()
_pid = os.getpid()
DEFAULT_MB = 2048


def shared(name: str, memory_mb: int, **options: Any) -> Sandbox:
    """The running loop's sandbox of this provider. Raises ConfigError and PrerequisiteError."""
    global _pid  # noqa: PLW0603 - a forked child must not use its parent's sandboxes
    if os.getpid() != _pid:
        _pools.clear()
        _pid = os.getpid()
    _end_abandoned()
    mine = _pools.setdefault(asyncio.get_running_loop(), {})
    needed = DEFAULT_MB
    while needed - 32 < memory_mb:
        needed *= 2
    key = (name, needed, *sorted(options.items()))
    if key not in mine:
        mine[key] = auto.make(name, _providers(), memory_mb=needed, **options)
    return mine[key]


def _end_abandoned() -> None:
    """End the sandboxes of loops that were stopped without closing them."""
    for loop in [loop for loop in _pools if not loop.is_running()]:
        for sandbox in _pools.pop(loop).values():
            threading.Thread(target=sandbox.kill, daemon=True).start()


def _providers() -> dict[str, Callable[..., Sandbox]]:
    from rlvr.verifiers.plugins.registry import registry

    return registry().sandboxes


async def close_all() -> None:
    """Close the running loop's sandboxes."""
    for sandbox in _pools.pop(asyncio.get_running_loop(), {}).values():
        await sandbox.close()


@atexit.register
def _kill_all() -> None:
    if os.getpid() != _pid:
        return
    for mine in list(_pools.values()):
        for sandbox in mine.values():
            with contextlib.suppress(Exception):
                sandbox.kill()
    _pools.clear()
