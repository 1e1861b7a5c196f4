"""The interval of a proportion, for accuracies and error rates alike."""

import math

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
