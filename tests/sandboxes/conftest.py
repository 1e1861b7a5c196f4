"""Both providers for the tests: `docker` is skipped with the reason without an engine, unless RLVR_REQUIRE_DOCKER=1."""

import os

import pytest

from rlvr.sandboxes import PrerequisiteError, SyncSandbox, engine, make
from rlvr.sandboxes.bubblewrap import find


def need_docker():
    try:
        engine.connect().close()
    except Exception as error:
        if os.environ.get("RLVR_REQUIRE_DOCKER") == "1":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def docker_engine():
    need_docker()


@pytest.fixture(scope="session", params=["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)])
def provider(request):
    if request.param == "docker":
        need_docker()
    else:
        try:
            find()
        except PrerequisiteError as error:
            pytest.skip(str(error))
    return request.param


@pytest.fixture(scope="session")
def sandbox(provider):
    """One sandbox of each provider for all tests, so that attacks and honest programs share it."""
    with SyncSandbox(make(provider, workers=2)) as made:
        yield made
