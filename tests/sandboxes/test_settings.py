"""Settings are checked once, whoever makes the sandbox."""

import pytest

from rlvr.errors import ConfigError
from rlvr.sandboxes import SandboxSettings


@pytest.mark.parametrize(("name", "value"), [("workers", 0), ("workers", -1), ("memory_mb", 63), ("recycle", 0)])
def test_what_is_out_of_range(name, value):
    with pytest.raises(ConfigError, match=f"{name} = {value}: expected a positive number"):
        SandboxSettings(**{name: value})


def test_defaults():
    settings = SandboxSettings(packages=["numpy"])
    assert settings.workers >= 1
    assert settings.packages == ("numpy",)
    assert settings.largest_memory_limit_mb == settings.memory_mb - 32
