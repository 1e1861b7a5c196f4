"""The conformance suite, in both providers, in one sandbox each: what an attack leaves behind, the next check meets."""

import pytest

from rlvr.sandboxes import testing


@pytest.mark.parametrize("check", testing.CHECKS, ids=str)
def test_conformance(sandbox, check):
    sandbox.call(check.hold(sandbox.sandbox))


def test_the_suite_runs_on_its_own():
    """As a third party's provider runs it."""
    from rlvr.sandboxes.auto import bubblewrap

    testing.run(testing.CHECKS[0], bubblewrap)
