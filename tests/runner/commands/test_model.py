"""`rlvr model pull`: a model's name becomes a folder, which is printed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("transformers")
pytestmark = pytest.mark.train

Run = Callable[..., tuple[int, str, str]]


def test_the_tiny_model_is_made(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLVR_CACHE", str(tmp_path / "cache"))
    code, out, _ = run("model", "pull", "tiny")
    assert code == 0
    assert Path(out.strip()).is_relative_to(tmp_path / "cache")
    assert (Path(out.strip()) / "config.json").is_file()
    code, text, _ = run("model", "pull", "tiny", "--json")
    model = json.loads(text)
    assert (code, model["name"], model["path"]) == (0, "tiny", out.strip())
    assert "random weights" in model["origin"]


def test_a_folder_that_is_no_model(run: Run) -> None:
    code, out, err = run("model", "pull", "mine")
    assert (code, out) == (2, "")
    assert "mine: the folder has no config.json, so it holds no model" in err
