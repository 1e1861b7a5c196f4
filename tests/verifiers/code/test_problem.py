"""What metadata and rows may say about a problem, and what is refused."""

import pytest

from rlvr.errors import ConfigError
from rlvr.verifiers.code.problem import CodeProblem, pair_from_program

TESTS = ["assert f(1) == 2", "assert f(2) == 3", "assert f(-1) == 0"]


def test_rows():
    example, completion = pair_from_program({"program": "x", "kind": "function", "tests": TESTS, "entry_point": "f"})
    assert example.metadata == {"raw": True, "kind": "function", "tests": TESTS, "entry_point": "f"}
    assert completion.text == "x"
    assert "raw" not in pair_from_program({"completion": "x", "tests": TESTS})[0].metadata
    for row in ({}, {"program": 5}, {"program": "x", "kind": "shell"}):
        with pytest.raises(ConfigError):
            pair_from_program(row)


def test_fields_of_a_row_may_be_in_its_metadata():
    row = {"metadata": {"tests": TESTS, "entry_point": "g", "topic": "x"}, "entry_point": "f", "completion": "x"}
    assert pair_from_program(row)[0].metadata == {"tests": TESTS, "entry_point": "f", "topic": "x"}


MISSPELT = [
    ("tets", "tests"), ("test", "tests"), ("Tests", "tests"), ("hidden_tests", "hidden"), ("public_tests", "visible"),
    ("private_test_cases", "hidden"), ("test_cases", "tests"), ("case", "cases"), ("entrypoint", "entry_point"),
    ("time_limit", "time_limit_s"), ("memory_limit", "memory_limit_mb"), ("tolerence", "tolerance"), ("checkers", "checker"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "field"), MISSPELT)
def test_misspelt_keys_are_refused_by_name(key, field):
    for make in (CodeProblem.from_metadata, lambda row: pair_from_program({"program": "x", **row})):
        with pytest.raises(ConfigError, match=f"no field '{key}'; did you mean '{field}'"):
            make({"visible": TESTS, key: TESTS})


@pytest.mark.parametrize(
    "key",
    ["task_id", "case_id", "test_id", "id", "class", "category", "difficulty", "source", "topic", "style", "why", "canary",
     "expected_fraction", "max_reward", "signature", "docstring", "test_list", "tests_passed", "test_imports", "language", "row"],
)  # fmt: skip
def test_other_keys_are_the_packs_own(key):
    assert CodeProblem.from_metadata({"tests": TESTS, key: "x"}).tests == tuple(TESTS)


def test_values():
    problem = CodeProblem.from_metadata({"tests": "assert f(1)", "entry_point": None, "time_limit_s": 2, "cases": None})
    assert (problem.tests, problem.entry_point, problem.time_limit_s, problem.cases) == (("assert f(1)",), "", 2.0, ())


@pytest.mark.parametrize(
    "metadata",
    [
        {"kind": "shell"},
        {"tests": 5},
        {"tests": {"stdin": "1"}},
        {"tolerance": "small"},
        {"time_limit_s": "nan"},
        {"memory_limit_mb": []},
    ],
)
def test_wrong_values_are_refused_by_name(metadata):
    with pytest.raises(ConfigError, match=f"{next(iter(metadata))} = "):
        CodeProblem.from_metadata(metadata)
