"""The pack `countdown`: its gold expressions, worked out by hand."""

import re
from collections import Counter
from types import ModuleType

import pytest

from rlvr.tasks.pack import load_pack


@pytest.fixture(scope="module")
def data() -> ModuleType:
    module = load_pack("countdown").module("data")
    assert module is not None
    return module


def reduced(expression: str) -> int:
    """The value, by evaluating one innermost pair after the other; every intermediate value is a whole number."""
    pair = re.compile(r"\(?(?<![\d ] )(-?\d+) ([-+*/]) (\d+)\)?")
    text = f"({expression})"
    while not re.fullmatch(r"-?\d+", text):
        innermost = re.search(r"\(([^()]*)\)", text)
        assert innermost is not None, text
        match = pair.fullmatch(innermost[1])
        assert match is not None, text
        a, b = int(match[1]), int(match[3])
        assert match[2] != "/" or a % b == 0
        value = {"+": a + b, "-": a - b, "*": a * b, "/": a // (b or 1)}[match[2]]
        text = text[: innermost.start()] + str(value) + text[innermost.end() :]
    return int(text)


def test_gold_expressions_reach_the_target_with_each_number_once(data: ModuleType) -> None:
    for row in data.generate("train", 400, 1):
        assert reduced(row["gold"]) == row["metadata"]["target"]
        assert Counter(map(int, re.findall(r"\d+", row["gold"]))) == Counter(row["metadata"]["numbers"])
        assert len(row["metadata"]["numbers"]) == data.LEVELS[row["category"]]


def test_few_problems_are_solved_by_sums_alone(data: ModuleType) -> None:
    rows = list(data.generate("train", 800, 1))
    sums = sum(data._is_sum(row["metadata"]["numbers"], row["metadata"]["target"]) for row in rows)
    assert 0 < sums < 0.2 * len(rows)
    assert data._is_sum([5, 3, 2], 4)
    assert not data._is_sum([5, 3, 2], 13)


def test_the_order_of_the_numbers_does_not_change_the_split(data: ModuleType) -> None:
    for row in data.generate("test", 100, 1):
        assert data.held_out(f"{sorted(row['metadata']['numbers'])} {row['metadata']['target']}")
