"""Control rewards: a run is the same, but it is paid without regard to what is correct.

What improves under these too was not taught by the verifier (compare Shao et al. 2025, Spurious Rewards,
arXiv:2506.10947). Verdicts are recorded as they are; masked rewards stay masked.
"""

import random
from typing import Literal

from rlvr.tasks.schema import RewardRule
from rlvr.verifiers.types import Reward, Status, Verdict

RewardSource = Literal["verifier", "random", "format-only", "constant"]  # the setting `reward` of a run


def control_reward(source: RewardSource, rule: RewardRule, verdict: Verdict, honest: Reward, key: str) -> Reward:
    """The reward that `source` pays for a verdict for which the pack pays `honest`, by `rule`.

    verifier: `honest`; random: `correct` or `incorrect` by a fair coin, seeded with `key`; format-only: `correct` for every
    answer that could be read; constant: always `correct`.
    """
    if source == "verifier" or honest.value is None:
        return honest
    pays = {
        "random": random.Random(key).random() < 0.5,
        "format-only": verdict.status in (Status.CORRECT, Status.INCORRECT),
        "constant": True,
    }[source]
    value = rule.correct if pays else rule.incorrect
    return Reward(value, {"control": value})
