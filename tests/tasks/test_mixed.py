"""The pack `mixed`: math, logic and code in one split, each example with its own pack's prompt and verifier."""

from collections import Counter

import pytest

pytest.importorskip("datasets")
pytest.importorskip("pysat")

from rlvr.errors import PrerequisiteError
from rlvr.sandboxes.auto import choose
from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.prompt import gold_completion, plain
from rlvr.tasks.splits import load_split
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.types import Completion, Example, Status

SHARES = {"gsm8k": 60, "calculus": 40, "knights_knaves": 40, "countdown": 20, "graph": 20, "mbpp": 20}


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack("tasks/mixed")


@pytest.fixture(scope="module")
def examples(pack: Pack, mirror: str) -> list[Example]:
    return load_split(pack, "test", mirror).examples


def some(examples: list[Example], each: int, without: str = "") -> list[Example]:
    """A few of each category."""
    collected: list[Example] = []
    for name in SHARES:
        collected += [example for example in examples if example.category == name != without][:each]
    return collected


def test_categories_are_the_packs_in_their_shares(examples: list[Example]) -> None:
    assert Counter(example.category for example in examples) == SHARES


def test_each_example_has_its_own_verifier_and_prompt(pack: Pack, examples: list[Example]) -> None:
    verifiers = {example.category: pack.verifier_for(example).name for example in examples}
    assert verifiers == {
        "gsm8k": "number", "calculus": "calculus", "knights_knaves": "logic", "countdown": "countdown", "graph": "graph",
        "mbpp": "code",
    }  # fmt: skip
    prompts = {example.category: plain(pack, example, []) for example in some(examples, 1)}
    assert "####" in prompts["gsm8k"]
    assert "\\boxed" in prompts["calculus"]
    assert "fenced block" in prompts["mbpp"]


def test_gold_answers_are_right_and_those_of_others_wrong(pack: Pack, examples: list[Example]) -> None:
    chosen = some(examples, 8, without="mbpp")
    golds = [gold_completion(pack, example) or Completion("") for example in chosen]
    with Engine(workers=2) as engine:
        for example, verdict in zip(chosen, pack.verify_batch(engine, zip(chosen, golds, strict=True)), strict=True):
            assert verdict.status is Status.CORRECT, (example.id, verdict)
        others = [(a, golds[-1 - i]) for i, a in enumerate(chosen) if a.category != chosen[-1 - i].category]
        for verdict in pack.verify_batch(engine, others):
            assert verdict.status in (Status.INCORRECT, Status.UNPARSED)


def test_code_is_verified_in_a_sandbox(pack: Pack, examples: list[Example]) -> None:
    try:
        choose()
    except PrerequisiteError as error:
        pytest.skip(str(error))
    chosen = [example for example in examples if example.category == "mbpp"][:3]
    with Engine(workers=1) as engine:
        right = pack.verify_batch(engine, [(e, gold_completion(pack, e) or Completion("")) for e in chosen])
        wrong = pack.verify_batch(
            engine, [(e, Completion("```python\nprint('all tests passed')\n```")) for e in chosen]
        )
    assert {verdict.status for verdict in right} == {Status.CORRECT}
    assert Status.CORRECT not in {verdict.status for verdict in wrong}
    assert Status.ERROR not in {verdict.status for verdict in wrong}
