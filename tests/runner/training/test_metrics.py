"""A step's figures, counted by hand."""

import pytest

from rlvr.runner.training import metrics as metrics_module
from rlvr.runner.training.metrics import StepClock, step_metrics
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict

GROUP = 2


def rollout(
    value: float | None, *, category: str = "a", tokens: int = 1, status: Status | None = None, shadow: str = ""
) -> Rollout:
    if status is None:
        status = Status.ERROR if value is None else (Status.CORRECT if value else Status.INCORRECT)
    verdict = Verdict(status, float(status is Status.CORRECT))
    rewards = Reward(value, {} if value is None else {"verdict": value})
    completion, second = Completion("", (5,) * tokens), Status(shadow) if shadow else None
    return Rollout(Example("", "", "", category), "", completion, verdict, rewards, 0.0, 0, 1, second)


def test_tokens_of_groups_that_teach_are_useful() -> None:
    metrics = step_metrics(
        [rollout(1.0, tokens=3), rollout(0.0, tokens=4), rollout(1.0, tokens=5), rollout(1.0, tokens=6)], GROUP, 40
    )
    assert metrics["tokens/generated"] == 40  # groups that were replaced are in it
    assert metrics["tokens/useful"] == 7
    assert metrics["tokens/per_useful"] == pytest.approx(40 / 7)
    assert metrics["groups/no_variance"] == 0.5


def test_where_nothing_teaches_there_is_no_ratio() -> None:
    metrics = step_metrics([rollout(0.0), rollout(0.0), rollout(None), rollout(None)], GROUP, 4)
    assert metrics["tokens/useful"] == 0
    assert "tokens/per_useful" not in metrics
    assert metrics["groups/no_variance"] == 1.0


def test_a_masked_completion_is_no_variance() -> None:
    metrics = step_metrics([rollout(1.0), rollout(None), rollout(1.0), rollout(0.0)], GROUP, 4)
    assert metrics["groups/no_variance"] == 0.5


def test_statuses_are_shares_of_all() -> None:
    metrics = step_metrics([rollout(1.0), rollout(0.0), rollout(None), rollout(0.0, status=Status.UNPARSED)], GROUP, 4)
    assert {name: metrics[f"verdicts/{name}"] for name in Status} == {
        "correct": 0.25, "incorrect": 0.25, "unparsed": 0.25, "timeout": 0.0, "error": 0.25, "skipped": 0.0,
    }  # fmt: skip
    assert metrics["reward_parts/verdict"] == pytest.approx(1 / 3)


def test_categories_are_shown_where_there_are_several() -> None:
    metrics = step_metrics(
        [
            rollout(1.0, tokens=2), rollout(0.0, tokens=4), rollout(None), rollout(None),
            rollout(1.0, category="b"), rollout(1.0, category="b"), rollout(0.0, category="b"), rollout(0.0, category="b"),
        ],
        GROUP,
        9,
    )  # fmt: skip
    assert {key.removeprefix("category/a/"): value for key, value in metrics.items() if "category/a/" in key} == {
        "share": 0.5, "no_variance": 0.5, "length": 2.0, "reward": 0.5, "pass_rate": 0.5,
        "verdicts/correct": 0.25, "verdicts/incorrect": 0.25, "verdicts/unparsed": 0.0, "verdicts/timeout": 0.0,
        "verdicts/error": 0.5, "verdicts/skipped": 0.0,
    }  # fmt: skip
    assert metrics["category/b/no_variance"] == 1.0
    assert metrics["category/b/reward"] == metrics["category/b/pass_rate"] == 0.5
    assert not any(key.startswith("category/") for key in step_metrics([rollout(1.0), rollout(0.0)], GROUP, 2))


def test_a_category_in_which_all_is_masked_has_no_reward() -> None:
    metrics = step_metrics([rollout(None), rollout(None), rollout(1.0, category="b"), rollout(0.0, category="b")], 2, 4)
    assert "category/a/reward" not in metrics
    assert "category/a/pass_rate" not in metrics
    assert metrics["category/a/verdicts/error"] == 1.0


def test_a_shadow_disagrees_where_it_says_something_else() -> None:
    metrics = step_metrics(
        [
            rollout(1.0, shadow="correct"), rollout(1.0, shadow="incorrect"),
            rollout(0.0, shadow="unparsed"), rollout(0.0, shadow="correct"),
        ],
        GROUP,
        4,
    )  # fmt: skip
    assert metrics["shadow/disagreement"] == 0.5


def test_a_failure_of_ours_is_no_disagreement() -> None:
    rollouts = [rollout(1.0, shadow="error"), rollout(None, shadow="correct")]
    assert "shadow/disagreement" not in step_metrics(rollouts, GROUP, 2)
    rollouts = [*rollouts, rollout(1.0, shadow="incorrect"), rollout(1.0, shadow="skipped")]
    assert step_metrics(rollouts, GROUP, 4)["shadow/disagreement"] == 1.0


def test_phases_of_a_step_add_up_whatever_is_measured_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(metrics_module.time, "perf_counter", lambda: now)
    clock = StepClock()
    for _ in range(2):
        clock.start()
        now += 1.0
        with clock.measure("generate"):
            now += 2.0
            with clock.measure("sync"):
                now += 4.0
            now += 8.0
        with clock.measure("verify"):
            now += 16.0
        with clock.measure("generate"):
            now += 32.0
        assert clock.metrics() == {
            "time/step": 63.0, "time/generate": 42.0, "time/verify": 16.0, "time/sync": 4.0, "time/update": 1.0,
        }  # fmt: skip
