"""Control arms: sham rewards under which a run is otherwise the same.

What improves under these too was not taught by the verifier (compare Shao et al. 2025, Spurious RewardRule,
arXiv:2506.10947). Verdicts are recorded as they are; masked rewards stay masked.
"""

import random
from typing import Literal

from rlvr.tasks.schema import RewardRule
from rlvr.verifiers.types import Reward, Status, Verdict

Arm = Literal["verifier", "random", "format-only", "constant"]


def arm_reward(arm: Arm, policy: RewardRule, verdict: Verdict, honest: Reward, key: str) -> Reward:
    """The reward that `arm` pays where the pack would pay `honest`; `key` seeds the coin of the random arm.

    random: `correct` or `incorrect` by a fair coin; format-only: `correct` for every answer that could be read;
    constant: always `correct`.
    """
    if arm == "verifier" or honest.value is None:
        return honest
    paid = {
        "random": random.Random(key).random() < 0.5,
        "format-only": verdict.status in (Status.CORRECT, Status.INCORRECT),
        "constant": True,
    }[arm]
    value = policy.correct if paid else policy.incorrect
    return Reward(value, {"sham": value})
