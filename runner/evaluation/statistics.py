"""Estimators of accuracy, and the interval of a mean."""

import math
import random
from collections.abc import Sequence

from rlvr.intervals import Interval, wilson


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
