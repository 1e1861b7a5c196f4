"""The trainer: verdicts become rewards, and what is masked moves nothing."""

import copy
import math
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("trl")

import torch
import transformers

from rlvr.runner.generation import tiny_model as tiny
from rlvr.runner.generation.prompts import PromptEncoder
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.training.advantages import Advantages, Scored
from rlvr.runner.training.prompt_sampler import PromptSampler
from rlvr.runner.training.rollouts import RolloutSettings, RolloutWorker
from rlvr.tasks.pack import load_pack
from rlvr.tasks.prompt import Prompt
from rlvr.verifiers import Status, Verdict, Verifier
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.types import Completion

pytestmark = pytest.mark.train

GROUP, PROMPTS = 8, 4


def by_last_character(example, completion):
    """All statuses, decided by the text alone."""
    last = completion.text[-1:]
    if last in "01234" and last:
        return Verdict.error("a failure of ours")
    return Verdict.of(last in "56789" and bool(last))


def always_error(example, completion):
    return Verdict.error("a failure of ours")


class Observer:
    def __init__(self) -> None:
        self.recorded, self.rows = [], []
        self.rollouts, self.metrics = self.recorded.extend, self.rows.append


@pytest.fixture
def make_trainer(tmp_path: Path):
    """make(verify, max_error_rate, settings of rollouts, advantages, **fields of GRPOConfig)"""
    from trl import GRPOConfig

    from rlvr.runner.training.trainer import Trainer

    engines = []

    def make(verify, max_error_rate: float = 1.0, settings=None, advantages=None, **trl):
        pack = replace(load_pack("addition"), given_verifiers={"": Verifier("fake", verify, bounded=True)})
        from rlvr.tasks.splits import load_split

        examples = load_split(pack, "train").examples[:64]
        model, tokenizer = tiny.build()
        engines.append(Engine())
        observer = Observer()
        args = GRPOConfig(
            output_dir=str(tmp_path), use_cpu=True, bf16=False, report_to="none", max_steps=2, save_strategy="no",
            per_device_train_batch_size=GROUP * PROMPTS, num_generations=GROUP, max_completion_length=3,
            learning_rate=1e-2, gradient_checkpointing=False, disable_tqdm=True, logging_steps=1, **trl,
        )  # fmt: skip
        worker = RolloutWorker(
            pack, examples, PromptEncoder(tokenizer, lambda e, step: Prompt(f"{e.question}="), 3, 64), engines[-1],
            PromptSampler(examples, 0), RolloutSettings(GROUP, max_error_rate=max_error_rate, **(settings or {})),
            advantages or Advantages(),
        )  # fmt: skip
        trainer = Trainer(worker, observer, model=model, tokenizer=tokenizer, args=args)
        trainer.recorded, trainer.rows = observer.recorded, observer.rows
        return trainer

    yield make
    for engine in engines:
        engine.close()


def rows(count: int) -> list[dict]:
    return [{"prompt": ""}] * (count * GROUP)


def rewards_of(trainer) -> list[float | None]:
    return [rollout.reward.value for rollout in trainer.recorded]


def test_losses_and_rewards_are_those_of_trl_alone(make_trainer) -> None:
    from datasets import Dataset
    from trl import GRPOTrainer

    def even(text: str) -> bool:
        return text[-1:] in "02468"

    ours = make_trainer(lambda example, completion: Verdict.of(even(completion.text)), entropy_coef=0.05)
    ours.args.max_steps = steps = 6
    examples = ours.worker.examples
    drawn = PromptSampler(examples, 0).draw(PROMPTS * steps)  # the questions that ours asks
    args = copy.copy(ours.args)
    args.shuffle_dataset = False
    model, tokenizer = tiny.build()
    plain = GRPOTrainer(
        model=model,
        reward_funcs=[lambda completions, **_: [float(even(text)) for text in completions]],
        args=args,
        train_dataset=Dataset.from_list([{"prompt": f"{examples[index].question}="} for index in drawn]),
        processing_class=tokenizer,
    )
    for trainer in (plain, ours):
        transformers.set_seed(args.seed)
        trainer.train()
    for name in ("loss", "reward", "entropy", "grad_norm"):
        theirs = [row[name] for row in plain.state.log_history if name in row]
        assert [row[name] for row in ours.rows] == pytest.approx(theirs, rel=1e-3, abs=1e-6), name
    assert len({row["reward"] for row in ours.rows}) > 2  # it is no constant


