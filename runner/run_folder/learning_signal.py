"""What the groups of an untrained model say about a run: whether their rewards differ, so that there is something to learn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlvr.intervals import Interval, wilson
from rlvr.text import percent, percent_interval

WEAK = 0.25  # share of groups with variance below which most of a step's completions are generated for nothing


@dataclass(frozen=True, slots=True)
class LearningSignal:
    """`varied` of `groups` sampled groups have rewards that differ; `correct` of `completions` in them are correct.

    Only groups and completions with a verdict about the model count.
    """

    groups: int
    varied: int
    completions: int
    correct: int

    def __add__(self, other: "LearningSignal") -> "LearningSignal":
        return LearningSignal(
            self.groups + other.groups,
            self.varied + other.varied,
            self.completions + other.completions,
            self.correct + other.correct,
        )

    def __str__(self) -> str:
        """In one line, such as: the rewards differ in 5 of 8 groups (62.5% [30.6%, 86.3%]), …"""
        if not self.groups:
            return "no group of the sample has verdicts about the model"
        share = f"{percent(self.share)} {percent_interval(self.interval)}"
        return f"the rewards differ in {self.varied} of {self.groups} groups ({share}), {self.pass_rate}"

    @property
    def share(self) -> float:
        """Of groups whose rewards differ, in [0, 1]; 0 without groups."""
        return self.varied / self.groups if self.groups else 0.0

    @property
    def interval(self) -> Interval:
        """The 95 % interval of `share`."""
        return wilson(self.varied, self.groups)

    @property
    def pass_rate(self) -> str:
        """How many completions are correct, in words."""
        return f"{self.correct} of {self.completions} completions are correct"

    @property
    def outlook(self) -> str:
        """What to expect of training, in a few words."""
        if not self.varied:
            return "there is no learning signal"
        if self.share < WEAK:
            return "the learning signal is weak: most of a step's completions are generated for nothing"
        return "there is a learning signal"

    def as_json(self) -> dict[str, int]:
        """As JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> "LearningSignal":
        """The inverse of `as_json`; what is missing is 0, and other fields are ignored."""
        return cls(*(int(table.get(name, 0)) for name in cls.__slots__))
