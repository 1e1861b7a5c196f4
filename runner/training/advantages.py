"""Advantages beyond TRL's: a category's baseline and scale on top of the group's, and normalized parts of a reward.

With rewards r of a group g of category c, m and s the mean and standard deviation of the group (without masked
completions), M and S the running ones of the category up to this step:

    A = (r - b) / (d + e)                     b = (1 - w) m + w M             `category_baseline` w; 0 is TRL's
                                              d² = (1 - w) s² + w S² + w (1 - w) (m - M)²
                                              with `category_scale`, d is the larger of this and S
    A = z(sum over parts k of |v_k| z_g(r_k)) `normalize_parts`: z_g over the group, z over the batch, each without e;
                                              v_k the part's weight (after GDPO, arXiv:2601.05242)

b and d are the mean and the deviation of the mixture of group and category, w the category's weight in it. So a
zero-variance group is compared with its category, on the category's scale.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rlvr.tasks.pack import Pack
from rlvr.verifiers.types import Example, Reward

EPSILON = 1e-4  # as TRL's
ROUNDING = 1e-9  # a deviation below this share of the mean is rounding
MEMORY = 0.9  # of a category's running mean and mean square, each step


@dataclass(frozen=True, slots=True)
class Scored:
    """One completion's reward. `value` is None if it is masked; `parts` add up to it."""

    category: str
    value: float | None
    parts: Mapping[str, float]
    weights: Mapping[str, float] = field(default_factory=dict)  # of parts, as the example's pack says; others weigh 1

    @classmethod
    def of(cls, pack: Pack, example: Example, reward: Reward) -> "Scored":
        """What an example's pack paid for one of its completions."""
        return cls(example.category, reward.value, reward.parts, pack.part_weights(example))


@dataclass
class Advantages:
    """Computes the advantages of a step, and keeps what it needs of the steps before."""

    category_baseline: float = 0.0
    category_scale: bool = False
    normalize_parts: bool = False
    _running: dict[str, tuple[float, float]] = field(default_factory=dict)  # category -> (mean, mean square)

    @property
    def enabled(self) -> bool:
        """Whether any of this is on; otherwise TRL's advantages are used."""
        return bool(self.category_baseline or self.category_scale or self.normalize_parts)

    def compute(self, batch: Sequence[Scored], group_size: int) -> list[float]:
        """One advantage for each completion, 0 for masked ones; a group is `group_size` completions in a row."""
        groups = [batch[start : start + group_size] for start in range(0, len(batch), group_size)]
        if self.normalize_parts:
            return self._by_parts(groups)
        self._remember(batch)
        return [advantage for group in groups for advantage in self._of_group(group)]

    def state(self) -> dict[str, Any]:
        """What a resumed run needs, as JSON values."""
        return {"running": {category: list(moments) for category, moments in self._running.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        self._running = {category: (mean, square) for category, (mean, square) in state["running"].items()}

    def _of_group(self, group: Sequence[Scored]) -> list[float]:
        values = [scored.value for scored in group if scored.value is not None]
        if not values:
            return [0.0] * len(group)
        mean, deviation = _mean_and_deviation(values)
        running, square = self._running[group[0].category]
        variance, weight = max(0.0, square - running**2), self.category_baseline
        baseline = (1 - weight) * mean + weight * running
        spread = (1 - weight) * deviation**2 + weight * variance + weight * (1 - weight) * (mean - running) ** 2
        scale = math.sqrt(max(spread, variance) if self.category_scale else spread) + EPSILON
        return [0.0 if scored.value is None else (scored.value - baseline) / scale for scored in group]

    def _by_parts(self, groups: Sequence[Sequence[Scored]]) -> list[float]:
        sums: list[float | None] = []
        for group in groups:
            rewarded = [scored for scored in group if scored.value is not None]
            moments = {
                part: _mean_and_deviation([scored.parts.get(part, 0.0) for scored in rewarded])
                for part in sorted({part for scored in group for part in scored.parts})
            }
            sums += [None if scored.value is None else _sum_of_parts(scored, moments) for scored in group]
        mean, deviation = _mean_and_deviation([value for value in sums if value is not None])
        return [0.0 if value is None or not deviation else (value - mean) / deviation for value in sums]

    def _remember(self, batch: Sequence[Scored]) -> None:
        for category in sorted({scored.category for scored in batch}):
            values = [scored.value for scored in batch if scored.category == category and scored.value is not None]
            if not values:
                continue
            now = (math.fsum(values) / len(values), math.fsum(v * v for v in values) / len(values))
            before = self._running.get(category, now)
            self._running[category] = (
                MEMORY * before[0] + (1 - MEMORY) * now[0],
                MEMORY * before[1] + (1 - MEMORY) * now[1],
            )


def _sum_of_parts(scored: Scored, moments: Mapping[str, tuple[float, float]]) -> float:
    return math.fsum(
        abs(scored.weights.get(part, 1.0)) * (scored.parts.get(part, 0.0) - mean) / deviation
        for part, (mean, deviation) in moments.items()
        if deviation > ROUNDING * abs(mean)  # no e: it would swallow a part of a small scale
    )


def _mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """The deviation is that of a sample, 0 for a single value."""
    if not values:
        return 0.0, 0.0
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return mean, 0.0
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))
