"""What holds for every symbolic verifier: what its labelled cases say, in the engine."""

import pytest

from rlvr.verifiers.audit import AuditCase, Label, shipped_cases
from rlvr.verifiers.engine.engine import shared_engine
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.types import Status

LIBRARIES = {  # the modules that each needs
    "calculus": ["mpmath"],
    "chess": ["chess"],
    "constraints": ["z3"],
    "countdown": [],
    "graph": ["networkx"],
    "instructions": [],
    "json_schema": ["jsonschema", "re2"],
    "logic": ["lark", "pysat"],
    "reasoning_gym": ["reasoning_gym"],
    "regex": ["re2"],
    "sql": ["sqlglot", "duckdb"],
    "units": ["pint"],
}
CASES = {name: shipped_cases(registry().verifier(name)) for name in LIBRARIES}


@pytest.mark.parametrize(
    ("name", "case"),
    [(name, case) for name, cases in CASES.items() for case in cases],
    ids=lambda value: getattr(value, "id", ""),
)
def test_attacks_are_refused_and_right_answers_accepted(name: str, case: AuditCase) -> None:
    for library in LIBRARIES[name]:
        pytest.importorskip(library)
    verdict = shared_engine().verify(registry().verifier(name), case.example, case.completion)
    assert (verdict.status is Status.CORRECT) == (case.label is Label.RIGHT), verdict
    assert not verdict.status.masked, verdict


@pytest.mark.parametrize("name", CASES)
def test_there_are_attacks_enough(name: str) -> None:
    assert sum(case.label is Label.WRONG for case in CASES[name]) >= 15
