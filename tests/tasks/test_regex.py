"""The pack `regex`: gold answers are right, near misses wrong, splits apart, rows the same for the same seed."""

import json
import random
from collections import Counter
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("re2", reason="needs google-re2")

from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.prompt import fill, messages
from rlvr.verifiers.engine.engine import shared_engine
from rlvr.verifiers.types import Completion, Example, Status, Verdict

SIZE = 300

Row = dict[str, Any]


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack("regex")


@pytest.fixture(scope="module")
def data(pack: Pack) -> ModuleType:
    module = pack.module("data")
    assert module is not None
    return module


def example(row: Row) -> Example:
    return Example(row["id"], row["question"], row["gold"], row["category"], row["metadata"])


def verify(pack: Pack, pairs: list[tuple[Row, str]]) -> list[Verdict]:
    return shared_engine().verify_batch(pack.verifier, [(example(row), Completion(text)) for row, text in pairs])


def test_gold_answers_are_right(pack: Pack, data: ModuleType) -> None:
    rows = list(data.generate("train", SIZE, 1))
    pairs = [(row, fill(pack, pack.task.gold_completion or "", example(row), gold=row["gold"])) for row in rows]
    for (row, _), verdict in zip(pairs, verify(pack, pairs), strict=True):
        assert verdict.status is Status.CORRECT, (row["gold"], verdict.reason)


def test_near_misses_are_refused(pack: Pack, data: ModuleType) -> None:
    draw = random.Random(1)
    pairs = [(row, text) for row in data.generate("test", SIZE // 3, 2) for text in data.near_misses(row, draw)]
    assert len(pairs) > SIZE
    for (row, text), verdict in zip(pairs, verify(pack, pairs), strict=True):
        assert verdict.status in (Status.INCORRECT, Status.UNPARSED), (row["gold"], text, verdict.reason)


def test_rows_are_json_and_the_same_for_the_same_seed(data: ModuleType) -> None:
    rows = list(data.generate("train", 60, 3))
    assert rows == list(data.generate("train", 60, 3))
    assert rows != list(data.generate("train", 60, 4))
    assert json.loads(json.dumps(rows)) == rows
    before = json.dumps(rows[0])
    assert data.near_misses(rows[0], random.Random(0)) == data.near_misses(rows[0], random.Random(0))
    assert json.dumps(rows[0]) == before


def test_no_question_stands_twice_or_in_both_splits(data: ModuleType) -> None:
    train = [row["question"] for seed in (1, 2) for row in data.generate("train", SIZE, seed)]
    test = [row["question"] for row in data.generate("test", SIZE, 1)]
    assert len(set(test)) == SIZE
    assert len(set(train[:SIZE])) == SIZE
    assert not set(train) & set(test)


def test_categories_are_those_of_the_pack(pack: Pack, data: ModuleType) -> None:
    counts = Counter(row["category"] for row in data.generate("train", 60, 1))
    assert set(counts) == set(pack.task.categories)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_prompts_hold_the_question_and_not_the_answer(pack: Pack, data: ModuleType) -> None:
    for row in data.generate("train", 60, 1):
        prompt = messages(pack, example(row), [])[-1]["content"]
        assert row["question"] in prompt
        assert row["gold"] not in prompt


def test_cases_hold_hacks(pack: Pack) -> None:
    assert sum(case.expected is not Status.CORRECT for case in pack.cases) >= 15
    cases = [(case.example, case.completion) for case in pack.cases]
    verdicts = shared_engine().verify_batch(pack.verifier, cases)
    assert [verdict.status for verdict in verdicts] == [case.expected for case in pack.cases]
    shots = [(shot.example, Completion(shot.completion)) for shot in pack.shots]
    assert {v.status for v in shared_engine().verify_batch(pack.verifier, shots)} == {Status.CORRECT}
