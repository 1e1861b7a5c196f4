"""For tests that run programs: a provider that works here, or the reason to skip.

Without an engine, tests of `docker` are skipped, unless RLVR_REQUIRE_DOCKER=1 makes that a failure.
"""

import os

import pytest

from rlvr.errors import PrerequisiteError
from rlvr.sandboxes import docker_client
from rlvr.sandboxes.bubblewrap import find


@pytest.fixture(scope="session")
def need_provider():
    """`need_provider(name)` skips the test if this provider doesn't work here."""

    def need(name):
        try:
            if name == "docker":
                docker_client.connect().close()
            else:
                find()
        except Exception as error:
            must_run = name == "docker" and os.environ.get("RLVR_REQUIRE_DOCKER") == "1"
            if must_run or not (name == "docker" or isinstance(error, PrerequisiteError)):
                raise
            pytest.skip(str(error))

    return need


@pytest.fixture(scope="session")
def docker_engine(need_provider):
    need_provider("docker")


@pytest.fixture(scope="session", params=["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)])
def provider(request, need_provider):
    """The same test with each provider."""
    need_provider(request.param)
    return request.param
