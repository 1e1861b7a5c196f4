"""Packs that are made from a seed: right answers are accepted, near misses refused, and the splits don't meet.

What is special to a pack stands in its own file.
"""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

pytest.importorskip("networkx")
pytest.importorskip("z3")

from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.prompt import fill, messages
from rlvr.verifiers.types import Completion, Example, Status, Verdict

NAMES = ["countdown", "graph", "knights_knaves", "sudoku"]
SIZE = 240

Row = dict[str, Any]


@pytest.fixture(scope="module", params=NAMES)
def pack(request: pytest.FixtureRequest) -> Pack:
    return load_pack(request.param)


def rows(pack: Pack, split: str, size: int = SIZE, seed: int = 11) -> list[Row]:
    return list(pack.module("data").generate(split, size, seed))  # type: ignore[union-attr]


def example(row: Row) -> Example:
    return Example(row["id"], row["question"], row["gold"], row["category"], row["metadata"])


def verify(pack: Pack, row: Row, text: str) -> Verdict:
    return pack.verifier(example(row), Completion(text))  # type: ignore[no-any-return]


def test_gold_answers_are_accepted(pack: Pack) -> None:
    for split in ("train", "test"):
        for row in rows(pack, split):
            text = fill(pack, pack.task.gold_completion or "", example(row), gold=row["gold"])
            verdict = verify(pack, row, text)
            assert verdict.status is Status.CORRECT, (row, verdict)


def test_near_misses_are_refused(pack: Pack) -> None:
    draw = random.Random(0)
    tried = 0
    for row in rows(pack, "test"):
        for text in pack.module("data").near_misses(row, draw):  # type: ignore[union-attr]
            verdict = verify(pack, row, text)
            assert verdict.status in (Status.INCORRECT, Status.UNPARSED), (text, row, verdict)
            tried += 1
    assert tried > 5 * SIZE


def test_near_misses_are_what_their_seed_says(pack: Pack) -> None:
    near_misses = pack.module("data").near_misses  # type: ignore[union-attr]
    for row in rows(pack, "test", 24):
        before = json.dumps(row)
        assert near_misses(row, random.Random(3)) == near_misses(row, random.Random(3))
        assert json.dumps(row) == before  # the row is left alone


def test_rows_are_json_and_all_different(pack: Pack) -> None:
    made = rows(pack, "train")
    assert json.loads(json.dumps(made)) == made
    assert len(made) == SIZE
    assert len({row["id"] for row in made}) == len({row["question"] for row in made}) == SIZE


def test_categories_are_those_of_the_pack_in_equal_parts(pack: Pack) -> None:
    counts = Counter(row["category"] for row in rows(pack, "test"))
    assert set(counts) == set(pack.task.categories)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_the_splits_do_not_meet_whatever_the_seeds(pack: Pack) -> None:
    test = {row["question"] for seed in (1, 2) for row in rows(pack, "test", seed=seed)}
    train = {row["question"] for seed in (1, 2, 3) for row in rows(pack, "train", 2 * SIZE, seed)}
    assert not test & train


def test_a_seed_makes_the_same_rows_in_every_process(pack: Pack) -> None:
    program = (
        "import json, sys; from rlvr.tasks.pack import load_pack; "
        f"print(json.dumps(list(load_pack({pack.name!r}).module('data').generate('test', 24, 5))))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], env={**os.environ, "PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert json.loads(done.stdout) == rows(pack, "test", 24, 5)
    assert rows(pack, "test", 24, 6) != rows(pack, "test", 24, 5)


def test_worked_examples_are_right_reason_and_stand_in_no_test_split(pack: Pack) -> None:
    test = {row["question"] for row in rows(pack, "test", 2 * SIZE)}
    assert len(pack.shots) >= 2
    for shot in pack.shots:
        assert pack.verifier(shot.example, Completion(shot.completion)).status is Status.CORRECT
        assert shot.example.question not in test
        assert len(shot.completion.partition("nswer")[0]) > 20
        assert shot.completion not in str(messages(pack, shot.example, []))


def test_labelled_cases_hold(pack: Pack) -> None:
    assert sum("hack" in case.why for case in pack.cases) >= 8
    assert sum(case.expected is not Status.CORRECT for case in pack.cases) >= 15
    for case in pack.cases:
        verdict = pack.verifier(case.example, case.completion)
        assert verdict.status is case.expected, (case.completion.text, verdict)


def test_the_question_tells_how_to_answer(pack: Pack) -> None:
    last = messages(pack, example(rows(pack, "test", 1)[0]), [])[-1]["content"]
    assert "Answer:" in last or "<answer>" in last
