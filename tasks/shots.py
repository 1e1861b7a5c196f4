"""Worked examples in prompts: how many at which step, which ones, and in which form."""

import random
import re
from dataclasses import dataclass, replace
from typing import Any, Literal

from rlvr.errors import ConfigError
from rlvr.tasks.pack import Pack, Shot
from rlvr.tasks.prompt import choose_shots, render
from rlvr.verifiers.types import Example

Form = Literal["", "turns", "prefix"]
_SCHEDULE = re.compile(r"\s*([0-9]{1,6})\s*(?:(?:->|→)\s*([0-9]{1,6})\s*)?")


def parse_shots(value: int | str, name: str = "shots") -> tuple[int, int]:
    """(at the first step, at the last): `4`, or a schedule such as `8->0`. Raises ConfigError."""
    match = _SCHEDULE.fullmatch(str(value))
    if match is None:
        raise ConfigError(f"{name} = {value!r:.60}: expected a number, or a schedule such as '8->0'")
    return int(match[1]), int(match[2] or match[1])


@dataclass(frozen=True)
class Shots:
    """The worked examples of a run's prompts.

    The number goes from `first` to `last` in equal stretches over `steps`. `drawn`: each prompt has its own, drawn with
    the seed; else all have the pack's first ones. A question is never its own worked example.
    """

    pack: Pack
    first: int
    last: int
    steps: int = 1
    drawn: bool = False
    seed: int = 0

    @classmethod
    def of(
        cls, pack: Pack, shots: int | str, *, form: Form = "", drawn: bool = False, seed: int = 0, steps: int = 1,
        name: str = "shots",
    ) -> "Shots":  # fmt: skip
        """Raises ConfigError for a malformed schedule, or for more shots than the pack has."""
        first, last = parse_shots(shots, name)
        choose_shots(pack, max(first, last))
        if form:
            prompt = pack.task.prompt.model_copy(update={"fewshot": form})
            pack = replace(pack, task=pack.task.model_copy(update={"prompt": prompt}))
        return cls(pack, first, last, steps, drawn, seed)

    def count(self, step: int) -> int:
        """How many at `step`, counted from 1."""
        if self.first == self.last:
            return self.first
        way = min(max(step - 1, 0), self.steps - 1) / max(1, self.steps - 1)
        levels = abs(self.last - self.first)
        passed = min(levels, int(way * (levels + 1)))
        return self.first + (passed if self.last > self.first else -passed)

    def choose(self, example: Example, step: int = 1) -> list[Shot]:
        """The worked examples of one prompt. A group's completions share them."""
        others = [
            shot
            for shot in self.pack.shots
            if shot.example.pack == example.pack and shot.example.question != example.question
        ]
        count = min(self.count(step), len(others))
        if not self.drawn:
            return others[:count]
        return random.Random(f"{self.seed}-{step}-{example.id}").sample(others, count)

    def prompt(self, example: Example, tokenizer: Any, step: int = 1) -> str:
        """The prompt's text."""
        return render(self.pack, example, self.choose(example, step), tokenizer)
