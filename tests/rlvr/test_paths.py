"""One cache folder for models and sandboxes: RLVR_CACHE, else the user's cache."""

from pathlib import Path

import pytest

from rlvr.paths import cache_folder


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({}, "HOME/.cache/rlvr"),
        ({"XDG_CACHE_HOME": "/xdg"}, "/xdg/rlvr"),
        ({"XDG_CACHE_HOME": ""}, "HOME/.cache/rlvr"),
        ({"XDG_CACHE_HOME": "/xdg", "RLVR_CACHE": "/mine"}, "/mine"),
        ({"RLVR_CACHE": ""}, "HOME/.cache/rlvr"),
    ],
)
def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], folder: str) -> None:
    for name in ("RLVR_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(folder.replace("HOME", str(Path.home())))
