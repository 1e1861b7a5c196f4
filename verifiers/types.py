"""The records that flow one way through rlvr: Example -> Completion -> Verdict -> Reward -> Rollout.

A verdict is the truth about an answer; a reward is what a pack pays for it.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal


class Status(StrEnum):
    """The result of one verification. The first four are up to the model, the last two aren't."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    UNPARSED = "unparsed"  # no answer could be extracted from the completion
    TIMEOUT = "timeout"  # the answer was too expensive to check
    ERROR = "error"  # the verifier, the sandbox or the machine failed
    SKIPPED = "skipped"  # not verified on purpose

    @property
    def masked(self) -> bool:
        """Whether the verdict says nothing about the model: no reward and no gradient, but counted."""
        return self in (Status.ERROR, Status.SKIPPED)


@dataclass(frozen=True, slots=True)
class Example:
    """One row of a pack: a question and what is needed to verify completions."""

    id: str
    question: str
    gold: str  # the gold answer, as the pack's verifier reads it
    category: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)  # JSON values: tests, constraints, …
    verifier: str = ""  # which of the pack's [verifiers] decides; empty if the pack has one verifier
    pack: str = ""  # in a mixture, the pack that it was drawn from


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote. Verifiers of plain text need only `text`."""

    text: str
    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()  # natural logarithms, one for each token
    finish_reason: str = "stop"  # "length" if the token limit cut it off

    @property
    def truncated(self) -> bool:
        """Whether the token limit cut it off."""
        return self.finish_reason == "length"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one verification.

    `score` is in [0, 1]; `extracted` is the answer in the completion; `parts` holds named sub-scores (JSON values);
    `seconds` is how long verification took, filled in by the engine. Raises ValueError for a score outside [0, 1].
    """

    status: Status
    score: float = 0.0
    extracted: str | None = None
    reason: str = ""
    parts: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if not (isinstance(self.score, (int, float)) and math.isfinite(self.score) and 0 <= self.score <= 1):
            raise ValueError(f"a verdict's score must be a number in [0, 1], not {self.score!r}")

    @classmethod
    def of(cls, correct: bool, extracted: str | None = None, reason: str = "", **parts: Any) -> "Verdict":
        """`correct` with score 1, or `incorrect` with score 0."""
        status = Status.CORRECT if correct else Status.INCORRECT
        return cls(status, float(correct), extracted, reason, parts)

    @classmethod
    def scored(cls, score: float, extracted: str | None = None, reason: str = "", **parts: Any) -> "Verdict":
        """`correct` if `score` is 1, else `incorrect` with a partial score. Raises ValueError for a score outside [0, 1]."""
        return cls(Status.CORRECT if score == 1 else Status.INCORRECT, float(score), extracted, reason, parts)

    @classmethod
    def unparsed(cls, reason: str, **parts: Any) -> "Verdict":
        """`unparsed` with score 0: the completion holds no answer that can be read."""
        return cls(Status.UNPARSED, 0.0, None, reason, parts)

    @classmethod
    def error(cls, reason: str, **parts: Any) -> "Verdict":
        """`error`: the verifier, the gold answer or the machine failed, so that the verdict is masked."""
        return cls(Status.ERROR, 0.0, None, reason, parts)


Masked = Literal["", "verdict", "truncated", "part"]  # why a reward has no value; empty if it has one


@dataclass(frozen=True, slots=True)
class Reward:
    """What a pack pays for a verdict. `value` is None if nothing is paid; `masked` says why.

    verdict: the verdict is `error` or `skipped`; truncated: the completion was cut off, and the pack pays
    nothing for those; part: a rewarded part of the verdict is not a finite number.
    """

    value: float | None
    parts: Mapping[str, float] = field(default_factory=dict)  # add up to `value`
    masked: Masked = ""


def has_variance(rewards: Iterable[float | None]) -> bool:
    """Whether the rewards of a group differ; masked ones (None) don't count.

    In a zero-variance group all advantages are 0, so that it provides no learning signal.
    """
    return len({reward for reward in rewards if reward is not None}) > 1


@dataclass(frozen=True, slots=True)
class Rollout:
    """One line of a run's log: a completion with everything that was decided about it."""

    example: Example
    prompt: str
    completion: Completion
    verdict: Verdict
    reward: Reward
    advantage: float | None  # None if the reward is masked
    group: int  # completions of a step with the same number answer the same prompt
    step: int
    shadow: Status | None = None  # of the shadow verifier's verdict; None without one
