"""`rlvr list`: what is installed, ours and of plugins; a broken pack is listed with what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rlvr.tasks import pack as packs
from rlvr.verifiers.plugins.registry import registry

Run = Callable[..., tuple[int, str, str]]


def listed(run: Run, what: str) -> list[dict[str, str]]:
    code, out, err = run("list", what, "--json")
    assert (code, err) == (0, "")
    rows = json.loads(out)
    assert list(rows) == [what]
    return rows[what]


def test_packs(run: Run) -> None:
    rows = {row["name"]: row for row in listed(run, "packs")}
    assert rows["addition"]["verifier"] == "exact"
    assert rows["addition"]["license"] == "Apache-2.0"
    assert rows["addition"]["plugin"] == "rlvr"
    assert Path(rows["addition"]["folder"], "task.toml").is_file()
    assert "gsm8k" in rows["mixed"]["verifier"]  # a mixture: its packs


def test_a_broken_pack_is_listed_with_what_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("mine/task.toml").write_text("name =")
    monkeypatch.setattr(packs, "packs", lambda: {"mine": Path("mine")})
    (row,) = listed(run, "packs")
    assert row["name"] == "mine"
    assert row["description"].startswith("ConfigError: mine/task.toml: not valid TOML")
    assert "not valid TOML" in " ".join(run("list", "packs")[2].split())


def test_verifiers(run: Run) -> None:
    rows = {row["name"]: row for row in listed(run, "verifiers")}
    assert set(rows) == set(registry().verifiers)
    assert "mode" in rows["number"]["options"]
    assert rows["number"]["runs in"] == "caller's thread"
    assert rows["math"]["runs in"] == "worker process"
    assert rows["code"]["runs in"] == "event loop"
    assert rows["gate"]["runs in"] == "as its parts"


def test_sandboxes(run: Run) -> None:
    assert {row["name"] for row in listed(run, "sandboxes")} >= {"bubblewrap", "docker"}


def test_plugins(run: Run) -> None:
    assert [row["name"] for row in listed(run, "plugins")] == [plugin.name for plugin in registry().plugins]


def test_tables_go_to_stderr(run: Run) -> None:
    code, out, err = run("list", "verifiers")
    assert (code, out) == (0, "")
    assert "caller's thread" in " ".join(err.split())
