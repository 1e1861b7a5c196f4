"""A pack's policy: what it pays for a verdict. `error` and `skipped` pay nothing and cost nothing: they are masked."""

import math

from rlvr.tasks.schema import Rewards
from rlvr.verifiers.types import Completion, Reward, Status, Verdict


def reward(policy: Rewards, completion: Completion, verdict: Verdict) -> Reward:
    """The reward of one verdict; `value` is None where it must not teach.

    value = status's reward (or, with `partial`, between `incorrect` and `correct` by the score)
            + sum of weight * part over `[reward.parts]`
    """
    if verdict.status.masked or (completion.truncated and policy.truncated == "mask"):
        return Reward(None)
    if completion.truncated and policy.truncated == "incorrect":
        return Reward(policy.incorrect, {"verdict": policy.incorrect})
    parts = {"verdict": _base(policy, verdict)}
    for name, weight in policy.parts.items():
        value = verdict.parts.get(name, 0.0)
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            return Reward(None)  # a part that is paid for wasn't decided, through no fault of the model
        parts[name] = weight * float(value)
    return Reward(sum(parts.values()), parts)


def part_weights(policy: Rewards) -> dict[str, float]:
    """What each part of a reward weighs: "verdict" as much as a correct answer pays more than an incorrect one."""
    return {"verdict": policy.correct - policy.incorrect, **policy.parts}


def _base(policy: Rewards, verdict: Verdict) -> float:
    if policy.partial and verdict.status in (Status.CORRECT, Status.INCORRECT):
        return policy.incorrect + verdict.score * (policy.correct - policy.incorrect)
    base: float = getattr(policy, str(verdict.status))
    return base
