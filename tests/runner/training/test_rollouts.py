"""A GRPO step with a fake generator: no model, no torch, no TRL."""

import math
import random
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rlvr.errors import ConfigError
from rlvr.runner.generation.prompts import EncodedPrompt
from rlvr.runner.process.processes import ALONE, Processes
from rlvr.runner.training.advantages import Advantages
from rlvr.runner.training.prompt_sampler import PromptSampler
from rlvr.runner.training.rollouts import (
    ERROR_WINDOW,
    STATE,
    Group,
    RolloutSettings,
    RolloutWorker,
    TooManyErrors,
    check_error_rate,
)
from rlvr.tasks.pack import load_pack
from rlvr.tasks.splits import load_split
from rlvr.verifiers import Status, Verdict, Verifier
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.types import Completion, Example, Reward, Rollout

SIZE, COUNT = 4, 6


def right_for_small_sums(example, completion) -> bool:
    """In groups of small sums all are correct, in those of large ones the even digits."""
    return int(example.gold) < 5 or completion.text in "02468"


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


@pytest.fixture
def make_worker(engine: Engine):
    """make(verify, processes, advantages, **settings)"""

    def make(verify=right_for_small_sums, processes=ALONE, advantages=None, **settings) -> RolloutWorker:
        pack = load_pack("addition")
        vars(pack)["verifiers"] = {"": Verifier("fake", verify, bounded=True)}
        examples = load_split(pack, "train").examples[:64]
        return RolloutWorker(
            pack, examples, lambda examples, step: [EncodedPrompt(e.question, [1, 2]) for e in examples], engine,
            PromptSampler(examples, 0), RolloutSettings(SIZE, **settings), advantages or Advantages(), processes,
        )  # fmt: skip

    return make


def digits(seed: int):
    """A fake generator: random digits, of one token each."""
    draw = random.Random(seed)

    def generate(prompts, on_completion) -> None:
        for place in range(len(prompts) * SIZE):
            on_completion(place, Completion(str(draw.randrange(10)), (place,)))

    return generate


def test_a_step(make_worker) -> None:
    def generate(prompts, on_completion) -> None:
        for place in range(len(prompts) * SIZE):
            on_completion(place, Completion("17"[place % 2]))

    worker = make_worker(lambda example, completion: completion.text == "7")
    batch = worker.collect(2, generate, step=1)
    assert [group.rewards for group in batch.groups] == [[0.0, 1.0, 0.0, 1.0]] * 2
    rollouts = worker.rollouts(batch, [-1.0, 1.0] * SIZE, step=1)
    assert [(r.group, r.completion.text, r.advantage) for r in rollouts[3:5]] == [(0, "7", 1.0), (1, "1", -1.0)]


