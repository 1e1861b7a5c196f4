"""Alarms: silent on healthy runs with realistic noise, and each made pathology is found soon, with rollouts that show it."""

import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from rlvr.intervals import wilson
from rlvr.runner.alarms import Alarm, Alarms, AlarmSettings, Severity, replay
from rlvr.runner.alarms.detectors import DETECTORS
from rlvr.runner.alarms.history import RolloutView, Series, view_of
from rlvr.runner.alarms.settings import Name
from rlvr.runner.evaluation.summary import Summary
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict

GROUPS, SIZE, STEPS = 4, 4, 260
ONSET = 100  # the step from which a made pathology shows
HEALTHY_RUNS, HEALTHY_STEPS = 50, 300
ALLOWED = 2  # false alarms in all of these runs together
WORDS = ["so", "then", "we", "add", "take", "carry", "the", "one", "two", "three", "four", "five", "six"]
Step = dict[str, Any]  # row, rollouts, evaluations


def rollout(step: int, index: int, right: bool, draw: random.Random, **changes: Any) -> dict[str, Any]:
    """One rollout's row: a chain of reasoning of its own, with an answer."""
    words = " ".join(draw.choice(WORDS) for _ in range(12))
    answer = str(step * 100 + index // SIZE if right else draw.randrange(10**6))
    row = {
        "step": step, "group": index // SIZE, "category": "small" if index // SIZE % 2 else "large",
        "prompt": f"How many apples are left over of basket {step}-{index // SIZE} when Ann has eaten a few of them?",
        "completion": f"{words} #### {answer}", "finish_reason": "stop", "extracted": answer,
        "status": "correct" if right else "incorrect", "parts": {}, "reward": float(right), "advantage": draw.gauss(0, 1),
    }  # fmt: skip
    return row | changes


def learning(step: int, steps: int = HEALTHY_STEPS) -> float:
    """The share of right answers of a policy that learns: 15 % -> 75 %."""
    return 0.15 + 0.6 / (1 + math.exp(-8 * (step / steps - 0.5)))


def healthy(seed: int, steps: int = HEALTHY_STEPS) -> Iterator[Step]:
    """A run whose reward rises, with noise, drifting lengths, falling entropy and a wild gradient here and there."""
    draw = random.Random(seed)
    start_entropy, drift, speed = draw.uniform(0.3, 3), draw.uniform(-0.2, 0.6), draw.uniform(0.3, 1.2)
    for step in range(1, steps + 1):
        share, done = learning(step, steps), step / steps
        seen = min(1.0, max(0.0, draw.gauss(share, 0.06)))
        form = min(1.0, 0.5 + 2 * done)
        rows = [rollout(step, i, draw.random() < share, draw) for i in range(GROUPS * SIZE)]
        metrics = {
            "step": step,
            "loss": draw.gauss(0, 0.02),
            "grad_norm": draw.lognormvariate(-1, 0.5) * (30 if draw.random() < 0.002 else 1),
            "completions/mean_length": 200 * (1 + drift * done) * draw.lognormvariate(0, 0.08),
            "completions/clipped_ratio": max(0.0, draw.gauss(0.05, 0.03)),
            "reward": seen + 0.1 * form,
            "frac_reward_zero_std": min(1.0, max(0.0, draw.gauss(0.25 + 0.2 * done, 0.08))),
            "kl": 0.3 * done * draw.lognormvariate(0, 0.2),
            "entropy": start_entropy * math.exp(-speed * done) * draw.lognormvariate(0, 0.1),
            "clip_ratio/region_mean": abs(draw.gauss(0, 0.03)),
            "verdicts/correct": seen,
            "verdicts/error": 0.0,
            "reward_parts/verdict": seen,
            "reward_parts/format": 0.1 * form * draw.lognormvariate(0, 0.02),
            "category/small/pass_rate": min(1.0, max(0.0, draw.gauss(share, 0.12))),
            "category/large/pass_rate": min(1.0, max(0.0, draw.gauss(share, 0.12))),
        }
        found = [evaluation(step, draw.gauss(share, 0.03))] if step % 50 == 0 else []
        yield {"row": metrics, "rollouts": rows, "evaluations": found}


def evaluation(step: int, share: float, questions: int = 200) -> dict[str, Any]:
    right = round(min(1.0, max(0.0, share)) * questions)
    return {"step": step, "strict": {"accuracy": right / questions, "interval": list(wilson(right, questions))}}


def record(row: dict[str, Any]) -> Rollout:
    verdict = Verdict(Status(row["status"]), float(row["status"] == "correct"), row["extracted"], "", row["parts"])
    completion = Completion(row["completion"], finish_reason=row["finish_reason"])
    example = Example("1", row["prompt"], "", row["category"])
    reward = Reward(row["reward"])
    shadow = Status(row["shadow"]) if "shadow" in row else None
    return Rollout(
        example, row["prompt"], completion, verdict, reward, row["advantage"], row["group"], row["step"], shadow
    )


def observed(watch: Alarms, one: Step) -> list[Alarm]:
    return watch.observe(one["row"], [*map(record, one["rollouts"])], [*map(Summary.from_json, one["evaluations"])])


def observe(steps: Iterator[Step], settings: AlarmSettings | None = None) -> list[Alarm]:
    watch = Alarms(settings)
    return [alarm for one in steps for alarm in observed(watch, one)]


def test_healthy_runs_are_left_alone() -> None:
    found = [(seed, alarm) for seed in range(HEALTHY_RUNS) for alarm in observe(healthy(seed))]
    assert len(found) <= ALLOWED, [(seed, alarm.step, alarm.name, alarm.message) for seed, alarm in found]
    assert not any(alarm.critical for _, alarm in found)


# ---- each pathology, from step ONSET on: (alarm, what happens to a step, steps within which it must be found)

Change = Callable[[Step, int, random.Random], None]


def metric(name: str, value: Callable[[float, int], float]) -> Change:
    """A metric becomes `value(what it was, steps since the onset)`."""

    def change(one: Step, since: int, draw: random.Random) -> None:
        one["row"][name] = value(one["row"][name], since)

    return change


def together(*changes: Change) -> Change:
    def change(one: Step, since: int, draw: random.Random) -> None:
        for single in changes:
            single(one, since, draw)

    return change


def stands(one: Step, since: int, draw: random.Random) -> None:
    """Nothing is learned any more: right answers stay at the level of the onset."""
    share = learning(ONSET)
    for name in ("reward", "verdicts/correct", "reward_parts/verdict"):
        one["row"][name] = min(1.0, max(0.0, draw.gauss(share, 0.03))) + (0.1 if name == "reward" else 0)
    for place, row in enumerate(one["rollouts"]):
        one["rollouts"][place] = rollout(row["step"], place, draw.random() < share, draw)
    one["evaluations"] = [evaluation(found["step"], learning(ONSET)) for found in one["evaluations"]]


def every(share: float, **changes: Any) -> Change:
    """A share of the rollouts is changed."""

    def change(one: Step, since: int, draw: random.Random) -> None:
        for row in one["rollouts"]:
            if draw.random() < share:
                row |= {key: value(row) if callable(value) else value for key, value in changes.items()}

    return change


def doubted(one: Step, since: int, draw: random.Random) -> None:
    for row in one["rollouts"]:
        row["shadow"] = "incorrect" if row["status"] == "correct" and draw.random() < 0.6 else row["status"]


def spikes(one: Step, since: int, draw: random.Random) -> None:
    if since % 12 == 0:
        one["row"]["grad_norm"] *= 60


def held_out_falls(one: Step, since: int, draw: random.Random) -> None:
    one["evaluations"] = [evaluation(found["step"], 0.17) for found in one["evaluations"]]


PATHOLOGIES: list[tuple[str, Change, int]] = [
    ("not_finite", metric("loss", lambda was, since: math.nan), 1),
    ("entropy", together(stands, metric("entropy", lambda was, since: was * math.exp(-since / 10))), 60),
    ("no_variance", metric("frac_reward_zero_std", lambda was, since: min(1.0, was + since / 20)), 45),
    ("reward_fall", metric("reward", lambda was, since: 0.15), 40),
    ("category_fall", metric("category/small/pass_rate", lambda was, since: 0.0), 60),
    ("length", together(stands, metric("completions/mean_length", lambda was, since: was * (1 + since / 10))), 90),
    ("length", together(stands, metric("completions/mean_length", lambda was, since: was / (1 + since / 10))), 90),
    ("truncation", every(0.7, finish_reason="length", extracted=None, status="unparsed", reward=0.0), 40),
    ("format_only", together(stands, metric("reward_parts/format", lambda was, since: 0.1 + since / 200)), 90),
    ("wrong_paid", together(stands, every(1.0, reward=lambda row: max(row["reward"], 0.8)),
                            metric("completions/mean_length", lambda was, since: was / (1 + since / 10))), 20),
    ("shadow", doubted, 40),
    ("identical", every(0.9, completion="#### 7", status="incorrect", extracted="7"), 40),
    ("identical", every(1.0, completion=lambda row: "the same long way to the answer in every case " + str(row["group"])), 40),
    ("echo", every(0.6, completion=lambda row: row["prompt"]), 40),
    ("held_out", held_out_falls, 110),
    ("clip", metric("clip_ratio/region_mean", lambda was, since: 0.45), 40),
    ("kl", metric("kl", lambda was, since: 0.3 + since / 10), 40),
    ("gradient", metric("grad_norm", lambda was, since: 0.0), 40),
    ("gradient", spikes, 60),
    ("one_part", together(metric("reward_parts/format", lambda was, since: 0.9),
                          metric("reward_parts/verdict", lambda was, since: 0.1)), 40),
    ("plateau", stands, 160),
]  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("name", "change", "within"), PATHOLOGIES, ids=[f"{i}-{p[0]}" for i, p in enumerate(PATHOLOGIES)]
)
def test_a_pathology_is_found(name: str, change: Change, within: int, seed: int) -> None:
    draw = random.Random(seed)
    steps = list(healthy(seed))[:STEPS] if name != "plateau" else list(healthy(seed))
    for one in steps[ONSET:]:
        change(one, one["row"]["step"] - ONSET, draw)
    found = [alarm for alarm in observe(iter(steps)) if alarm.name == name]
    assert found, "no alarm"
    first = found[0]
    assert ONSET < first.step <= ONSET + within + (20 if name == "plateau" else 0)
    assert "\n" not in first.message
    for step, index in first.rollouts:
        assert step == first.step
        assert 0 <= index < GROUPS * SIZE


