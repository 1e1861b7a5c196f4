"""Intervals and estimators for accuracy."""

import math
import random
from collections.abc import Sequence

Interval = tuple[float, float]  # low, high
Z95 = 1.959963984540054  # two-sided 95 % of the normal distribution


def wilson(successes: int, trials: int) -> Interval:
    """The 95 % score interval of a proportion in [0, 1] (Wilson 1927); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share, z2 = successes / trials, Z95 * Z95
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials)) / (1 + z2 / trials)
    # At the ends the bound is exact; rounding must not push it inside.
    return (0.0 if successes == 0 else max(0.0, middle - half)), (
        1.0 if successes == trials else min(1.0, middle + half)
    )


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """The unbiased estimate of the chance that one of k samples is right: 1 - C(n-c, k) / C(n, k), where c of n samples
    are correct (Chen et al. 2021, arXiv:2107.03374). Raises ValueError unless 0 <= correct <= samples and
    1 <= k <= samples."""
    if not (0 <= correct <= samples and 1 <= k <= samples):
        raise ValueError(f"pass@{k} of {correct} right among {samples}")
    return 1.0 - math.comb(samples - correct, k) / math.comb(samples, k)


def bootstrap(values: Sequence[float], rounds: int = 1000, seed: int = 0) -> Interval:
    """The 95 % percentile interval of the mean of `values` in [0, 1], drawn with replacement; (0, 1) without values.

    If all are 0, or all are 1, resampling says nothing about what wasn't seen: then it is Wilson's interval.
    """
    if not values:
        return 0.0, 1.0
    if set(values) <= {0.0} or set(values) <= {1.0}:
        return wilson(len(values) if values[0] else 0, len(values))
    draw = random.Random(seed)
    means = sorted(math.fsum(draw.choices(values, k=len(values))) / len(values) for _ in range(rounds))
    return means[int(0.025 * rounds)], means[int(0.975 * rounds) - 1]
