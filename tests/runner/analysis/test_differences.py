"""Differences of accuracies: their intervals hold the truth as often as they say."""

import random

import pytest

from rlvr.intervals import wilson
from rlvr.runner.analysis.differences import independent, paired, points


@pytest.mark.parametrize(
    ("values", "value", "apart"),
    [
        ([1.0] * 30 + [0.0] * 60 + [-1.0] * 10, 0.2, True),
        ([1.0] * 12 + [0.0] * 76 + [-1.0] * 12, 0.0, False),
        ([0.0] * 100, 0.0, False),  # no question changed: still not certain
        ([1.0] * 100, 1.0, True),
        ([1.0], 1.0, True),
        ([0.5, -0.5], 0.0, False),
    ],
)
def test_paired_differences(values: list[float], value: float, apart: bool) -> None:
    found = paired(values)
    assert found.value == pytest.approx(value)
    assert found.low <= found.value <= found.high
    assert found.high > found.low
    assert found.apart == apart


def test_paired_intervals_cover() -> None:
    # Of intervals of 95 %, about that many hold the truth: here 0.1, over 100 draws of 100 questions.
    draw = random.Random(0)
    held = 0
    for _ in range(100):
        found = paired(draw.choices([1.0, 0.0, -1.0], [0.2, 0.7, 0.1], k=100))
        held += found.low <= 0.1 <= found.high
    assert 0.88 <= held / 100 <= 1


def test_newcombes_example() -> None:
    # Newcombe 1998 (Statistics in Medicine 17:873), example (a): 56/70 - 48/80 = 0.2, method 10: 0.0524 to 0.3339.
    found = independent(56 / 70, wilson(56, 70), 48 / 80, wilson(48, 80), 70)
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))


def test_points() -> None:
    assert points(paired([0.0, 1.0] * 50)).startswith("+50.0 points [+")


def test_a_difference_as_a_cell() -> None:
    assert str(independent(0.40, (0.30, 0.50), 0.35, (0.26, 0.45), 100)) == "+5.0 [-9.1, +18.5]"
