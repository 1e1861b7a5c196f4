"""What alarms look back on: the run's metrics, evaluations and rollouts, as compact series.

Levels are medians over a window, so that a few wild steps decide nothing; a difference counts if it is larger than
the noise of two such medians.
"""

import itertools
import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rlvr.runner.alarms.finding import Place
from rlvr.runner.evaluation.summary import Summary
from rlvr.verifiers.types import Rollout, Status

KEPT = ("loss", "reward", "grad_norm", "entropy", "kl", "completions/mean_length", "completions/clipped_ratio",
        "clip_ratio/region_mean", "frac_reward_zero_std", "groups/no_variance", "verdicts/correct")  # fmt: skip
MEDIAN_NOISE = 1.2533  # standard error of a median of normal values, times sqrt(n) / sigma
MAD = 1.4826  # median absolute deviation of normal values -> their standard deviation
SURE = 3.0  # standard errors


@dataclass(frozen=True, slots=True)
class RolloutView:
    """A rollout as far as alarms need it. `index` is its place among its step's."""

    step: int
    index: int
    group: int
    category: str
    prompt: str
    completion: str
    truncated: bool
    extracted: str | None
    status: Status
    shadow: Status | None  # the shadow verifier's, if there is one
    reward: float | None
    advantage: float | None

    @property
    def correct(self) -> bool:
        return self.status is Status.CORRECT

    @property
    def place(self) -> Place:
        """Where the report finds it."""
        return self.step, self.index


def view_of(rollout: Rollout, index: int) -> RolloutView:
    """The rollout that is number `index` of its step."""
    return RolloutView(
        rollout.step, index, rollout.group, rollout.example.category, rollout.prompt, rollout.completion.text,
        rollout.completion.truncated, rollout.verdict.extracted, rollout.verdict.status, rollout.shadow,
        rollout.reward.value, rollout.advantage,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class HeldOutAccuracy:
    """Strict accuracy on held-out questions after a step, with its 95 % interval."""

    step: int
    accuracy: float
    low: float
    high: float


@dataclass
class Series:
    """One metric by step. None if a step didn't log it or it is no number."""

    values: list[float | None] = field(default_factory=list)

    def last(self, count: int, ago: int = 0) -> list[float]:
        """The numbers of the `count` steps that ended `ago` steps ago."""
        end = len(self.values) - ago
        return [v for v in self.values[max(0, end - count) : max(0, end)] if v is not None]

    def first(self, count: int) -> list[float]:
        """The numbers of the first `count` steps."""
        return [v for v in self.values[:count] if v is not None]

    def level(self, count: int, ago: int = 0) -> float | None:
        """The median of a window; None unless at least half of its steps have a number."""
        window = self.last(count, ago)
        return median(window) if len(window) * 2 >= count else None

    def start(self, count: int) -> float | None:
        """The level of the run's first steps."""
        window = self.first(count)
        return median(window) if len(window) * 2 >= count else None

    def before(self, count: int, ago: int | None) -> float | None:
        """The level `ago` steps ago; None: of the first steps."""
        return self.start(count) if ago is None else self.level(count, ago)

    def noise(self, count: int) -> float:
        """Standard error of the difference of two levels, from the last steps' jumps: a trend isn't noise."""
        window = self.last(3 * count)
        jumps = [b - a for a, b in itertools.pairwise(window)]
        if not jumps:
            return 0.0
        middle = median(jumps)
        sigma = MAD * median(abs(jump - middle) for jump in jumps) / math.sqrt(2)
        return MEDIAN_NOISE * sigma * math.sqrt(2 / count)

    def rise(self, count: int) -> float | None:
        """Present level less that of the run's first steps."""
        now, then = self.level(count), self.start(count)
        return None if now is None or then is None or len(self.values) < 2 * count else now - then

    def rising(self, count: int) -> bool:
        """Whether the level is above that of one window ago, or of three, by more than noise."""
        now, least = self.level(count), max(SURE * self.noise(count), 1e-9)
        before = [level for ago in (1, 3) if (level := self.level(count, ago * count)) is not None]
        return now is not None and any(now - level > least for level in before)


@dataclass
class History:
    """All that alarms know of a run up to one step. `step` is that step, `rollouts` are its own."""

    window: int
    step: int = 0
    series: dict[str, Series] = field(default_factory=dict)
    row: Mapping[str, Any] = field(default_factory=dict)
    rollouts: Sequence[RolloutView] = ()
    recent: deque[Mapping[str, float]] = field(default_factory=deque)  # counts of the last steps' rollouts
    best: dict[str, float] = field(default_factory=dict)  # the best level that a metric had
    held_out: list[HeldOutAccuracy] = field(default_factory=list)  # by step

    def add(self, row: Mapping[str, Any], rollouts: Sequence[RolloutView], counts: Mapping[str, float]) -> None:
        """Add a step: its metrics, its rollouts, and what was counted in them."""
        self.step, self.row, self.rollouts = int(row["step"]), row, rollouts
        steps = self.steps
        for name in row:
            if name in KEPT or name.startswith("reward_parts/") or name.endswith("/pass_rate"):
                self.series.setdefault(name, Series([None] * steps))
        for name, series in self.series.items():
            series.values.append(number(row.get(name)))
        self.recent.append(counts)
        while len(self.recent) > self.window:
            self.recent.popleft()
        for name in self.series:
            if name == "reward" or name.endswith("/pass_rate"):
                level = self.series[name].level(self.window)
                if level is not None:
                    self.best[name] = max(level, self.best.get(name, level))

    def add_evaluations(self, summaries: Iterable[Summary]) -> None:
        """Known ones may be given again. Those without a verdict about the model are left out."""
        by_step = {known.step: known for known in self.held_out}
        for summary in summaries:
            strict, step = summary.strict, summary.at_step
            by_step.pop(step, None)
            if strict.accuracy is not None:
                by_step[step] = HeldOutAccuracy(step, strict.accuracy, *strict.interval)
        self.held_out = [by_step[step] for step in sorted(by_step)]

    def of(self, name: str) -> Series:
        """The series of a metric; an empty one if no step logged it."""
        return self.series.get(name) or Series()

    def level(self, name: str) -> float | None:
        """The present level of a metric; None unless half of the window has a number."""
        return self.of(name).level(self.window)

    def total(self, name: str, steps: int | None = None) -> float:
        """Sum of a count over the last window of steps, or the last `steps` of it."""
        recent = list(self.recent)[-steps:] if steps else self.recent
        return math.fsum(counts.get(name, 0.0) for counts in recent)

    @property
    def correct(self) -> float | None:
        """Share of correct completions in the window, without those that were masked."""
        counted = self.total("counted")
        return self.total("correct") / counted if counted else self.level("verdicts/correct")

    @property
    def steps(self) -> int:
        """The number of steps so far."""
        return max((len(series.values) for series in self.series.values()), default=0)

    @property
    def full(self) -> bool:
        """Whether the first window and the present one are apart."""
        return self.steps >= 2 * self.window


def number(value: object) -> float | None:
    """`value` as a finite float, else None."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None
