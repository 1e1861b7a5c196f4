"""Few-shot examples in prompts: how many at which step, which ones, and in which form."""

import random
import re
from dataclasses import dataclass, replace
from typing import Any, Literal

from rlvr.errors import ConfigError
from rlvr.tasks.pack import Pack, Shot
from rlvr.tasks.prompt import Prompt, choose_shots, render
from rlvr.verifiers.types import Example

Form = Literal["turns", "prefix"]
_SCHEDULE = re.compile(r"\s*([0-9]{1,6})\s*(?:(?:->|→)\s*([0-9]{1,6})\s*)?")


@dataclass(frozen=True, slots=True)
class ShotSchedule:
    """How many few-shot examples a prompt has: from `first` at the first step to `last` at the last, in equal stretches."""

    first: int
    last: int

    @classmethod
    def parse(cls, value: object, name: str = "shots") -> "ShotSchedule":
        """`4`, or a schedule such as `8->0`. Raises ConfigError that names the setting."""
        match = _SCHEDULE.fullmatch(str(value))
        if match is None:
            raise ConfigError(f"{name} = {value!r:.60}: expected a number, or a schedule such as '8->0'")
        return cls(int(match[1]), int(match[2] or match[1]))

    @classmethod
    def constant(cls, count: int) -> "ShotSchedule":
        """The same number at every step."""
        return cls(count, count)

    def __str__(self) -> str:
        return str(self.as_setting())

    def as_setting(self) -> int | str:
        """The schedule as files and flags write it."""
        return self.first if self.first == self.last else f"{self.first}->{self.last}"

    def count(self, step: int, steps: int) -> int:
        """The number of examples at `step`, counted from 1, of `steps`."""
        if self.first == self.last:
            return self.first
        way = min(max(step - 1, 0), steps - 1) / max(1, steps - 1)
        levels = abs(self.last - self.first)
        passed = min(levels, int(way * (levels + 1)))
        return self.first + (passed if self.last > self.first else -passed)


@dataclass(frozen=True, slots=True)
class Shots:
    """The few-shot examples of a run's prompts.

    Their number follows `schedule` over `steps`. With `drawn`, each prompt has its own, drawn with the seed; otherwise all
    have the pack's first ones. A question is never its own few-shot example.
    """

    pack: Pack
    schedule: ShotSchedule
    steps: int = 1
    drawn: bool = False
    seed: int = 0

    @classmethod
    def of(
        cls,
        pack: Pack,
        schedule: ShotSchedule,
        *,
        form: Form | None = None,
        drawn: bool = False,
        seed: int = 0,
        steps: int = 1,
    ) -> "Shots":
        """The few-shot examples of `pack`, in `form` if it is given. Raises ConfigError for more than the pack has."""
        choose_shots(pack, max(schedule.first, schedule.last))
        if form:
            prompt = pack.task.prompt.model_copy(update={"fewshot": form})
            pack = replace(pack, task=pack.task.model_copy(update={"prompt": prompt}))
        return cls(pack, schedule, steps, drawn, seed)

    def count(self, step: int) -> int:
        """The number of examples at `step`, counted from 1."""
        return self.schedule.count(step, self.steps)

    def choose(self, example: Example, step: int = 1) -> list[Shot]:
        """The few-shot examples of one prompt; all completions of a group share them."""
        others = [
            shot
            for shot in self.pack.shots
            if shot.example.pack == example.pack and shot.example.question != example.question
        ]
        count = min(self.count(step), len(others))
        if not self.drawn:
            return others[:count]
        return random.Random(f"{self.seed}-{step}-{example.id}").sample(others, count)

    def prompt(self, example: Example, tokenizer: Any, step: int = 1) -> Prompt:
        """The prompt for an example, with its few-shot examples at `step`. Raises ConfigError for a wrong template."""
        return render(self.pack, example, self.choose(example, step), tokenizer)
