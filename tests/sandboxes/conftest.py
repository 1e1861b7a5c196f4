"""What tests of sandboxes share: above all one sandbox of each provider, so that attacks and honest programs meet in it."""

import subprocess
import sys
import time

import pytest

from rlvr.sandboxes import SyncSandbox, make


@pytest.fixture(scope="session")
def sandbox(provider):
    with SyncSandbox(make(provider, workers=2)) as sandbox:
        yield sandbox


OWNER = """
import asyncio, sys
from rlvr.sandboxes import Limits, make
async def main():
    async with make(sys.argv[1], workers=1) as sandbox:
        await sandbox.ready()
        print('ready', flush=True)
        await sandbox.run('import time; time.sleep(300)', limits=Limits(time_s=300))
asyncio.run(main())
"""


@pytest.fixture
def start_owner():
    """`start_owner(provider)`: a process that holds sandboxes, each with a program in it. It is killed afterwards."""
    owners = []

    def start(name):
        owners.append(subprocess.Popen([sys.executable, "-c", OWNER, name], stdout=subprocess.PIPE))
        assert owners[-1].stdout.readline() == b"ready\n"
        return owners[-1]

    yield start
    for owner in owners:
        owner.kill()
        owner.wait()


@pytest.fixture
def until():
    """`until(condition)` waits for what takes a moment."""

    def wait(condition):
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end, "it didn't come true"
            time.sleep(0.05)

    return wait
