"""The evaluation pack `svamp`: every gold answer is right, and the rows of hub and mirror give the same examples."""

from typing import Any

import pytest

from rlvr.tasks.check import check
from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.splits import load_split
from rlvr.verifiers.engine.engine import Engine

ROW: dict[str, Any] = {
    "ID": "chal-1", "Body": "Lena had 23 shells.", "Question": "How many?", "Equation": "( 23.0 )", "Type": "Addition"
}  # fmt: skip


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack("tasks/svamp")


def test_the_pack_passes_its_own_check(pack: Pack, mirror: str) -> None:
    pytest.importorskip("datasets")
    with Engine(workers=2) as engine:
        results = {result.name: result for result in check(pack, engine, mirror)}
    assert results["gold answers of test"].checked >= 300
    for result in results.values():
        assert result.ok, (result.name, result.problems[:3])


def test_categories_are_operations(pack: Pack, mirror: str) -> None:
    pytest.importorskip("datasets")
    examples = load_split(pack, "test", mirror).examples
    assert {example.category for example in examples} == set(pack.task.categories)


@pytest.mark.parametrize(("answer", "gold"), [(145.0, "145"), ("145.0", "145"), ("0.5", "0.5"), (1201565.0, "1201565")])
def test_answers_are_plain_numbers(pack: Pack, answer: object, gold: str) -> None:
    data = pack.module("data")
    assert data is not None
    assert data.to_example({**ROW, "Answer": answer})["gold"] == gold


def test_body_and_question_are_two_sentences(pack: Pack) -> None:
    data = pack.module("data")
    assert data is not None
    example = data.to_example({**ROW, "Body": "Lena had 23 shells", "Answer": 23.0})
    assert example["question"] == "Lena had 23 shells. How many?"
