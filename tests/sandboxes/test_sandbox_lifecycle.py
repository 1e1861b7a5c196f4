"""Sandboxes are replaced and closed, and are never left behind."""

import asyncio
import os
from pathlib import Path

import pytest

from rlvr.errors import ConfigError, SandboxError
from rlvr.sandboxes import (
    Limits,
    container,
    docker_client,
    make,
)
from rlvr.sandboxes.testing import honest


def test_nothing_is_left_after_close(provider, until):
    names = []

    async def main():
        async with make(provider, workers=2) as sandbox:
            await honest(sandbox)
            await sandbox.ready()
            names.extend(slot.name for slot in sandbox.slots)

    asyncio.run(main())
    assert len(names) == 3
    if provider == "docker":
        client = docker_client.connect()
        identities = {name.partition("-")[2] for name in names}
        until(lambda: not identities & {each["Id"][:12] for each in client.api.containers(all=True)})
    else:
        assert not [name for name in names if os.path.exists(f"/proc/{name.partition('-')[2]}")]


def test_slots_are_replaced_after_some_runs(provider):
    async def main():
        async with make(provider, workers=1, recycle=3) as sandbox:
            for _ in range(10):
                await honest(sandbox)
            assert sandbox.launched >= 4

    asyncio.run(main())


def test_a_broken_sandbox_is_an_error_and_the_next_run_goes_on(provider):
    async def main():
        async with make(provider, workers=1) as sandbox:
            await honest(sandbox)
            running = asyncio.ensure_future(sandbox.run("import time; time.sleep(60)", limits=Limits(time_s=60)))
            await asyncio.sleep(0.3)
            for slot in sandbox.slots:
                slot.kill()
            with pytest.raises(SandboxError):
                await running
            await asyncio.sleep(0.2)  # until the idle ones are seen to be gone as well
            await honest(sandbox)

    asyncio.run(main())


def test_nothing_runs_after_bad_input(provider, until):
    """Each ends in one line; no sandbox is left behind by any."""
    client = docker_client.connect() if provider == "docker" else None

    def running():
        if provider == "docker":
            return {each.name for each in container.listed(client) if each.owner == str(os.getpid())}
        return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())

    async def bad(options, limits):
        async with make(provider, workers=1, **options) as sandbox:
            await sandbox.run("print(1)", limits=limits)

    before = running()
    for options, limits in [
        ({"packages": ("--no",)}, Limits()),
        ({}, Limits(time_s=-1)),
        ({}, Limits(memory_mb=1 << 20)),
        ({}, Limits(output_bytes=0)),
        ({}, Limits(processes=0)),
        ({}, Limits(after_timeout_s=-1)),
    ]:
        with pytest.raises(ConfigError) as error:
            asyncio.run(bad(options, limits))
        assert len(str(error.value).splitlines()) == 1
    until(lambda: running() <= before)


def test_memory_over_what_the_sandbox_has(provider):
    with pytest.raises(ConfigError, match="memory_limit_mb = 4096"):
        asyncio.run(make(provider, workers=1).run("print(1)", limits=Limits(memory_mb=4096)))
