"""What the live view shows of a step, as lines and bars."""

import pytest

from rlvr.runner.alarms import Alarm, Severity
from rlvr.runner.display.panel import (
    alarm_line,
    answer_line,
    line,
    of_different_groups,
    rollout_lines,
    spark,
    statuses,
    time_split,
)
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict

ROW = {"step": 1, "reward": 0.5, "reward_std": 0.1, "verdicts/correct": 0.5, "verdicts/error": 0.1, "time/step": 1.5}


FULL = ROW | {
    "verdicts/correct": 0.4, "verdicts/incorrect": 0.5, "shadow/disagreement": 0.25, "reward_parts/verdict": 0.4,
    "reward_parts/format": 0.1, "time/generate": 2.0, "time/verify": 0.5, "time/wait": 0.01, "time/update": 1.0,
    "time/sync": 0.25, "tokens/generated": 1000.0, "tokens/per_useful": 2.5, "category/a [b]/pass_rate": 0.75,
    "category/c\x1b/pass_rate": 0.25,
}  # fmt: skip


def rollout(text: str, value: float | None = 1.0, group: int = 0, status: str = "correct") -> Rollout:
    verdict = Verdict(Status(status), float(status == "correct"), text, "so")
    return Rollout(Example("1", "q", "gold"), "p", Completion(text), verdict, Reward(value), None, group, 1)


def test_nothing_that_a_model_writes_steers_the_terminal() -> None:
    lines = rollout_lines([rollout("a\x1b[2Jb\x07\n[red]c\u202e"), rollout("x" * 200, None)])
    assert "a�[2Jb� [red]c�" in lines[0].plain
    assert "\x1b" not in lines[0].plain
    assert "masked" in lines[1].plain


def test_rollouts_of_different_groups() -> None:
    members = [rollout(f"{g}{s}", group=g, status=s) for g in range(3) for s in ("incorrect", "correct")]
    assert [one.completion.text for one in of_different_groups(members)] == ["0correct", "1incorrect", "2correct"]
    assert [one.group for one in of_different_groups([rollout("x", group=7)])] == [7]
    assert of_different_groups([]) == []


def test_a_plain_line() -> None:
    assert line(FULL, 10) == (
        "step 1/10  reward 0.500  correct 40%  length 0  1.5 s (generate 2.00, verify 0.50, wait 0.01, update 1.00, "
        "sync 0.25)  500 tokens/s"
    )


def test_statuses_and_times() -> None:
    assert (
        statuses(FULL).plain == "verdicts correct 40%  incorrect 50%  error 10%  the shadow verifier disagrees on 25%"
    )
    assert (
        time_split(FULL).plain
        == "step 1.5 s: generate 2.00 s  verify 0.50 s  wait 0.01 s  update 1.00 s  sync 0.25 s  "
    )
    assert statuses({"step": 1, "verdicts/correct": float("nan")}).plain == "verdicts "


def test_the_end_of_an_answer_with_what_was_extracted() -> None:
    shown = answer_line("x" * 200 + " #### 4", Verdict.of(True, "4"), "4").plain
    assert shown.startswith("  correct   …")
    assert shown.endswith("x #### 4  [extracted 4, gold 4]")
    assert "[extracted nothing, gold 4]" in answer_line("?", Verdict.unparsed("no #### line"), "4").plain


def test_an_alarm() -> None:
    shown = alarm_line(Alarm(3, "entropy", Severity.CRITICAL, "exploration\nends"))
    assert shown.plain == "critical: entropy at step 3: exploration ends"


@pytest.mark.parametrize(
    ("values", "bars"),
    [([0.0, 1.0], "▁█"), ([1.0, 1.0], "▁▁"), ([0.0, 0.5, 1.0, 0.0], "▄█▁"), ([-1.0, 1.0, 0.0], "▁█▄")],
)
def test_spark(values: list[float], bars: str) -> None:
    assert spark(values, 3) == bars
