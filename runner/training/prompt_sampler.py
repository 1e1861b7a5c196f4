"""Draws the examples of each step: shuffled passes, weights of categories, boosts of fallen ones, and a band of pass rates.

Everything follows from the seed and from the pass rates that were observed, so that all processes of a run, and a run
that was resumed, draw the same examples.
"""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rlvr.errors import ConfigError
from rlvr.text import did_you_mean
from rlvr.verifiers.types import Example

CategoryWeights = str | Mapping[str, float]  # "none", "balanced", "proportional", or category -> share
MEMORY = 0.9  # of a category's pass rate, each observed group
BOOST = 2.0  # of the share of a category whose pass rate has fallen
EXPLORE = 0.1  # chance of an example outside the band of pass rates: its estimate may be out of date


class PromptSampler:
    """Draws examples by their index.

    `category_weights`: how often each category is drawn. `boost_below`: a category whose pass rate falls by more than this
    below its best gets twice its share until it has recovered; 0 is off. `pass_rate_band`: (low, high) of the estimated
    pass rate of the examples that are drawn; those without an estimate are always drawn; empty is off.

    Raises ConfigError for weights of categories that the examples don't have, and for weights that are no shares.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        seed: int,
        category_weights: CategoryWeights = "none",
        boost_below: float = 0.0,
        pass_rate_band: Sequence[float] = (),
    ) -> None:
        self._examples, self._seed, self._boost_below, self._band = examples, seed, boost_below, tuple(pass_rate_band)
        if category_weights == "none" and boost_below:
            category_weights = "proportional"
        self._members: dict[str, list[int]] = {}
        for index, example in enumerate(examples):
            self._members.setdefault("" if category_weights == "none" else example.category, []).append(index)
        self.shares = _shares(category_weights, {name: len(self._members[name]) for name in sorted(self._members)})
        self._due = dict.fromkeys(self.shares, 0.0)  # what the shares add up to, less what was drawn
        self._drawn = dict.fromkeys(self.shares, 0)  # positions in the endless row of shuffled passes
        self._orders: dict[str, tuple[int, list[int]]] = {}  # category -> (pass, its order)
        self._estimates: dict[int, float] = {}
        self._rates: dict[str, float] = {}
        self._best: dict[str, float] = {}

    def draw(self, count: int) -> list[int]:
        """The indices of the next `count` examples."""
        return [self._next(self._category()) for _ in range(count)]

    def observe(self, results: Iterable[tuple[int, float]]) -> None:
        """Take in (index, pass rate) of groups that were verified."""
        for index, rate in results:
            before = self._estimates.get(index)
            self._estimates[index] = rate if before is None else (before + rate) / 2
            category = self._examples[index].category
            before = self._rates.get(category)
            self._rates[category] = rate if before is None else MEMORY * before + (1 - MEMORY) * rate
            self._best[category] = max(self._best.get(category, 0.0), self._rates[category])

    def present_shares(self) -> dict[str, float]:
        """The shares of categories with their boosts, adding up to 1."""
        boosted = {
            name: share * (BOOST if self._boost_below and self._fallen(name) else 1.0)
            for name, share in self.shares.items()
        }
        total = sum(boosted.values())
        return {name: share / total for name, share in boosted.items()}

    def state(self) -> dict[str, Any]:
        """What a resumed run needs, as JSON values."""
        return {
            "questions": len(self._examples),
            "due": dict(self._due),
            "drawn": dict(self._drawn),
            "estimates": {str(index): rate for index, rate in self._estimates.items()},
            "rates": dict(self._rates),
            "best": dict(self._best),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`. Raises ConfigError if it is that of other examples."""
        if set(state["due"]) != set(self._due):
            raise ConfigError(
                f"the run's examples have the categories {', '.join(self._due)}, "
                f"its checkpoint was made with {', '.join(state['due'])}: the pack or its data changed"
            )
        if state["questions"] != len(self._examples):
            raise ConfigError(
                f"the run has {len(self._examples)} examples, its checkpoint was made with {state['questions']}: "
                "the pack or its data changed"
            )
        self._due, self._drawn = dict(state["due"]), dict(state["drawn"])
        self._estimates = {int(index): rate for index, rate in state["estimates"].items()}
        self._rates, self._best = dict(state["rates"]), dict(state["best"])

    def _fallen(self, name: str) -> bool:
        return self._best.get(name, 0.0) - self._rates.get(name, 0.0) > self._boost_below

    def _category(self) -> str:
        """The next category, by Tijdeman's rule: of those that are due, the one whose turn must come first.

        No count of any prefix is then off its share by 1 or more, and none of any window by 2 (R. Tijdeman, The chairman
        assignment problem, Discrete Mathematics 32, 1980).
        """
        shares = self.present_shares()
        if len(shares) == 1:
            return next(iter(shares))
        slack = 1 / (2 * len(shares) - 2)
        for name, share in shares.items():
            self._due[name] += share
        due = [name for name in shares if shares[name] > 0 and self._due[name] >= slack - 1e-9]
        if due:
            chosen = min(due, key=lambda name: (1 - slack - self._due[name]) / shares[name])
        else:  # only if shares have just changed
            chosen = max((name for name in shares if shares[name] > 0), key=self._due.__getitem__)
        self._due[chosen] -= 1
        return chosen

    def _next(self, category: str) -> int:
        members = self._members[category]
        for _ in range(len(members)):
            index = self._take(category)
            if self._is_wanted(index, category):
                return index
        return self._take(category)  # none lies in the band: better any example than none

    def _take(self, category: str) -> int:
        members, position = self._members[category], self._drawn[category]
        self._drawn[category] += 1
        number, place = divmod(position, len(members))
        if self._orders.get(category, (-1, []))[0] != number:
            order = list(members)
            random.Random(f"{self._seed}-{category}-{number}").shuffle(order)
            self._orders[category] = (number, order)
        return self._orders[category][1][place]

    def _is_wanted(self, index: int, category: str) -> bool:
        estimate = self._estimates.get(index)
        if not self._band or estimate is None or self._band[0] <= estimate <= self._band[1]:
            return True
        return random.Random(f"{self._seed}-{category}-{self._drawn[category]}").random() < EXPLORE


def _shares(category_weights: CategoryWeights, sizes: Mapping[str, int]) -> dict[str, float]:
    """Category -> its share; they add up to 1."""
    if category_weights == "none":
        return {"": 1.0}
    if category_weights == "balanced":
        return {name: 1 / len(sizes) for name in sizes}
    if category_weights == "proportional":
        return {name: size / sum(sizes.values()) for name, size in sizes.items()}
    assert isinstance(category_weights, Mapping)
    for name in category_weights:
        if name not in sizes:
            raise ConfigError(
                f"category_weights: no example has the category {name!r}{did_you_mean(name, sizes)} "
                f"(there are: {', '.join(sizes) or 'none'})"
            )
    total = sum(category_weights.values())
    if not 0 < total < math.inf or min(category_weights.values()) < 0:
        raise ConfigError("category_weights: expected shares that aren't negative, and one above 0")
    return {name: category_weights.get(name, 0.0) / total for name in sizes}
