"""What a rescored run shows, and how two descriptions of verifiers differ."""

from pathlib import Path
from typing import Any

import pytest

from rlvr.runner.analysis.rescore import Rescored
from rlvr.runner.analysis.rescore_summary import differences, summarize_rescored
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict


def rescored(
    group: int, before: float | None, now: float | None, *, advantages: tuple[float, float] = (0.0, 0.0), **example: Any
) -> Rescored:
    """A rollout that was rewarded with `before` and would be with `now`; None: the verdict is an error."""

    def verdict(reward: float | None) -> Verdict:
        return Verdict.error("broken") if reward is None else Verdict.of(reward == 1, "4", f"found {reward}")

    saved = Rollout(
        Example("train-1", "2+2?", "4", **example),
        "2+2?",
        Completion("4"),
        verdict(before),
        Reward(before),
        advantages[0],
        group,
        1,
    )
    return Rescored({}, saved, verdict(now), Reward(now), advantages[1])


def test_flips_are_counted_with_examples_and_those_that_changed_come_first() -> None:
    flips = summarize_rescored(
        [rescored(0, 1.0, 1.0), *[rescored(0, 0.0, 1.0)] * 5, rescored(0, None, 0.0)], None, None
    ).flips
    assert [(flip.before, flip.now, flip.rollouts, len(flip.examples)) for flip in flips] == [
        (Status.INCORRECT, Status.CORRECT, 5, 3),
        (Status.ERROR, Status.INCORRECT, 1, 1),
        (Status.CORRECT, Status.CORRECT, 1, 0),
    ]
    assert (flips[0].examples[0].reason, flips[0].examples[0].new_reason) == ("found 0.0", "found 1.0")


def test_groups_that_gain_and_lose_their_signal() -> None:
    members = [
        rescored(0, 1.0, 1.0),
        rescored(0, 1.0, 0.0),
        rescored(1, 0.0, 1.0),
        rescored(1, 1.0, 1.0),
        rescored(2, None, None),
    ]
    groups = summarize_rescored(members, None, None).groups
    assert (groups.groups, groups.no_variance_then, groups.no_variance_now) == (3, 2, 2)
    assert (groups.gained, groups.lost) == (1, 1)


def test_masked_rewards_are_left_out_of_the_means_and_count_as_changed() -> None:
    reward = summarize_rescored([rescored(0, 1.0, None), rescored(0, 0.0, 0.0)], None, None).reward
    assert (reward.then, reward.now, reward.changed) == (0.5, 0.0, 1)
    assert summarize_rescored([rescored(0, None, None)], None, None).reward.then is None


@pytest.mark.parametrize(
    ("then", "now", "moved", "turned"),
    [(0.5, 0.52, 0, 0), (0.5, 0.9, 1, 0), (0.5, -0.5, 1, 1), (0.01, -0.02, 0, 0), (0.0, 0.5, 1, 0)],
)
def test_advantages(then: float, now: float, moved: int, turned: int) -> None:
    advantages = summarize_rescored([rescored(0, 1.0, 1.0, advantages=(then, now))], None, None).advantages
    assert (advantages.moved, advantages.turned) == (moved, turned)


def test_categories() -> None:
    members = [
        rescored(0, 1.0, 0.0, category="b"),
        rescored(0, None, 1.0, category="a"),
        rescored(0, 0.0, 1.0, category="b"),
    ]
    first, second = summarize_rescored(members, None, None).by_category
    assert (first.category, first.rollouts, first.flipped, first.correct_then, first.correct_now) == (
        "a",
        1,
        1,
        None,
        1.0,
    )
    assert (second.category, second.rollouts, second.flipped, second.correct_then, second.correct_now) == (
        "b",
        2,
        2,
        0.5,
        0.5,
    )


@pytest.mark.parametrize(
    ("then", "now", "found"),
    [
        ({"name": "a", "version": "1"}, {"name": "a", "version": "1"}, []),
        ({"name": "a", "version": "1"}, {"name": "a", "version": "2"}, ['version: "1" -> "2"']),
        ({"options": {"x": 1}}, {"options": {"y": [1]}}, ["options.x: 1 -> not set", "options.y: not set -> [1]"]),
        ({"of": {"p": {"weight": 1.0}}}, {"of": {"p": {"weight": 2.0}}}, ["of.p.weight: 1.0 -> 2.0"]),
        ({"x": {"name": "a"}}, {"name": "a"}, ['x: {"name": "a"} -> not set', 'name: not set -> "a"']),
        ({"options": {"path": Path("a")}}, {"options": {"path": "a"}}, []),  # as JSON keeps it
    ],
)
def test_what_differs(then: object, now: object, found: list[str]) -> None:
    assert differences(then, now) == found
