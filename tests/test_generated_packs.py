"""Packs generated from a seed: gold answers are accepted, near misses refused, the splits share no question.

What is particular to a pack is tested in a file of its own.
"""

import importlib.util
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.prompt import fill, messages
from rlvr.verifiers.engine.engine import shared_engine
from rlvr.verifiers.types import Completion, Example, Status, Verdict

NEEDS = {  # pack -> the library of its verifier
    "countdown": "", "graph": "networkx", "instructions": "", "json_extract": "jsonschema", "knights_knaves": "z3",
    "regex": "re2", "sql": "sqlglot", "sudoku": "z3",
}  # fmt: skip
SIZES = {"sql": 120, "json_extract": 300, "regex": 300, "instructions": 300}  # rows of a split; 240 if not named
REASONED = {"countdown", "graph", "knights_knaves", "sudoku"}  # few-shot completions reason before they answer
DEADLINE_S = 120.0  # on a busy machine a slow verdict must not become `timeout`

Row = dict[str, Any]


@pytest.fixture(scope="module", params=NEEDS)
def pack(request: pytest.FixtureRequest) -> Pack:
    library = NEEDS[request.param]
    if library and importlib.util.find_spec(library) is None:
        pytest.skip(f"needs {library}: pip install 'rlvr[symbolic]'")
    return load_pack(request.param)


@pytest.fixture(scope="module")
def size(pack: Pack) -> int:
    return SIZES.get(pack.name, 240)


def data(pack: Pack) -> ModuleType:
    module = pack.module("data")
    assert module is not None
    return module


def rows(pack: Pack, split: str, size: int, seed: int = 11) -> list[Row]:
    return list(data(pack).generate(split, size, seed))


def example(row: Row) -> Example:
    return Example(row["id"], row["question"], row["gold"], row["category"], row["metadata"])


def verify(pack: Pack, pairs: Sequence[tuple[Example, Completion]]) -> list[Verdict]:
    return shared_engine().verify_batch(replace(pack.verifier, deadline_s=DEADLINE_S), pairs)


def test_gold_answers_are_accepted(pack: Pack, size: int) -> None:
    template = pack.task.gold_completion or ""
    for split in ("train", "test"):
        examples = [example(row) for row in rows(pack, split, size)]
        pairs = [(e, Completion(fill(pack, template, e, gold=e.gold))) for e in examples]
        for (e, _), verdict in zip(pairs, verify(pack, pairs), strict=True):
            assert verdict.status is Status.CORRECT, (e.gold, verdict.reason)


def test_near_misses_are_refused(pack: Pack, size: int) -> None:
    draw = random.Random(0)
    answered, least = (size, 5) if pack.name in REASONED else (size // 3, 3)  # rows, near misses a row
    pairs = [
        (example(row), Completion(text))
        for row in rows(pack, "test", answered)
        for text in data(pack).near_misses(row, draw)
    ]
    assert len(pairs) > least * answered
    for (e, completion), verdict in zip(pairs, verify(pack, pairs), strict=True):
        assert verdict.status in (Status.INCORRECT, Status.UNPARSED), (e.gold, completion.text, verdict.reason)


def test_near_misses_depend_on_the_seed_alone_and_leave_the_row(pack: Pack) -> None:
    near_misses = data(pack).near_misses
    for row in rows(pack, "test", 24):
        before = json.dumps(row)
        assert near_misses(row, random.Random(3)) == near_misses(row, random.Random(3))
        assert json.dumps(row) == before


def test_rows_are_json_and_all_different(pack: Pack, size: int) -> None:
    train = rows(pack, "train", size)
    assert json.loads(json.dumps(train)) == train
    assert len(train) == size
    assert len({row["id"] for row in train}) == len({row["question"] for row in train}) == size


def test_categories_are_those_of_the_pack_in_equal_parts(pack: Pack, size: int) -> None:
    counts = Counter(row["category"] for row in rows(pack, "test", size))
    assert set(counts) == set(pack.task.categories)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_the_splits_share_no_question_whatever_the_seeds(pack: Pack, size: int) -> None:
    test = {row["question"] for seed in (1, 2) for row in rows(pack, "test", size, seed)}
    train = {row["question"] for seed in (1, 2, 3) for row in rows(pack, "train", 2 * size, seed)}
    assert not test & train


def test_a_seed_gives_the_same_rows_in_every_process(pack: Pack) -> None:
    program = (
        "import json, sys; from rlvr.tasks.pack import load_pack; "
        f"print(json.dumps(list(load_pack({pack.name!r}).module('data').generate('test', 24, 5))))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], env={**os.environ, "PYTHONHASHSEED": "7"}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == rows(pack, "test", 24, 5)
    assert rows(pack, "test", 24, 6) != rows(pack, "test", 24, 5)


def test_few_shot_examples_are_right_and_in_no_test_split(pack: Pack, size: int) -> None:
    test = {row["question"] for row in rows(pack, "test", 2 * size)}
    assert len(pack.shots) >= 2
    verdicts = verify(pack, [(shot.example, Completion(shot.completion)) for shot in pack.shots])
    assert {verdict.status for verdict in verdicts} == {Status.CORRECT}
    for shot in pack.shots:
        assert shot.example.question not in test
        assert shot.completion not in str(messages(pack, shot.example, []))
        if pack.name in REASONED:
            assert len(shot.completion.partition("nswer")[0]) > 20


def test_prompts_hold_the_question_and_not_the_answer(pack: Pack) -> None:
    for row in rows(pack, "train", 60, 1):
        prompt = messages(pack, example(row), [])[-1]["content"]
        assert row["question"] in prompt
        assert pack.name in REASONED or row["gold"] not in prompt  # theirs may be a part of the puzzle's text
        if pack.name in REASONED:
            assert "Answer:" in prompt or "<answer>" in prompt


def test_labelled_cases_hold(pack: Pack) -> None:
    assert sum(case.expected is not Status.CORRECT for case in pack.cases) >= 15
    if pack.name in REASONED:
        assert sum("hack" in case.why for case in pack.cases) >= 8
    for case, verdict in zip(pack.cases, verify(pack, [(c.example, c.completion) for c in pack.cases]), strict=True):
        assert verdict.status is case.expected, (case.completion.text, verdict)