def test_every_detector_is_tried() -> None:
    # `dead_part` shows from the first step on, below.
    assert {name for name, _, _ in PATHOLOGIES} | {"dead_part"} == set(DETECTORS) == set(get_args(Name))


def test_a_part_that_never_pays() -> None:
    rows = [{"step": step, "reward_parts/verdict": 0.5, "reward_parts/fromat": 0.0} for step in range(1, 80)]
    found = observe(iter({"row": row, "rollouts": (), "evaluations": ()} for row in rows))
    assert [(alarm.step, alarm.name) for alarm in found] == [(69, "dead_part")]
    assert "'fromat'" in found[0].message


@pytest.mark.parametrize(
    ("name", "row", "named"),
    [
        ("shadow", {"shadow": "incorrect"}, True),
        ("truncation", {"finish_reason": "length", "extracted": None, "status": "unparsed"}, True),
        ("identical", {"completion": "#### 7", "status": "incorrect"}, True),
    ],
)
def test_the_rollouts_that_are_named_show_it(name: str, row: dict[str, Any], named: bool) -> None:
    steps = list(healthy(3))[:60]
    for one in steps:
        for index, found in enumerate(one["rollouts"]):
            found["status"] = "correct"
            if index % 4 != 1:
                found |= row
    alarm = next(alarm for alarm in observe(iter(steps)) if alarm.name == name)
    assert alarm.rollouts
    assert all(index % 4 != 1 for _, index in alarm.rollouts)
    assert len({index // SIZE for _, index in alarm.rollouts[:GROUPS]}) == GROUPS  # of different groups first


# ---- the reward that taught GSM8K's format alone (docs/rewards.md): 1.0 for a correct answer, 0.1 for the format
# Mean reward, correct and mean length of each step: 32 completions, 4 questions with 8 each. The lengths between the
# first and the sixth step, 112 and 39 tokens, are interpolated.

FORMAT_RUN = [
    (0.075, 1, 112), (0.169, 3, 97), (0.094, 0, 83), (0.084, 0, 68), (0.097, 0, 54), (0.100, 0, 39), (0.125, 1, 39),
    (0.100, 0, 39),
]  # fmt: skip
QUESTIONS, COMPLETIONS = 4, 8


def format_run(shorter: bool = True, lenient: bool = False) -> Iterator[Step]:
    """That run. `shorter=False`: its completions keep their length; `lenient`: half pays the right number, whatever its form."""
    size = QUESTIONS * COMPLETIONS
    for step, (reward, right, length) in enumerate(FORMAT_RUN, 1):
        formatted = round((reward * size - right) / 0.1)  # the right ones are among them
        order = random.Random(step).sample(range(size), size)
        rows = []
        for index in range(size):
            place = order.index(index)
            form = place < formatted
            pay = (1.0 if place < right else 0.0) + (0.1 if form else 0.0)
            if lenient:
                pay = 0.5 if place < right or place % 3 == 0 else 0.0
            text = f"#### {step}{index}" if form else f"so many words of question {index // COMPLETIONS} and {index}"
            rows.append(
                rollout(step, index, place < right, random.Random(index), group=index // COMPLETIONS, reward=pay,
                        completion=text, status="correct" if place < right else "incorrect" if form else "unparsed")
            )  # fmt: skip
        assert lenient or math.isclose(sum(row["reward"] for row in rows) / size, reward, abs_tol=0.001)
        no_variance = sum(len({r["reward"] for r in rows if r["group"] == group}) == 1 for group in range(QUESTIONS))
        metrics = {
            "step": step, "reward": reward, "verdicts/correct": right / size, "verdicts/error": 0.0,
            "completions/mean_length": length if shorter else 112, "frac_reward_zero_std": no_variance / QUESTIONS,
            "reward_parts/verdict": right / size, "reward_parts/format": formatted * 0.1 / size,
        }  # fmt: skip
        yield {"row": metrics, "rollouts": rows, "evaluations": []}


def test_a_policy_that_learns_the_format_alone() -> None:
    alarms = observe(format_run())
    assert [(alarm.name, alarm.step, alarm.severity) for alarm in alarms] == [("wrong_paid", 8, Severity.WARNING)]
    assert alarms[0].message.startswith(
        "wrong answers earn 80% of the reward, most of it by part 'format'; right answers are at 2%, and completions went "
        "from 90 to 39 tokens: "
    )
    rows = list(format_run())[7]["rollouts"]
    assert len(alarms[0].rollouts) == 8
    for step, index in alarms[0].rollouts:
        assert (step, rows[index]["status"], rows[index]["reward"]) == (8, "incorrect", 0.1)
    assert {rows[index]["group"] for _, index in alarms[0].rollouts[:QUESTIONS]} == set(range(QUESTIONS))


def test_a_policy_that_learns_the_format_alone_goes_on() -> None:
    steps = list(format_run())
    for step in range(9, 60):
        last = json.loads(json.dumps(steps[7]))
        last["row"]["step"] = step
        for row in last["rollouts"]:
            row["step"] = step
        steps.append(last)
    assert [alarm.step for alarm in observe(iter(steps)) if alarm.name == "wrong_paid"] == [8]  # once


@pytest.mark.parametrize("changes", [{"shorter": False}, {"lenient": True}])
def test_what_is_not_the_format_alone(changes: dict[str, bool]) -> None:
    assert observe(format_run(**changes)) == []


def test_a_paid_format_that_does_no_harm() -> None:
    for seed in range(20):
        steps = list(healthy(seed))
        for one in steps:
            one["row"]["completions/mean_length"] /= 1 + one["row"]["step"] / 100  # fewer words, more right answers
            for row in one["rollouts"]:
                row["reward"] += 0.1
        assert "wrong_paid" not in [alarm.name for alarm in observe(iter(steps))]


# ---- what is no alarm


@pytest.mark.parametrize(
    ("name", "row"),
    [
        # Short answers that fit the limit exactly, as in a pack whose answers are numbers.
        ("truncation", {"finish_reason": "length"}),
        # All right answers of a group are the same number.
        ("identical", {"completion": "#### 12", "status": "correct"}),
        ("shadow", {"shadow": "timeout", "status": "correct"}),  # the shadow couldn't say
    ],
)
def test_what_only_looks_like_it(name: str, row: dict[str, Any]) -> None:
    steps = list(healthy(4))[:80]
    for one in steps:
        for found in one["rollouts"]:
            found |= row
    assert name not in [alarm.name for alarm in observe(iter(steps))]


def test_rewards_of_a_masked_step_are_excused() -> None:
    row = {"step": 1, "reward": math.nan, "reward_std": math.nan, "verdicts/error": 1.0, "loss": 0.0}
    assert Alarms().observe(row) == []
    assert [a.name for a in Alarms().observe(row | {"verdicts/error": 0.5})] == ["not_finite"]


def test_solved_is_no_collapse() -> None:
    steps = list(healthy(5))
    for one in steps[ONSET:]:
        one["row"] |= {"frac_reward_zero_std": 0.95, "entropy": 0.01, "reward": 1.05, "verdicts/correct": 0.97}
        for row in one["rollouts"]:
            row["status"] = "correct"
        one["evaluations"] = [evaluation(found["step"], 0.96) for found in one["evaluations"]]
    found = observe(iter(steps))
    assert [(alarm.name, alarm.severity) for alarm in found] == [("no_variance", "warning")]
    assert "easy" in found[0].message


@pytest.mark.parametrize(
    ("status", "texts", "words", "severity"),
    [
        ("correct", False, "the questions have become easy", "warning"),
        ("incorrect", False, "ask easier questions", "warning"),
        ("incorrect", True, "the answers to a question have become alike", "critical"),
    ],
)
def test_why_groups_have_no_variance(status: str, texts: bool, words: str, severity: str) -> None:
    steps = list(healthy(6))[:60]
    for one in steps:
        one["row"]["frac_reward_zero_std"] = 0.95
        for row in one["rollouts"]:
            row |= {"status": status, "reward": float(status == "correct")}
            if texts:
                row["completion"] = f"#### {row['group']}"
    found = next(alarm for alarm in observe(iter(steps)) if alarm.name == "no_variance")
    assert words in found.message
    assert found.severity == severity


# ---- when it goes off


def conditions(text: str, **settings: Any) -> list[int]:
    """Steps at which `clip` goes off; x: the condition holds, X: critically, `.`: it doesn't."""
    level = {"x": 0.4, "X": 0.9, ".": 0.0}
    rows = [{"step": i, "clip_ratio/region_mean": level[c]} for i, c in enumerate(text, 1)]
    found = observe(
        iter({"row": row, "rollouts": (), "evaluations": ()} for row in rows),
        AlarmSettings(window=5, **{"persistence": 3, **settings}),
    )
    return [alarm.step for alarm in found]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("." * 20, []),
        ("x" * 20, [5]),  # half of a window must be there, then three steps in a row
        (".....xx......", []),  # a median isn't moved by two steps
        ("x" * 10 + "." * 20 + "x" * 10, [5, 35]),  # it may come back once it has cleared
        ("x" * 10 + ".." + "x" * 10, [5]),  # a short pause is no end
        ("x" * 10 + "X" * 10, [5, 13]),  # a warning that becomes critical is told
        ("X" * 10 + "x" * 10, [5]),
    ],
)
def test_when_an_alarm_goes_off(text: str, steps: list[int]) -> None:
    assert conditions(text) == steps


