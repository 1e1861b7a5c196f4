"""The shared labelled programs, in both providers: no attack is paid, and every honest program gets its exact score."""

import json
import tempfile
from pathlib import Path

import pytest

from rlvr.verifiers.code import code, pair_from_program
from rlvr.verifiers.engine.engine import shared_engine

CASES = Path(__file__).parents[4] / "shared" / "cases"


def verdicts(name, provider):
    path = CASES / name
    if not path.exists():
        pytest.skip(f"{path} isn't there")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    verifier = code.with_options(sandbox=provider)
    futures = [shared_engine().submit(verifier, *pair_from_program(row)) for row in rows]
    return [(row, future.result()) for row, future in zip(rows, futures, strict=True)]


def test_honest_programs(provider):
    found = verdicts("code_honest.jsonl", provider)
    wrong = [(row["name"], row["expected_fraction"], v) for row, v in found if v.score != row["expected_fraction"]]
    assert not wrong
    assert not [row["name"] for row, v in found if v.status.masked]


def test_attacks(provider):
    found = verdicts("code_attacks.jsonl", provider)
    assert not [(row["name"], v) for row, v in found if v.score > row["max_reward"]]
    assert not [(row["name"], v) for row, v in found if v.status.masked]  # nor is an attack an infrastructure error
    assert not [(row["name"], v) for row, v in found if "BREACH" in json.dumps(v.parts)]
    for row, _ in found:
        if row.get("canary"):
            assert not (Path(tempfile.gettempdir()) / row["canary"]).exists()
            assert not Path(row["canary"]).exists()