def test_neither_torch_nor_trl_is_loaded() -> None:
    program = (
        "import sys, rlvr.runner.training.rollouts; print(sorted({'torch', 'trl', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_completions_may_come_in_any_order_and_equal_ones_are_verified_once(make_worker) -> None:
    verified: list[tuple[str, str]] = []

    def verify(example, completion) -> bool:
        verified.append((example.id, completion.text))
        return completion.text == "7"

    def generate(prompts, on_completion):
        for place in reversed(range(len(prompts) * SIZE)):
            on_completion(place, Completion("17"[place % 2], (place,)))
        return [[-float(place)] for place in range(len(prompts) * SIZE)]

    batch = make_worker(verify).collect(COUNT, generate, step=1)
    assert len(verified) == len(set(verified)) == 2 * COUNT
    assert [scored.completion.tokens for scored in batch.completions] == [(place,) for place in range(COUNT * SIZE)]
    assert [group.logprobs for group in batch.groups] == [
        [[-float(place)] for place in range(start, start + SIZE)] for start in range(0, COUNT * SIZE, SIZE)
    ]
    assert batch.generated_tokens == COUNT * SIZE


def test_a_prompt_is_that_of_its_example_and_step(make_worker) -> None:
    worker = make_worker()
    worker.encode = lambda examples, step: [EncodedPrompt(f"{step}: {e.question}", [int(e.gold)]) for e in examples]
    prompts = []

    def generate(tokens, on_completion):
        prompts.extend(tokens)
        digits(0)(tokens, on_completion)

    batch = worker.collect(COUNT, generate, step=3)
    assert prompts == [[int(group.example.gold)] for group in batch.groups]
    rollouts = worker.rollouts(batch, [0.0] * COUNT * SIZE, step=3)
    assert all(rollout.prompt == f"3: {rollout.example.question}" for rollout in rollouts)
    assert [worker.examples[group.index] for group in batch.groups] == [group.example for group in batch.groups]


# ---- resampling


def watch_rounds(worker: RolloutWorker) -> list[list[Group]]:
    """The groups that were sampled in each round."""
    rounds: list[list[Group]] = []
    observe = worker._observe

    def watched(groups) -> None:
        rounds.append(list(groups))
        observe(groups)

    worker._observe = watched  # type: ignore[method-assign]
    return rounds


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("limit", [0, 1, 3])
def test_resampling_replaces_only_zero_variance_groups(make_worker, limit: int, seed: int) -> None:
    worker = make_worker(resample_rounds=limit)
    rounds = watch_rounds(worker)
    batch = worker.collect(COUNT, digits(seed), step=1)
    first, *others = rounds
    assert any(group.has_variance for group in first)
    assert not all(group.has_variance for group in first)
    assert len(others) <= limit
    for before, after in zip(first, batch.groups, strict=True):
        if before.has_variance or after is not before:
            assert after.has_variance
        if before.has_variance:
            assert after is before
    # A group comes in once, and as long as there are rounds left, none that could have come in stays out.
    assert len({id(group) for group in batch.groups}) == COUNT
    better = sum(group.has_variance for round_ in rounds for group in round_)
    assert sum(group.has_variance for group in batch.groups) == min(COUNT, better)
    if len(others) < limit:
        assert all(group.has_variance for group in batch.groups)
    assert [len(round_) for round_ in others] == [
        COUNT - min(COUNT, sum(group.has_variance for round_ in rounds[:number] for group in round_))
        for number in range(1, len(rounds))
    ]
    assert batch.resampled == len(others)
    metrics = worker.metrics(batch, worker.rollouts(batch, [0.0] * COUNT * SIZE, step=1))
    assert metrics.get("resample/rounds") == (len(others) if limit else None)


def test_what_was_generated_for_nothing_is_counted(make_worker) -> None:
    worker = make_worker(resample_rounds=3)
    rounds = watch_rounds(worker)
    batch = worker.collect(COUNT, digits(0), step=1)
    assert len(rounds) > 1
    rollouts = worker.rollouts(batch, [0.0] * COUNT * SIZE, step=1)
    assert len(rollouts) == COUNT * SIZE  # only those that are trained on
    metrics = worker.metrics(batch, rollouts)
    assert metrics["tokens/generated"] == sum(group.tokens for round_ in rounds for group in round_)
    useful = sum(group.tokens for group in batch.groups if group.has_variance)
    assert metrics["tokens/useful"] == useful < metrics["tokens/generated"]


def test_resampling_ends_where_no_group_ever_has_variance(make_worker) -> None:
    worker = make_worker(lambda example, completion: False, resample_rounds=2)
    rounds = watch_rounds(worker)
    batch = worker.collect(COUNT, digits(0), step=1)
    assert [len(round_) for round_ in rounds] == [COUNT] * 3
    assert batch.groups == rounds[0]


def test_the_sampler_learns_of_replaced_groups_too(make_worker) -> None:
    worker = make_worker(resample_rounds=1)
    rounds = watch_rounds(worker)
    worker.collect(COUNT, digits(0), step=1)
    assert set(worker.sampler.state()["estimates"]) == {str(group.index) for round_ in rounds for group in round_}


# ---- several processes


def test_processes_draw_different_examples_and_number_their_groups_apart(make_worker, monkeypatch) -> None:
    monkeypatch.setattr(Processes, "concatenate", lambda self, items: items)  # they don't hear of each other here
    workers = [make_worker(processes=Processes(2, rank)) for rank in (0, 1)]
    batches = [worker.collect(COUNT, digits(0), step=1) for worker in workers]
    indices = [group.index for batch in batches for group in batch.groups]
    assert indices == PromptSampler(workers[0].examples, 0).draw(2 * COUNT)
    numbers = [
        rollout.group
        for worker, batch in zip(workers, batches, strict=True)
        for rollout in worker.rollouts(batch, [0.0] * COUNT * SIZE, step=1)
    ]
    assert numbers == [number for number in range(2 * COUNT) for _ in range(SIZE)]


# ---- rewards and advantages


def test_advantages_of_our_own(make_worker) -> None:
    assert make_worker().collect(COUNT, digits(0), step=1).advantages is None
    batch = make_worker(advantages=Advantages(category_baseline=0.5)).collect(COUNT, digits(0), step=1)
    assert batch.advantages is not None
    assert len(batch.advantages) == COUNT * SIZE
    assert len(set(batch.advantages)) > 2


def test_masked_rollouts_have_no_advantage(make_worker) -> None:
    worker = make_worker(lambda e, c: Verdict.error("down") if c.text in "01234" else c.text in "68")
    batch = worker.collect(COUNT, digits(0), step=1)
    rollouts = worker.rollouts(batch, [0.5] * COUNT * SIZE, step=1)
    assert {(r.verdict.status.masked, r.reward.value is None, r.advantage, r.reward.masked) for r in rollouts} == {
        (True, True, None, "verdict"),
        (False, False, 0.5, ""),
    }
    rates = {str(group.index): group.pass_rate for group in batch.groups if group.pass_rate is not None}
    assert worker.sampler.state()["estimates"] == rates


def test_a_random_reward_depends_on_the_place_alone(make_worker) -> None:
    rewards = [
        [group.rewards for group in make_worker(verify, reward="random").collect(COUNT, digits(seed), step=1).groups]
        for verify, seed in ((right_for_small_sums, 0), (lambda e, c: False, 1))
    ]
    assert rewards[0] == rewards[1]
    assert {value for group in rewards[0] for value in group} == {0.0, 1.0}
    other_step = make_worker(reward="random").collect(COUNT, digits(0), step=2)
    assert [group.rewards for group in other_step.groups] != rewards[0]


# ---- errors


def rollout(status: Status = Status.CORRECT, masked: str = "", reason: str = "") -> Rollout:
    reward = Reward(None, masked=masked) if masked else Reward(1.0)
    return Rollout(Example("", "", ""), "", Completion(""), Verdict(status, reason=reason), reward, None, 0, 1)


@pytest.mark.parametrize(
    ("bad", "share"),
    [(rollout(Status.ERROR, "verdict", "no sandbox"), 1.0), (rollout(Status.SKIPPED, "verdict", "no sandbox"), 1.0),
     (rollout(masked="part"), 1.0), (rollout(masked="truncated"), 0.0), (rollout(Status.TIMEOUT), 0.0)],
)  # fmt: skip
def test_what_counts_as_an_error(bad: Rollout, share: float) -> None:
    recent: deque[Status] = deque(maxlen=ERROR_WINDOW)
    check_error_rate(recent, [rollout()] * 9 + [bad], 0.1 * share)
    if share:
        with pytest.raises(TooManyErrors, match=r"^2 of the last 11 verdicts are infrastructure errors.* = 0.1. Most"):
            check_error_rate(recent, [bad], 0.1)


def test_the_error_rate_is_that_of_the_last_verdicts() -> None:
    recent: deque[Status] = deque(maxlen=ERROR_WINDOW)
    bad = rollout(Status.ERROR, "verdict", "no sandbox")
    check_error_rate(recent, [bad] * 10 + [rollout()] * 90, 0.1)
    check_error_rate(recent, [rollout()] * ERROR_WINDOW, 0.0)  # the old ones are out
    with pytest.raises(TooManyErrors, match="Most common: 2 x no sandbox; 1 x a rewarded part is not a finite number"):
        check_error_rate(recent, [bad, bad, rollout(masked="part")], 0.0)


def test_a_part_that_is_not_a_number_is_masked(make_worker, monkeypatch) -> None:
    worker = make_worker(lambda e, c: Verdict(Status.INCORRECT, parts={"format": math.nan}))
    monkeypatch.setitem(worker.pack.task.reward.parts, "format", 1.0)
    batch = worker.collect(COUNT, digits(0), step=1)
    assert {scored.reward.masked for scored in batch.completions} == {"part"}
    with pytest.raises(TooManyErrors):
        worker.require_few_errors(worker.rollouts(batch, [0.0] * COUNT * SIZE, step=1))


# ---- checkpoints


def test_a_restored_worker_goes_on_as_the_saved_one_does(make_worker, tmp_path: Path) -> None:
    options = {"resample_rounds": 1}
    saved = make_worker(advantages=Advantages(category_baseline=0.5), **options)
    batch = saved.collect(COUNT, digits(0), step=1)
    saved.require_few_errors(saved.rollouts(batch, batch.advantages, step=1))
    saved.save(tmp_path / "checkpoint-1")
    restored = make_worker(advantages=Advantages(category_baseline=0.5), **options)
    restored.restore(tmp_path / "checkpoint-1")
    assert restored.recent == saved.recent
    assert len(saved.recent) == COUNT * SIZE
    then, now = (worker.collect(COUNT, digits(1), step=2) for worker in (saved, restored))
    assert [g.index for g in then.groups] == [g.index for g in now.groups]
    assert then.advantages == now.advantages


def test_a_checkpoint_without_our_state_is_refused(make_worker, tmp_path: Path) -> None:
    worker = make_worker()
    with pytest.raises(ConfigError, match=f"{STATE}: No such file or directory; the checkpoint is incomplete: delete"):
        worker.restore(tmp_path)
    (tmp_path / STATE).write_text('{"sampler": {"due"')
    with pytest.raises(ConfigError, match=f"{STATE}: .*; the checkpoint is incomplete: delete"):
        worker.restore(tmp_path)
    fewer = make_worker()
    fewer.sampler = PromptSampler(fewer.examples[:5], 0)
    worker.save(tmp_path)
    with pytest.raises(ConfigError, match="the run has 5 examples, its checkpoint was made with 64"):
        fewer.restore(tmp_path)


def test_processes_alone_hear_only_themselves() -> None:
    assert Processes().concatenate([1, 2]) == [1, 2]
    assert replace(Processes(), rank=0).main
