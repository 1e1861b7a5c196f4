"""Differences of accuracies with 95 % intervals: paired if both sides answered the same questions, else independent."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rlvr.intervals import Interval, wilson
from rlvr.text import signed_points

ROUNDS = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """`value` in [-1, 1] with its 95 % interval. `questions` are behind it; `paired`: both sides answered the same ones."""

    value: float
    low: float
    high: float
    questions: int
    paired: bool

    def __str__(self) -> str:
        return signed_points(self.value, (self.low, self.high))

    @property
    def apart(self) -> bool:
        """Whether the difference is significant: the interval leaves 0 out."""
        return self.low > 0 or self.high < 0

    def as_json(self) -> dict[str, Any]:
        """As JSON values; `apart` says whether it is significant."""
        return {"value": self.value, "interval": [self.low, self.high], "questions": self.questions,
                "paired": self.paired, "apart": self.apart}  # fmt: skip


def points(difference: Difference) -> str:
    """A difference of accuracies as people read it: +12.0 points [+7.5, +16.5]."""
    value, _, interval = str(difference).partition(" ")
    return f"{value} points {interval}"


def paired(values: Sequence[float], seed: int = 0) -> Difference:
    """The mean of per-question differences with its 95 % percentile bootstrap interval over the questions.

    If all are equal, resampling says nothing about what wasn't seen; then the interval is widened by what Wilson's
    interval allows for an outcome that was never seen.
    """
    mean = sum(values) / len(values)
    if len(set(values)) == 1:
        unseen = wilson(0, len(values))[1]
        return Difference(mean, mean - unseen, mean + unseen, len(values), True)
    draw = random.Random(seed)
    means = sorted(sum(draw.choices(values, k=len(values))) / len(values) for _ in range(ROUNDS))
    return Difference(mean, means[int(0.025 * ROUNDS)], means[int(0.975 * ROUNDS) - 1], len(values), True)


def independent(first: float, interval: Interval, other: float, other_interval: Interval, questions: int) -> Difference:
    """`first` less `other`, from each one's interval (Newcombe 1998, method 10)."""
    value = first - other
    down = ((first - interval[0]) ** 2 + (other_interval[1] - other) ** 2) ** 0.5
    up = ((interval[1] - first) ** 2 + (other - other_interval[0]) ** 2) ** 0.5
    return Difference(value, value - down, value + up, questions, False)
