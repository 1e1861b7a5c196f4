"""What a pack pays for a verdict; infrastructure errors are masked."""

import math
from typing import Any

import pytest

from rlvr.tasks.reward import reward
from rlvr.tasks.schema import RewardRule
from rlvr.verifiers.types import Completion, Status, Verdict

WHOLE, CUT = Completion("x"), Completion("x", finish_reason="length")
PAID = RewardRule(correct=2.0, incorrect=-1.0, unparsed=-2.0, timeout=-3.0)


def verdict(status: str, score: float = 0.0, **parts: Any) -> Verdict:
    return Verdict(Status(status), score, parts=parts)


@pytest.mark.parametrize(
    ("rule", "completion", "given", "value"),
    [
        (RewardRule(), WHOLE, verdict("correct", 1.0), 1.0),
        *[(RewardRule(), WHOLE, verdict(status), 0.0) for status in ("incorrect", "unparsed", "timeout")],
        *[(RewardRule(), WHOLE, verdict(status), None) for status in ("error", "skipped")],
        (PAID, WHOLE, verdict("correct", 1.0), 2.0),
        (PAID, WHOLE, verdict("incorrect"), -1.0),
        (PAID, WHOLE, verdict("unparsed"), -2.0),
        (PAID, WHOLE, verdict("timeout"), -3.0),
        (PAID, WHOLE, verdict("error"), None),
        # A partial score counts only if the pack says so, and lies between the two rewards.
        (PAID, WHOLE, verdict("incorrect", 0.5), -1.0),
        (PAID.model_copy(update={"partial": True}), WHOLE, verdict("incorrect", 0.5), 0.5),
        (PAID.model_copy(update={"partial": True}), WHOLE, verdict("correct", 1.0), 2.0),
        (PAID.model_copy(update={"partial": True}), WHOLE, verdict("unparsed"), -2.0),
        # Completions that the token limit cut off.
        (RewardRule(truncated="verify"), CUT, verdict("correct", 1.0), 1.0),
        (RewardRule(truncated="incorrect", incorrect=-1), CUT, verdict("correct", 1.0), -1.0),
        (RewardRule(truncated="mask"), CUT, verdict("correct", 1.0), None),
        (RewardRule(truncated="mask"), WHOLE, verdict("correct", 1.0), 1.0),
        (RewardRule(truncated="incorrect"), CUT, verdict("error"), None),
        # Parts are added on top; one that is missing pays nothing.
        (RewardRule(parts={"format": 0.1}), WHOLE, verdict("incorrect", format=1.0), 0.1),
        (RewardRule(parts={"format": 0.1, "brevity": -2}), WHOLE, verdict("correct", 1.0, format=True, brevity=0.5), 0.1),
        (RewardRule(parts={"format": 0.1}), WHOLE, verdict("correct", 1.0), 1.0),
        (RewardRule(parts={"format": 0.1}), WHOLE, verdict("correct", 1.0, format="yes"), None),
        (RewardRule(parts={"format": 0.1}), WHOLE, verdict("correct", 1.0, format=math.nan), None),
        (RewardRule(parts={"format": 0.1}), WHOLE, verdict("error", format=1.0), None),
        # A rewarded part that wasn't decided (of a composite that failed, or by a verifier with a bug) masks the verdict.
        (RewardRule(parts={"format": 0.1}), WHOLE, verdict("incorrect", format=None), None),
        (RewardRule(), WHOLE, verdict("incorrect", format=None), 0.0),
    ],
)  # fmt: skip
def test_reward(rule: RewardRule, completion: Completion, given: Verdict, value: float | None) -> None:
    paid = reward(rule, completion, given)
    assert paid.value == (None if value is None else pytest.approx(value))
    if value is None:
        assert paid.parts == {}
    else:
        assert sum(paid.parts.values()) == pytest.approx(value)
        assert set(paid.parts) <= {"verdict", *rule.parts}
