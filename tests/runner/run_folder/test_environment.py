"""environment.json: what every run records, and what is read of what older runs didn't record."""

import json
import sys
from pathlib import Path

import pytest

from rlvr.runner.run_folder.environment import Environment, surroundings
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig

RECORDED = {
    "model": {"name": "tiny", "origin": "here"}, "backend": "vllm", "pack_folder": "/packs/sums",
    "data": {"train": {"source": "hub"}, "test": None}, "verifier": {"name": "number"},
    "contamination": {"questions": 9, "equal": ["a", "b"], "similar": {}},
}  # fmt: skip


def test_what_every_run_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["rlvr", "run", "addition"])
    recorded = surroundings()
    assert recorded["command"] == ["run", "addition"]
    assert "sympy" in recorded["packages"]
    assert recorded["processors"] >= 1
    assert json.loads(json.dumps(recorded)) == recorded


def test_what_is_read() -> None:
    environment = Environment.from_json(RECORDED)
    assert (environment.model, environment.model_origin, environment.backend) == ("tiny", "here", "vllm")
    assert (environment.verifier, environment.pack_folder) == ({"name": "number"}, "/packs/sums")
    assert environment.train_data == {"source": "hub"}
    assert (environment.eval_examples, environment.contaminated) == (9, ("a", "b"))
    assert environment.table is RECORDED


@pytest.mark.parametrize("table", [{}, {"model": None, "data": None, "contamination": None, "pack_folder": None}])
def test_what_an_older_run_did_not_record_is_empty(table: dict[str, object]) -> None:
    environment = Environment.from_json(table)
    assert (environment.model, environment.verifier, environment.pack_folder) == (None, None, "")
    assert (environment.train_data, environment.eval_examples, environment.contaminated) == ({}, 0, ())


def test_what_is_known_later_is_recorded_beside_the_rest(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "sums", "tiny", RunConfig(), {"backend": "vllm"})
    folder.add_to_environment(shared_prefixes="shared prefixes: on")
    environment = folder.environment()
    assert (environment.backend, environment.shared_prefixes) == ("vllm", "shared prefixes: on")
    assert "started" in environment.table
