"""The pack `sql`: other people's queries that mean the same, and near misses that were once accepted."""

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


def test_other_peoples_queries(pack: Pack, data: ModuleType) -> None:
    pairs, expected = [], []
    for category, templates in data.TEMPLATES.items():
        for which, (database, template) in enumerate(templates):
            problem = template(random.Random(which))
            metadata = {"tables": data.DATABASES[database], "seed": which, "ordered": problem.ordered}
            row = {
                "id": f"{category}-{which}",
                "question": "",
                "gold": problem.gold,
                "category": category,
                "metadata": metadata,
            }
            constants = re.findall(r"'[^']*'|(?<![\w.'-])\d+(?![\w'-])", problem.gold)
            own_answers = [answer for answer in ANSWERS if f"_{answer['template']}" == template.__name__]
            assert Counter(answer["right"] for answer in own_answers) == {True: 3, False: 5}
            for answer in own_answers:
                pairs.append((row, f"```sql\n{answer['query'].format(*constants)}\n```"))
                expected.append((Status.CORRECT if answer["right"] else Status.INCORRECT, answer["why"]))
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
    problem = function(random.Random(constants))
    metadata = {"tables": data.DATABASES[database], "seed": constants % 1000, "ordered": problem.ordered}
    row = {"id": "x", "question": problem.text, "gold": problem.gold, "category": category, "metadata": metadata}
    near = problem.gold.replace(old, new)
    assert near in problem.wrong
    (verdict,) = verify(pack, [(row, f"```sql\n{near}\n```")])
    assert verdict.status is Status.INCORRECT, verdict.reason
    assert "mutants" in verdict.reason
