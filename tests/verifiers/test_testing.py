"""Every verifier of ours keeps the contract that `rlvr.verifiers.testing` checks, and the checks find those that don't."""

import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.tasks.pack import load_pack, own_packs
from rlvr.tasks.samples import samples
from rlvr.verifiers import Completion, Example, Verdict, Verifier, testing, verifier
from rlvr.verifiers.audit import Label, shipped_cases
from rlvr.verifiers.composite.composite import Composite
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.testing import Subject

PARTS = [{"name": "exact"}, {"name": "number", "mode": "lenient"}]
TESTS = {"tests": ["assert double(4) == 8"]}
WRITING = [{"kind": "lowercase"}, {"kind": "ends_with", "phrase": "the end"}, {"kind": "keywords", "words": ["fox"]}]
PROGRAM = "```python\ndef double(n):\n    return {}\n```"


def example(gold: str, **metadata: object) -> Example:
    return Example("1", "What is it?", gold, "", metadata)


# (options, right, wrong, symmetric, wrap); verifiers that are missing here are tried on their packs' and their own cases
TABLE: dict[str, tuple[dict[str, object], list[testing.Pair], list[testing.Pair], bool, str]] = {
    "exact": ({}, [(example("Paris"), " Paris\n")], [(example("Paris"), "Rome")], True, ""),
    "choice": ({}, [(example("B"), "Answer: B")], [(example("B"), "A or B"), (example("B"), "C")], False, "Answer: {}"),
    "number": ({}, [(example("1,000"), "#### 1000")], [(example("1000"), "#### 100")], False, "#### {}"),
    "math": (
        {"bare": True},
        [(example("\\frac{1}{2}"), "0.5"), (example("x+1"), "1+x"), (example("(1,2]"), "(1,2]")],
        [(example("\\frac{1}{2}"), "0.2"), (example("x+1"), "x-1"), (example("(1,2]"), "[1,2]")],
        True,
        "",
    ),
    "math-verify": ({}, [(example("$42$"), "\\boxed{42}")], [(example("$42$"), "\\boxed{41}")], False, ""),
    "code": (
        {},
        [(example("", **TESTS), PROGRAM.format("2 * n"))],
        [(example("", **TESTS), PROGRAM.format("n")), (example("", **TESTS), "8")],
        False,
        "",
    ),
    "instructions": (  # no hostile input keeps these by chance
        {},
        [(example("", constraints=WRITING), "the red fox\n\nthe end")],
        [
            (example("", constraints=WRITING), "the red fox"),
            (example("", constraints=WRITING), "The Red Fox\n\nthe end"),
        ],
        False,
        "",
    ),
    "all": ({"of": PARTS}, [(example("42"), "42")], [(example("42"), "It is 42")], False, ""),
    "any": ({"of": PARTS}, [(example("42"), "It is 42")], [(example("42"), "43")], False, ""),
    "weighted": ({"of": PARTS}, [(example("42"), "42")], [(example("42"), "It is 42")], False, ""),
    "gate": ({"of": PARTS}, [(example("42"), "42")], [(example("42"), "It is 42")], False, ""),
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(workers=2) as engine:
        yield engine


@cache
def subject(name: str) -> Subject | None:
    verifier = registry().verifier(name)
    if name in TABLE:
        options, right, wrong, symmetric, wrap = TABLE[name]
        return Subject(verifier.with_options(**options) if options else verifier, right, wrong, symmetric, wrap)
    for place in own_packs():
        of_pack = _of_pack(place, verifier)
        if of_pack is not None:
            return of_pack
    cases = shipped_cases(verifier)
    right = [(c.example, c.completion.text) for c in cases if c.label is Label.RIGHT and not c.options][:4]
    wrong = [(c.example, c.completion.text) for c in cases if c.label is Label.WRONG and not c.options][:20]
    return Subject(verifier, right, wrong, wrap="Answer: {}") if right else None


def _of_pack(place: str, verifier: Verifier) -> Subject | None:
    try:
        pack = load_pack(place)
        if not pack.task.data.generator or verifier.name not in [v.name for v in pack.verifiers.values()]:
            return None
        drawn = samples(pack, 8)
    except (ConfigError, PrerequisiteError):
        return None
    right = [(s.example, s.gold.text) for s in drawn if s.gold is not None]
    wrong = [(s.example, miss.text) for s in drawn for miss in s.near_misses[:2]]
    wrap = (pack.task.gold_completion or "").replace("{gold}", "{}")
    return Subject(pack.verifier_for(drawn[0].example), right, wrong, wrap=wrap) if right else None


@pytest.mark.parametrize("check", testing.CHECKS, ids=str)
@pytest.mark.parametrize("name", sorted(registry().verifiers))
def test_every_verifier_keeps_the_contract(name: str, check: testing.ContractCheck, engine: Engine) -> None:
    if registry().owners["verifier", name] != "rlvr":
        pytest.skip("a plugin's")
    if name == "code":
        from rlvr.sandboxes.auto import choose

        try:
            choose()
        except PrerequisiteError as error:
            pytest.skip(str(error))
    tested = subject(name)
    assert tested is not None, f"no right answers for {name!r}: add some to its cases, or to TABLE"
    testing.run(check, tested, engine)


# ---- the checks find what is wrong


@verifier("sound", bounded=True)
def sound(example: Example, completion: Completion) -> Verdict:
    return Verdict.of(completion.text == example.gold, reason="compared")


@verifier("generous", bounded=True)
def generous(example: Example, completion: Completion) -> bool:
    return example.gold in completion.text or len(completion.text) > 1000


@verifier("raises", bounded=True)
def raises(example: Example, completion: Completion) -> bool:
    return bool(completion.text.encode() == example.gold.encode())


@verifier("moody", bounded=True)
def moody(example: Example, completion: Completion) -> Verdict:
    return Verdict.of(completion.text == example.gold, reason=str(random.random()))


@verifier("slow", bounded=True, deadline_s=0.2)
def slow(example: Example, completion: Completion) -> bool:
    while completion.text == "nan":
        pass
    return completion.text == example.gold


@verifier("wordless", bounded=True)
def wordless(example: Example, completion: Completion) -> Verdict:
    return Verdict.of(completion.text == example.gold, parts_of=Path("x"))


@verifier("one-way", bounded=True)
def one_way(example: Example, completion: Completion) -> Verdict:
    return Verdict.of(completion.text.startswith(example.gold), reason="begins with it")


RIGHT, WRONG = [(example("6 x 7"), "6 x 7")], [(example("6 x 7"), "6 x 8")]


def test_a_sound_verifier_passes(engine: Engine) -> None:
    for check in testing.CHECKS:
        testing.run(check, Subject(sound, RIGHT, WRONG, symmetric=True, wrap="#### {}"), engine)


@pytest.mark.parametrize(
    ("name", "broken", "message"),
    [
        ("right and wrong", Subject(sound, WRONG), "expected correct: sound: gold '6 x 7', completion '6 x 8'"),
        ("right and wrong", Subject(sound, RIGHT, RIGHT), "expected incorrect or unparsed: sound"),
        ("total on hostile inputs", Subject(generous, RIGHT), "generous: .*many words: correct"),
        ("total on hostile inputs", Subject(raises, RIGHT), "raises: lone surrogates: error: UnicodeEncodeError"),
        ("deterministic", Subject(moody, RIGHT), "gold '6 x 7', completion '6 x 7'"),
        ("bounded", Subject(slow, RIGHT), "slow is declared bounded: not a number: no verdict within"),
        ("symmetric where claimed", Subject(one_way, [(example("6"), "6 x")], symmetric=True), "swapped: gold '6 x'"),
    ],
)
def test_what_breaks_the_contract_is_named(name: str, broken: Subject, message: str, engine: Engine) -> None:
    check = next(check for check in testing.CHECKS if str(check) == name)
    with pytest.raises(AssertionError, match=message):
        testing.run(check, broken, engine)


def test_parts_must_be_json(engine: Engine) -> None:
    check = next(check for check in testing.CHECKS if str(check) == "plain verdicts")
    with pytest.raises(TypeError, match="not JSON serializable"):
        testing.run(check, Subject(wordless, RIGHT), engine)


def test_composites_are_verifiers_too() -> None:
    assert isinstance(registry().verifier("gate"), Composite)


def test_something_right_is_needed(engine: Engine) -> None:
    with pytest.raises(AssertionError, match="give at least one pair that it accepts"):
        testing.run(testing.CHECKS[0], Subject(sound, []), engine)