def test_an_alarm_that_is_off() -> None:
    assert conditions("x" * 20, off=["clip"]) == []


@pytest.mark.parametrize(
    "given", [{"off": ["clipp"]}, {"window": 1}, {"entropy_floor": 2}, {"length_growth": 0.5}, {"x": 1}]
)
def test_wrong_settings(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AlarmSettings(**given)


# ---- state, input


def test_a_replayed_watch_goes_on_as_the_old_one_would() -> None:
    steps = list(healthy(6))
    for one in steps[ONSET:]:
        stands(one, one["row"]["step"] - ONSET, random.Random(one["row"]["step"]))
        one["row"]["clip_ratio/region_mean"] = 0.4
    whole = observe(iter(steps))
    assert len(whole) >= 2
    for cut in (ONSET + 12, 200, 299):  # in the middle of a condition, after alarms, at the end
        past, rest = steps[:cut], steps[cut:]
        watch, before = replay(
            AlarmSettings(),
            [one["row"] for one in past],
            [record(row) for one in past for row in one["rollouts"]],
            [Summary.from_json(found) for one in past for found in one["evaluations"]],
        )
        after = [alarm for one in rest for alarm in observed(watch, one)]
        assert before + after == whole


def test_rollouts_and_their_rows_are_the_same(tmp_path: Path) -> None:
    example = Example("1", "2+2?", "4", "small")
    verdict = Verdict(Status.CORRECT, 1.0, "4", "so")
    rollouts = [
        Rollout(example, "2+2?", Completion("4"), verdict, Reward(1.0), 0.5, i // SIZE, 1, Status.INCORRECT)
        for i in range(16)
    ]
    rollouts.append(replace(rollouts[0], reward=Reward(None), advantage=None))
    views = [view_of(one, index) for index, one in enumerate(rollouts)]
    folder = RunFolder.create(tmp_path, "sums", "m", RunConfig(), {})
    folder.add_rollouts(rollouts)
    assert [view_of(one, index) for index, one in enumerate(folder.rollouts())] == views
    assert (views[-1].reward, views[-1].shadow) == (None, Status.INCORRECT)
    assert isinstance(views[0], RolloutView)


@pytest.mark.parametrize(
    "row",
    [
        {"step": 1},
        {"step": 1, "reward": None, "entropy": "high", "kl": True, "grad_norm": []},
        {"step": 1, "entropy": 0.0, "completions/mean_length": 0.0, "kl": -0.1, "reward": -5.0},
    ],
)
def test_odd_rows(row: dict[str, Any]) -> None:
    found = observe(
        iter({"row": row | {"step": i}, "rollouts": (), "evaluations": [{}, {"step": 1}]} for i in range(1, 300))
    )
    assert {alarm.name for alarm in found} <= {"plateau"}


@pytest.mark.parametrize("text", ["", "\x00", "😀" * 5000, "word " * 20_000, "\ud83d"])
def test_odd_completions(text: str) -> None:
    rows = [
        rollout(1, index, False, random.Random(0), completion=text, prompt=text, extracted=None) for index in range(16)
    ]
    Alarms().observe({"step": 1}, [*map(record, rows)])


def test_alarms_in_the_run_folder(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "sums", "m", RunConfig(), {})
    assert folder.alarms() == []
    first = Alarm(3, "entropy", Severity.WARNING, "entropy is at 0.1", ((3, 0), (3, 4)))
    second = replace(first, step=9, severity=Severity.CRITICAL)
    for alarm in (first, second):
        folder.add_alarm(alarm)
    assert folder.alarms() == [first, second]
    assert json.loads((folder.path / "alarms.jsonl").read_text().splitlines()[0])["rollouts"] == [[3, 0], [3, 4]]
    folder.rewind(5)
    assert folder.alarms() == [first]


# ---- series


def test_levels() -> None:
    series = Series([None, 1.0, 2.0, None, 3.0, 100.0])
    assert series.level(3) == 51.5
    assert series.level(2, 1) == 3.0
    assert series.level(2, 2) == 2.0
    assert Series([None, None, 1.0, None]).level(4) is None  # less than half of them
    assert Series().level(5) is None
    assert Series().noise(5) == 0.0


def test_a_trend_is_no_noise() -> None:
    draw = random.Random(0)
    flat = Series([draw.gauss(0, 1) for _ in range(60)])
    steep = Series([value + 5 * i for i, value in enumerate(flat.values) if value is not None])
    assert steep.noise(20) == pytest.approx(flat.noise(20))
    assert not flat.rising(20)
    assert steep.rising(20)


# ---- documentation


def test_every_setting_and_alarm_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "alarms.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| `")]
    rows += [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| |")]
    table = {row[2].strip("`"): row[3] for row in rows if len(row) == 4 and row[2]}
    table |= {row[0].strip("`"): row[1] for row in rows if len(row) == 3}
    assert table == {name: str(field.default) for name, field in AlarmSettings.model_fields.items()}
    assert [row[0].strip("`") for row in rows if len(row) == 4 and row[0]] == list(DETECTORS)
