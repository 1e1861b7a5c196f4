"""Audits: cases, generated attacks, measuring, rates."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from rlvr.verifiers import Completion, ConfigError, Example, Status, Verdict, verifier
from rlvr.verifiers.audit import (
    AuditCase,
    AuditOutcome,
    AuditRun,
    Label,
    Rate,
    differences,
    generated_attacks,
    measure,
    read_cases,
    shipped_cases,
    summarize,
)
from rlvr.verifiers.audit.generators import generated_cases
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.plugins.registry import registry


@verifier("audited", bounded=True)
def audited(example: Example, completion: Completion, *, bare: bool = False) -> Verdict:
    """Accepts any text with the gold answer in it; a verifier that attacks break."""
    if completion.text == "boom":
        raise RuntimeError("broken")
    if completion.text == "slow":
        time.sleep(0.01)
    return Verdict.of(example.gold in completion.text, reason="bare" if bare else "searched")


def case(text: str, label: Label, gold: str = "5", **fields: str) -> AuditCase:
    return AuditCase(text, fields.pop("source", "s"), Example(text, "", gold), Completion(text), label, **fields)


def measured(cases: list[AuditCase]) -> AuditRun:
    with Engine(workers=1) as engine:
        return measure(audited, cases, engine)


def test_rates() -> None:
    run = measured(
        [
            case("5", Label.RIGHT),
            case("five", Label.RIGHT),
            case("6", Label.WRONG),
            case("not 5", Label.WRONG, source="t"),
            case("5 or 6", Label.WRONG, attack="hedging"),
            case("so 5", Label.RIGHT, attack="control"),
            case("5%", Label.WRONG, convention="a choice"),
            case("slow", Label.NO_HANG, attack="bomb"),
            case("boom", Label.WRONG),
        ]
    )
    summary = summarize(run)
    assert summary.false_accept.as_json() | {"interval": 0} == {"count": 1, "total": 2, "rate": 0.5, "interval": 0}
    assert (summary.false_reject.count, summary.false_reject.total) == (1, 2)
    assert (summary.attacks_accepted.count, summary.controls_rejected.count) == (1, 0)
    assert (summary.errors, summary.timeouts, summary.hangs, summary.cases) == (1, 0, 0, 9)
    assert [g.name for g in summary.by_source] == ["s", "t"]
    assert {w.id for w in summary.wrong} == {"five", "not 5", "5 or 6", "5%"}
    assert summary.latency_ms.max >= 10
    json.dumps(summary.as_json())


def test_a_rate_has_an_interval() -> None:
    low, high = Rate(0, 100).interval
    assert low == 0
    assert 0.03 < high < 0.04
    assert Rate(0, 0).interval == (0.0, 1.0)
    assert str(Rate(0, 0)) == "–"


def test_cases_from_rows(tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    rows = [
        {"gold": "5", "answer": "5.0", "expected": True, "kind": "pair", "source": "suite"},
        {"gold": "5", "completion": "6", "expected": "reject", "category": "numeric", "why": "another number"},
        {"gold": "5", "completion": "9^9", "expected": "no_hang"},
        {"gold": "5", "completion": "6", "expected": "incorrect"},
        {"gold": "5", "completion": "6"},
    ]
    file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    cases = read_cases(file, registry().verifier("math"))
    assert [c.label for c in cases] == [Label.RIGHT, Label.WRONG, Label.NO_HANG, Label.WRONG]
    assert [c.attack for c in cases] == ["", "numeric", "attack", ""]
    assert [c.source for c in cases] == ["suite", "some", "some", "some"]
    assert cases[0].options == {"bare": True}
    assert read_cases(file, registry().verifier("exact"))[0].options == {}


@pytest.mark.parametrize("line", ["{", "[1]", '{"completion": 1}', '{"expected": true, "gold": "5"}'])
def test_bad_rows_are_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text("\n" + line + "\n")
    if line == '{"completion": 1}':
        assert read_cases(file, audited) == []
    else:
        with pytest.raises(ConfigError, match=r"bad\.jsonl:2: "):
            read_cases(file, audited)


def test_generated_attacks_cover_the_kinds_and_math_refuses_them() -> None:
    cases = generated_attacks([case(g, Label.RIGHT, gold=g) for g in ("5", "7", "11", "40", "3.5")])
    kinds = {
        "shotgun",
        "negation",
        "contradiction",
        "empty",
        "echo",
        "padding",
        "judge_injection",
        "judge_bias",
        "format_farming",
    }
    assert {c.attack for c in cases} == kinds
    with Engine(workers=1) as engine:
        run = measure(registry().verifier("math"), cases, engine)
    assert [o.case.completion.text for o in run.outcomes if o.accepted] == []
    assert summarize(measured(cases)).attacks_accepted.count > 0


def test_differences_name_who_is_right() -> None:
    one = case("not 5", Label.WRONG)
    first = AuditRun(audited, [AuditOutcome(one, Verdict.of(True))])
    second = AuditRun(registry().verifier("math"), [AuditOutcome(one, Verdict.of(False))])
    (difference,) = differences(first, second)
    assert (difference.status, difference.other_status, difference.right) == ("correct", "incorrect", "math")


def test_two_verifiers_of_a_module_have_cases_of_their_own(tmp_path: Path) -> None:
    def generate(size: int, seed: int) -> list[dict[str, str]]:
        return [{"gold": str(seed + n), "completion": f"= {seed + n}"} for n in range(size)]

    def from_row(row: dict[str, str]) -> tuple[Example, Completion]:
        return Example("", "", row["goal"]), Completion(row["program"])

    for name, row in (
        ("one", {"gold": "1", "completion": "one"}),
        ("two", {"goal": "2", "program": "two"}),
    ):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({**row, "expected": "accept"}) + "\n")

    @verifier("one", cases=tmp_path / "one.jsonl", generate=generate, near_misses=lambda row, draw: ["7"])
    def one(example: Example, completion: Completion) -> bool:
        return True

    @verifier("two", cases=tmp_path / "two.jsonl", from_row=from_row)
    def two(example: Example, completion: Completion) -> bool:
        return True

    @verifier("three")
    def three(example: Example, completion: Completion) -> bool:
        return True

    shipped = {v.name: [(c.example.gold, c.completion.text) for c in shipped_cases(v)] for v in (one, two, three)}
    assert shipped == {"one": [("1", "one")], "two": [("2", "two")], "three": []}
    assert [c.completion.text for c in generated_cases(one, 2, 5)] == ["= 5", "7", "= 6", "7"]
    assert generated_cases(two, 2, 5) == generated_cases(three, 2, 5) == []
    with pytest.raises(ConfigError, match=r"nowhere.jsonl: No such file"):
        shipped_cases(replace(three, cases=tmp_path / "nowhere.jsonl"))


def test_the_shipped_cases_of_math() -> None:
    file = Path(str(registry().verifier("math").verify.__globals__["__file__"])).with_name("cases.jsonl")
    assert all(c.label in Label for c in read_cases(file, registry().verifier("math")))
    assert Status.CORRECT == "correct"
