"""One sandbox of each provider for all tests, so that attacks and honest programs share it."""

import pytest

from rlvr.sandboxes import SyncSandbox, make


@pytest.fixture(scope="session")
def sandbox(provider):
    with SyncSandbox(make(provider, workers=2)) as sandbox:
        yield sandbox