def test_masked_verdicts_are_left_out_of_the_baseline(make_trainer) -> None:
    trainer = make_trainer(by_last_character)
    batch = trainer._generate_and_score_completions(rows(PROMPTS))
    rewards = rewards_of(trainer)
    assert None in rewards
    assert 1.0 in rewards
    assert 0.0 in rewards
    for start in range(0, len(rewards), GROUP):
        group = rewards[start : start + GROUP]
        known = [value for value in group if value is not None]
        mean = sum(known) / len(known) if known else 0.0
        std = math.sqrt(sum((v - mean) ** 2 for v in known) / (len(known) - 1)) if len(known) > 1 else 0.0
        for value, advantage in zip(group, batch["advantages"][start : start + GROUP].tolist(), strict=True):
            expected = 0.0 if value is None else (value - mean) / (std + 1e-4)
            assert advantage == pytest.approx(expected, abs=1e-4)


def test_a_prompt_is_run_once_for_the_completions_of_its_group(make_trainer) -> None:
    trainer = make_trainer(by_last_character)
    widths = []
    trainer.model.register_forward_pre_hook(
        lambda model, args, kwargs: widths.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    with torch.no_grad():
        found = trainer._collect([""] * GROUP * PROMPTS, trainer)
    assert widths[0][0] == PROMPTS  # the questions
    assert widths[1] == (GROUP * PROMPTS, 1)  # a token of each completion
    assert len(found["completion_ids"]) == GROUP * PROMPTS
    assert trainer.generation_config.num_return_sequences in (None, 1)  # TRL's own is as it was


def test_masked_completions_have_no_tokens_in_the_loss(make_trainer) -> None:
    trainer = make_trainer(by_last_character)
    batch = trainer._generate_and_score_completions(rows(PROMPTS))
    masked = torch.tensor([value is None for value in rewards_of(trainer)])
    assert masked.any()
    assert not masked.all()
    assert batch["completion_mask"][masked].sum() == 0
    assert (batch["completion_mask"][~masked].sum(1) > 0).all()
    assert batch["num_items_in_batch"] == batch["completion_mask"].sum()


def test_the_gradient_does_not_see_what_a_masked_completion_says(make_trainer) -> None:
    trainer = make_trainer(by_last_character)
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    batch = trainer._generate_and_score_completions(rows(PROMPTS))
    masked = torch.tensor([value is None for value in rewards_of(trainer)])

    def gradient(inputs) -> torch.Tensor:
        trainer.model.zero_grad()
        trainer._compute_loss(trainer.model, inputs).backward()
        return torch.cat([p.grad.flatten() for p in trainer.model.parameters()])

    before = gradient(batch)
    other = dict(batch, completion_ids=batch["completion_ids"].clone())
    other["completion_ids"][masked] = 5
    assert before.abs().sum() > 0
    torch.testing.assert_close(gradient(other), before, rtol=1e-5, atol=1e-8)
    changed = dict(batch, completion_ids=batch["completion_ids"].clone())
    changed["completion_ids"][~masked] = 5
    assert not torch.allclose(gradient(changed), before, rtol=1e-3)


def test_a_step_in_which_everything_is_masked_changes_nothing(make_trainer) -> None:
    trainer = make_trainer(always_error, weight_decay=0.0)
    before = [p.detach().clone() for p in trainer.model.parameters()]
    trainer.train()
    for old, new in zip(before, trainer.model.parameters(), strict=True):
        assert torch.equal(old, new)


def test_too_many_errors_stop_the_run_with_the_reason(make_trainer) -> None:
    from rlvr.runner.training.rollouts import TooManyErrors

    trainer = make_trainer(always_error, max_error_rate=0.1)
    with pytest.raises(TooManyErrors, match=r"32 of the last 32 verdicts .* 32 x a failure of ours"):
        trainer.train()


@pytest.mark.parametrize("finish_reason", ["stop", "length"])
def test_paid_parts_that_are_no_numbers_are_errors_of_ours_too(make_trainer, monkeypatch, finish_reason: str) -> None:
    from rlvr.runner.training.rollouts import TooManyErrors

    def no_number(example, completion):
        return Verdict(Status.INCORRECT, parts={"format": math.nan})

    trainer = make_trainer(no_number, max_error_rate=0.1)
    monkeypatch.setitem(trainer.worker.pack.task.reward.parts, "format", 1.0)
    trainer._completion = lambda tokens: Completion("1", tuple(tokens), (), finish_reason)
    with pytest.raises(
        TooManyErrors, match=r"32 of the last 32 verdicts .* 32 x a rewarded part is not a finite number"
    ):
        trainer.train()


def test_completions_that_a_policy_masks_are_no_errors(make_trainer, monkeypatch) -> None:
    trainer = make_trainer(lambda example, completion: Verdict.of(True), max_error_rate=0.1)
    monkeypatch.setitem(vars(trainer.worker.pack.task.reward), "truncated", "mask")
    trainer._completion = lambda tokens: Completion("1", tuple(tokens), (), "length")
    trainer.train()
    assert {rollout.reward.value for rollout in trainer.recorded} == {None}


def test_rollouts_carry_what_was_decided(make_trainer) -> None:
    trainer = make_trainer(by_last_character)
    trainer._generate_and_score_completions(rows(PROMPTS))
    rollouts = trainer.recorded
    assert [r.group for r in rollouts] == [i // GROUP for i in range(PROMPTS * GROUP)]
    assert {r.step for r in rollouts} == {1}
    for rollout in rollouts:
        assert rollout.prompt == f"{rollout.example.question}="
        assert (rollout.advantage is None) == rollout.verdict.status.masked == (rollout.reward.value is None)
        if rollout.verdict.status is Status.CORRECT:
            assert rollout.reward.value == 1.0


def test_a_prompt_that_does_not_fit_is_an_error_that_says_by_how_much(make_trainer) -> None:
    from rlvr.errors import ConfigError

    trainer = make_trainer(by_last_character)
    trainer.worker.encode = replace(trainer.worker.encode, context=6)
    with pytest.raises(ConfigError, match=r"6 tokens; with 3 for the completion that is 3 more than the context of 6"):
        trainer._generate_and_score_completions(rows(1))


# ---- shadow verifier, control rewards, advantages


def shadow_of_odd(example, completion):
    return completion.text[-1:] in "13579" and completion.text != ""


def test_a_shadow_watches_and_pays_nothing(make_trainer) -> None:
    shadow = Verifier("strict", shadow_of_odd, bounded=True)
    trainer = make_trainer(by_last_character, settings={"shadow": shadow})
    trainer._generate_and_score_completions(rows(PROMPTS))
    counted = differ = 0
    for rollout in trainer.recorded:
        right = shadow_of_odd(rollout.example, rollout.completion)
        assert rollout.shadow is (Status.CORRECT if right else Status.INCORRECT)
        assert rollout.reward.value == (
            None if rollout.verdict.status.masked else float(rollout.verdict.status is Status.CORRECT)
        )
        if not rollout.verdict.status.masked:
            counted += 1
            differ += right != (rollout.verdict.status is Status.CORRECT)
    assert 0 < differ < counted
    assert trainer._metrics["train"]["shadow/disagreement"] == [pytest.approx(differ / counted)]


@pytest.mark.parametrize("source", ["random", "format-only", "constant"])
def test_a_control_reward_is_paid_and_the_truth_recorded(make_trainer, source: str) -> None:
    trainer = make_trainer(by_last_character, settings={"reward": source})
    trainer._generate_and_score_completions(rows(PROMPTS))
    paid: dict = {}
    for rollout in trainer.recorded:
        assert rollout.verdict.status is by_last_character(rollout.example, rollout.completion).status
        assert (rollout.reward.value is None) == rollout.verdict.status.masked
        if not rollout.verdict.status.masked:
            paid.setdefault(rollout.verdict.status, set()).add(rollout.reward.value)
    expected = {0.0, 1.0} if source == "random" else {1.0}
    assert paid == {Status.CORRECT: expected, Status.INCORRECT: expected}


@pytest.mark.parametrize(
    "options",
    [{"category_baseline": 0.5}, {"category_baseline": 0.25, "category_scale": True}, {"normalize_parts": True}],
)
def test_our_advantages_are_those_of_the_batch(make_trainer, options: dict) -> None:
    trainer = make_trainer(by_last_character, advantages=Advantages(**options))
    same = Advantages(**options)
    for _ in range(3):  # the category's figures run on
        trainer.recorded.clear()
        batch = trainer._generate_and_score_completions(rows(PROMPTS))
        scored = [Scored.of(trainer.worker.pack, r.example, r.reward) for r in trainer.recorded]
        expected = same.compute(scored, GROUP)
        assert batch["advantages"].tolist() == pytest.approx(expected, abs=1e-5)
        assert [r.advantage or 0.0 for r in trainer.recorded] == pytest.approx(expected, abs=1e-5)
    assert trainer.worker.advantages.state() == same.state()


def styled(example, completion):
    even = completion.text[-1:] in "02468"
    return Verdict.of(even, completion.text, "looked", format=float(completion.text[:1] in "01234"))


def test_a_mixture_pays_and_weighs_as_its_members_say(make_trainer) -> None:
    trainer = make_trainer(styled, advantages=Advantages(normalize_parts=True))
    member = trainer.worker.pack
    rule = member.task.reward.model_copy(update={"correct": 5.0, "parts": {"format": 0.5}})
    paying = replace(member, task=member.task.model_copy(update={"reward": rule}))
    vars(paying)["verifiers"] = member.verifiers
    vars(member)["members"] = {"addition": paying}
    trainer.worker.examples[:] = [replace(example, pack="addition") for example in trainer.worker.examples]
    batch = trainer._generate_and_score_completions(rows(PROMPTS))
    assert {r.reward.value for r in trainer.recorded} == {0.0, 0.5, 5.0, 5.5}
    weights = {"verdict": 5.0, "format": 0.5}
    scored = [Scored(r.example.category, r.reward.value, r.reward.parts, weights) for r in trainer.recorded]
    expected = Advantages(normalize_parts=True).compute(scored, GROUP)
    assert batch["advantages"].tolist() == pytest.approx(expected, abs=1e-5)


# ---- what goes wrong


def not_a_number(example, completion):
    return float("nan")


def raises(example, completion):
    raise RuntimeError("a bug")


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize(("verify", "says"), [(not_a_number, "nan"), (raises, "RuntimeError: a bug")])
def test_what_a_verifier_does_wrong_is_an_error_of_ours(make_trainer, verify, says: str, bounded: bool) -> None:
    trainer = make_trainer(verify)
    vars(trainer.worker.pack)["verifiers"] = {"": Verifier("fake", verify, bounded=bounded)}
    batch = trainer._generate_and_score_completions(rows(PROMPTS))
    assert {rollout.verdict.status for rollout in trainer.recorded} == {Status.ERROR}
    assert all(says in rollout.verdict.reason for rollout in trainer.recorded)
    assert batch["advantages"].tolist() == [0.0] * (PROMPTS * GROUP)


def right_for_small_sums(example, completion):
    return int(example.gold) < 5 or completion.text[-1:] in ("0", "2", "4", "6", "8")


def test_an_engine_whose_processes_die_goes_on(make_trainer) -> None:
    trainer = make_trainer(right_for_small_sums)
    vars(trainer.worker.pack)["verifiers"] = {"": Verifier("fake", right_for_small_sums)}  # in worker processes
    trainer._generate_and_score_completions(rows(PROMPTS))
    assert Status.ERROR not in {rollout.verdict.status for rollout in trainer.recorded}
    trainer.recorded.clear()
    os.killpg(trainer.worker.engine._fork_server._process.pid, signal.SIGKILL)  # a session of its own
    trainer._generate_and_score_completions(rows(PROMPTS))
    trainer.recorded.clear()
    trainer._generate_and_score_completions(rows(PROMPTS))
    assert Status.ERROR not in {rollout.verdict.status for rollout in trainer.recorded}


def test_rows_of_metrics_begin_with_the_step_and_trls_keys_and_end_with_ours(make_trainer) -> None:
    from rlvr.runner.training.metrics import PREFIXES

    trainer = make_trainer(by_last_character)
    trainer.train()
    assert [row["step"] for row in trainer.rows] == [1, 2]
    for row in trainer.rows:
        keys = list(row)
        assert keys[:2] == ["step", "loss"]
        ours = [key.startswith(PREFIXES) for key in keys]
        assert ours == sorted(ours)
        # Readers match the last part of a key, and the first match wins.
        for name in ("reward", "loss", "entropy", "grad_norm", "step_time", "frac_reward_zero_std"):
            assert next(key for key in keys if key.rpartition("/")[2] == name) == name
        assert {"time/generate", "time/verify", "time/update", "tokens/generated"} <= set(keys)


def test_a_run_folder_of_a_killed_run_is_readable(tmp_path: Path) -> None:
    (tmp_path / "rollouts").mkdir()
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "reward": 0.5}\n{"step": 2, "rew')
    assert RunFolder(tmp_path).metrics() == [{"step": 1, "reward": 0.5}]
