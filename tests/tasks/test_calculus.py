"""The pack `calculus`: what it makes is the same for a seed, apart between splits, solved by its answers and by no near miss."""

import random
from collections import Counter

import pytest

from rlvr.tasks.check import check
from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.samples import samples
from rlvr.tasks.splits import load_split
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.rows import example_from_row
from rlvr.verifiers.types import Completion, Status

KINDS = {"derivative", "antiderivative", "roots", "limit", "definite", "equivalent", "ode"}


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack("tasks/calculus")


def test_the_pack_passes_its_own_check(pack: Pack) -> None:
    small = pack.task.model_copy(
        update={"data": pack.task.data.model_copy(update={"generator": pack.task.data.generator.model_copy(
            update={"sizes": {"train": 120, "test": 40}})})}
    )  # fmt: skip
    with Engine(workers=2) as engine:
        for result in check(Pack(pack.folder, small), engine, None):
            assert result.ok, (result.name, result.problems[:3])


def test_cases_hold_hacks(pack: Pack) -> None:
    hacks = [case for case in pack.cases if case.why.startswith("hack")]
    assert len(hacks) >= 15
    assert all(case.expected in (Status.INCORRECT, Status.UNPARSED) for case in hacks)


def test_rows_depend_on_split_and_seed_alone(pack: Pack) -> None:
    data = pack.module("data")
    assert data is not None
    rows = {key: list(data.generate(*key)) for key in [("train", 300, 1), ("test", 300, 1), ("train", 300, 2)]}
    assert rows["train", 300, 1] == list(data.generate("train", 300, 1))
    assert rows["train", 300, 1] != rows["train", 300, 2]
    train = {row["question"] for key, split_rows in rows.items() if key[0] == "train" for row in split_rows}
    assert not train & {row["question"] for row in rows["test", 300, 1]}


def test_levels_and_kinds_are_all_there(pack: Pack) -> None:
    examples = load_split(pack, "test").examples
    assert set(Counter(example.category for example in examples).values()) == {100}
    assert {example.metadata["kind"] for example in examples} == KINDS


def test_gold_answers_are_right_and_near_misses_wrong(pack: Pack) -> None:
    draw = random.Random(3)
    for sample in samples(pack, 200, seed=3):
        assert sample.gold is not None
        verdict = pack.verifier(sample.example, sample.gold)
        assert verdict.status is Status.CORRECT, (sample.example, verdict.reason)
        assert sample.near_misses
        for near in draw.sample(sample.near_misses, 2):
            verdict = pack.verifier(sample.example, near)
            assert verdict.status in (Status.INCORRECT, Status.UNPARSED), (
                sample.example.question,
                near.text,
                verdict.reason,
            )


@pytest.mark.parametrize(
    ("question", "answer", "metadata"),
    [("Find $f'$ for $f(x) = x^2$.", r"\boxed{2x}", {"kind": "derivative", "function": "x^2"})],
)
def test_the_verifier_is_the_registered_one(pack: Pack, question: str, answer: str, metadata: dict[str, str]) -> None:
    example = example_from_row({"question": question, "gold": "", "metadata": metadata}, "here")
    assert pack.verifier.name == "calculus"
    assert pack.verifier(example, Completion(answer)).status is Status.CORRECT
