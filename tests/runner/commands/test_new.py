"""What `rlvr new` writes passes its own checks and tests, and the plugin installs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rlvr.errors import ConfigError
from rlvr.runner.commands.new import pack, plugin


def run(*command: str, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command of Python, with plugins from the folder `path`."""
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **({"PYTHONPATH": str(path)} if path else {})}
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def test_a_new_pack_passes(tmp_path: Path) -> None:
    assert pack("my-digits", into=tmp_path) == 0
    folder = tmp_path / "my-digits"
    assert {file.name for file in folder.iterdir()} == {
        "task.toml", "data.py", "verifier.py", "fewshot.jsonl", "cases.jsonl", "README.md", "tests",
    }  # fmt: skip
    assert not any("@NAME@" in file.read_text() for file in folder.rglob("*.*"))
    done = run("-m", "rlvr.runner.cli", "check", str(folder), "--json", cwd=tmp_path)
    checks = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    assert all(one["ok"] and one["checked"] for one in checks.values())
    assert checks["labelled cases"]["checked"] == 18
    done = run("-m", "rlvr.runner.cli", "audit", str(folder), "--seeds", "500", "--json", cwd=tmp_path)
    (summary,) = json.loads(done.stdout)["verifiers"]
    assert summary["gold_accepted"]["count"] == summary["near_misses_refused"]["count"] == 500
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", ".", cwd=folder)
    assert "8 passed" in done.stdout


def test_a_new_plugin_installs_and_passes(tmp_path: Path) -> None:
    assert plugin("tea-time", into=tmp_path) == 0
    source, target = tmp_path / "rlvr-tea-time", tmp_path / "installed"
    shutil.copytree(source, tmp_path / "copy")  # building leaves files beside the sources
    install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "--target",
        str(target),
    ]
    run(*install, str(tmp_path / "copy"), cwd=tmp_path)
    listed = run("-m", "rlvr.runner.cli", "list", "plugins", "--json", cwd=tmp_path, path=target)
    found = {one["name"]: one for one in json.loads(listed.stdout)["plugins"]}
    assert (found["tea-time"]["package"], found["tea-time"]["problem"]) == ("rlvr-tea-time", "")
    run("-m", "rlvr.runner.cli", "verify", "tea-time", "--gold", "14:30", "2:30 pm", cwd=tmp_path, path=target)
    done = run("-m", "rlvr.runner.cli", "audit", "tea-time", "--max-attacks", "0", "--json", cwd=tmp_path, path=target)
    (summary,) = json.loads(done.stdout)["verifiers"]
    assert (summary["attacks_accepted"]["total"], summary["controls_rejected"]["count"]) == (16, 0)
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", ".", cwd=source, path=target)
    assert "39 passed" in done.stdout


@pytest.mark.parametrize("write", [pack, plugin])
@pytest.mark.parametrize("name", ["", "Digits", "1st", "../up", "a b", "a/b"])
def test_names_are_checked(tmp_path: Path, write: object, name: str) -> None:
    with pytest.raises(ConfigError, match="expected lower-case letters"):
        write(name, into=tmp_path)  # type: ignore[operator]
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "digits").mkdir()
    (tmp_path / "rlvr-clock").write_text("mine")
    with pytest.raises(ConfigError, match="digits exists already; nothing was written"):
        pack("digits", into=tmp_path)
    with pytest.raises(ConfigError, match="rlvr-clock exists already; nothing was written"):
        plugin("clock", into=tmp_path)
    assert (tmp_path / "rlvr-clock").read_text() == "mine"
    assert list((tmp_path / "digits").iterdir()) == []


def test_a_verifier_of_that_name_would_collide(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a verifier is called 'math' already \(rlvr\)"):
        plugin("math", into=tmp_path)
