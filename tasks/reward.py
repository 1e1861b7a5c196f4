"""What a pack pays for a verdict. `error` and `skipped` have no reward: they are masked."""

import math

from rlvr.tasks.schema import RewardRule
from rlvr.verifiers.types import Completion, Reward, Status, Verdict


def reward(rule: RewardRule, completion: Completion, verdict: Verdict) -> Reward:
    """The reward of one verdict; `value` is None if it is masked.

    value = the status's reward (with `partial`: between `incorrect` and `correct`, by the score)
            + sum of weight * part over `[reward.parts]`
    """
    if verdict.status.masked:
        return Reward(None, masked="verdict")
    if completion.truncated and rule.truncated == "mask":
        return Reward(None, masked="truncated")
    if completion.truncated and rule.truncated == "incorrect":
        return Reward(rule.incorrect, {"verdict": rule.incorrect})
    parts = {"verdict": _base(rule, verdict)}
    for name, weight in rule.parts.items():
        value = verdict.parts.get(name, 0.0)
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            return Reward(None, masked="part")  # it wasn't decided, through no fault of the model
        parts[name] = weight * float(value)
    return Reward(sum(parts.values()), parts)


def part_weights(rule: RewardRule) -> dict[str, float]:
    """Part -> weight in a reward. The weight of "verdict" is the reward of a correct answer less that of an incorrect one."""
    return {"verdict": rule.correct - rule.incorrect, **rule.parts}


def _base(rule: RewardRule, verdict: Verdict) -> float:
    if rule.partial and verdict.status in (Status.CORRECT, Status.INCORRECT):
        return rule.incorrect + verdict.score * (rule.correct - rule.incorrect)
    base: float = getattr(rule, str(verdict.status))
    return base
