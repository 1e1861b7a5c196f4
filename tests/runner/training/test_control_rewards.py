"""What a control reward pays must not depend on what the verifier found."""

from collections import Counter

import pytest

from rlvr.runner.training.control_rewards import control_reward
from rlvr.tasks.reward import reward
from rlvr.tasks.schema import RewardRule
from rlvr.verifiers.types import Completion, Reward, Status, Verdict

RULE = RewardRule(correct=2.0, incorrect=-1.0, unparsed=-2.0, parts={"format": 0.5})
CONTROLS = ("random", "format-only", "constant")


def verdict(status: Status) -> Verdict:
    return Verdict(status, float(status is Status.CORRECT), parts={"format": 1.0})


def paid(source: str, status: Status, key: str = "k", rule: RewardRule = RULE, finish: str = "stop") -> Reward:
    found = verdict(status)
    return control_reward(source, rule, found, reward(rule, Completion("x", finish_reason=finish), found), key)


@pytest.mark.parametrize("status", Status)
def test_the_verifier_pays_what_the_pack_pays(status: Status) -> None:
    assert paid("verifier", status) == reward(RULE, Completion("x"), verdict(status))


@pytest.mark.parametrize(
    ("source", "status", "value"),
    [
        ("constant", Status.CORRECT, 2.0),
        ("constant", Status.INCORRECT, 2.0),
        ("constant", Status.UNPARSED, 2.0),
        ("constant", Status.TIMEOUT, 2.0),
        ("format-only", Status.CORRECT, 2.0),
        ("format-only", Status.INCORRECT, 2.0),
        ("format-only", Status.UNPARSED, -1.0),
        ("format-only", Status.TIMEOUT, -1.0),
    ],
)
def test_what_is_paid(source: str, status: Status, value: float) -> None:
    assert paid(source, status) == Reward(value, {"control": value})


@pytest.mark.parametrize("source", CONTROLS)
def test_what_is_masked_stays_masked(source: str) -> None:
    assert paid(source, Status.ERROR).value is None
    assert paid(source, Status.SKIPPED).value is None
    cut = RULE.model_copy(update={"truncated": "mask"})
    assert paid(source, Status.CORRECT, rule=cut, finish="length").value is None


def test_the_coin_is_fair() -> None:
    counts = Counter(paid("random", Status.CORRECT, f"0-{step}-3-1-0").value for step in range(4000))
    assert set(counts) == {2.0, -1.0}
    assert abs(counts[2.0] - 2000) < 4 * (4000 * 0.25) ** 0.5


def test_the_coin_is_independent_of_the_verdict() -> None:
    for key in map(str, range(50)):
        assert len({paid("random", status, key).value for status in Status if not status.masked}) == 1


def test_the_coin_follows_from_its_key() -> None:
    keys = [f"{seed}-{step}" for seed in range(2) for step in range(64)]
    first, second = ([paid("random", Status.CORRECT, key).value for key in keys] for _ in range(2))
    assert first == second
    assert first[:64] != first[64:]
