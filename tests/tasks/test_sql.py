"""The pack `sql`: gold answers are right, near misses wrong, splits apart, rows the same for the same seed."""

import json
import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("sqlglot", reason="needs sqlglot")

from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.prompt import fill, messages
from rlvr.verifiers.engine.engine import shared_engine
from rlvr.verifiers.types import Completion, Example, Status, Verdict

SIZE = 120
# Rewrites of the gold query that mean the same, and near misses beside the template's own. {0} is its first constant.
ANSWERS = [json.loads(line) for line in Path(__file__).with_name("sql_answers.jsonl").read_text("utf-8").splitlines()]

Row = dict[str, Any]


@pytest.fixture(scope="module")
def pack() -> Pack:
    return load_pack("sql")


@pytest.fixture(scope="module")
def data(pack: Pack) -> ModuleType:
    module = pack.module("data")
    assert module is not None
    return module


def example(row: Row) -> Example:
    return Example(row["id"], row["question"], row["gold"], row["category"], row["metadata"])


def verify(pack: Pack, pairs: list[tuple[Row, str]]) -> list[Verdict]:
    verifier = replace(pack.verifier, deadline_s=120)  # a busy machine is no wrong answer
    return shared_engine().verify_batch(verifier, [(example(row), Completion(text)) for row, text in pairs])


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


def test_other_peoples_queries(pack: Pack, data: ModuleType) -> None:
    pairs, expected = [], []
    for category, templates in data.TEMPLATES.items():
        for which, (database, template) in enumerate(templates):
            made = template(random.Random(which))
            metadata = {"tables": data.DATABASES[database], "seed": which, "ordered": made.ordered}
            row = {
                "id": f"{category}-{which}",
                "question": "",
                "gold": made.gold,
                "category": category,
                "metadata": metadata,
            }
            constants = re.findall(r"'[^']*'|(?<![\w.'-])\d+(?![\w'-])", made.gold)
            mine = [one for one in ANSWERS if f"_{one['template']}" == template.__name__]
            assert Counter(one["right"] for one in mine) == {True: 3, False: 5}
            for one in mine:
                pairs.append((row, f"```sql\n{one['query'].format(*constants)}\n```"))
                expected.append((Status.CORRECT if one["right"] else Status.INCORRECT, one["why"]))
    for (_, text), (status, why), verdict in zip(pairs, expected, verify(pack, pairs), strict=True):
        assert verdict.status is status, (why, text, verdict.reason)


@pytest.mark.parametrize(
    ("category", "template", "old", "new"),
    [
        ("join", [2, 1058086142073], "s.born < ", "s.born <= "),
        ("nested", [1, 301576865662], "q.kind = product.kind AND ", ""),
        ("aggregate", [0, 837938490704], "COUNT(*) >= 2", "COUNT(*) > 2"),
    ],
    ids=["a boundary date", "a subquery without its correlation", "> for >= in HAVING"],
)
def test_near_misses_that_were_accepted(
    pack: Pack, data: ModuleType, category: str, template: list[int], old: str, new: str
) -> None:
    which, constants = template
    database, function = data.TEMPLATES[category][which]
    made = function(random.Random(constants))
    metadata = {"tables": data.DATABASES[database], "seed": constants % 1000, "ordered": made.ordered}
    row = {"id": "x", "question": made.text, "gold": made.gold, "category": category, "metadata": metadata}
    near = made.gold.replace(old, new)
    assert near in made.wrong
    (verdict,) = verify(pack, [(row, f"```sql\n{near}\n```")])
    assert verdict.status is Status.INCORRECT, verdict.reason
    assert "mutants" in verdict.reason


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
