"""The evaluation pack `math500`: every gold answer is right, and each example has its subject and level."""

import pytest

from rlvr.tasks.check import check
from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.splits import load_split
from rlvr.verifiers.engine.engine import Engine

pytest.importorskip("datasets")


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack("tasks/math500")


def test_the_pack_passes_its_own_check(pack: Pack, mirror: str) -> None:
    with Engine(workers=2) as engine:
        results = {result.name: result for result in check(pack, engine, mirror)}
    assert results["gold answers of test"].checked == 500
    for result in results.values():
        assert result.ok, (result.name, result.problems[:3])


def test_examples_have_subject_and_level(pack: Pack, mirror: str) -> None:
    examples = load_split(pack, "test", mirror).examples
    assert {example.category for example in examples} == set(pack.task.categories)
    assert {example.metadata["level"] for example in examples} == {1, 2, 3, 4, 5}


def test_few_shot_examples_and_cases(pack: Pack) -> None:
    assert len(pack.shots) == 4
    assert sum(case.expected == "incorrect" for case in pack.cases) >= 10
