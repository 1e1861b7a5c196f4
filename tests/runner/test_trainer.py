"""The trainer: verdicts become rewards, and what is masked moves nothing."""

import math
from pathlib import Path

import pytest

pytest.importorskip("trl")

import torch

from rlvr.runner import tiny
from rlvr.runner.live import View
from rlvr.runner.run_folder import RunFolder
from rlvr.runner.sampler import PromptSampler
from rlvr.tasks.pack import load_pack
from rlvr.verifiers import Status, Verdict, Verifier
from rlvr.verifiers.engine import Engine

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


@pytest.fixture
def make_trainer(tmp_path: Path):
    from trl import GRPOConfig

    from rlvr.runner.trainer import Task, Trainer

    engines = []

    def make(verify, max_error_rate: float = 1.0, task_options=None, **trl):
        pack = load_pack("addition")
        vars(pack)["verifiers"] = {"": Verifier("fake", verify, bounded=True)}
        from rlvr.tasks.data import load_split

        examples = load_split(pack, "train").examples[:64]
        model, tokenizer = tiny.build()
        engines.append(Engine())
        recorded = []
        args = GRPOConfig(
            output_dir=str(tmp_path), use_cpu=True, bf16=False, report_to="none", max_steps=2, save_strategy="no",
            per_device_train_batch_size=GROUP * PROMPTS, num_generations=GROUP, max_completion_length=3,
            learning_rate=1e-2, gradient_checkpointing=False, disable_tqdm=True, logging_steps=1, **trl,
        )  # fmt: skip
        task = Task(
            pack, examples, lambda e, step: f"{e.question}=", engines[-1], PromptSampler(examples, 0),
            max_error_rate=max_error_rate, **(task_options or {}),
        )  # fmt: skip
        trainer = Trainer(
            task, model=model, tokenizer=tokenizer, args=args, on_rollouts=recorded.extend,
            on_metrics=lambda row: None, context=64,
        )  # fmt: skip
        trainer.recorded = recorded
        return trainer

    yield make
    for engine in engines:
        engine.close()


def rows(count: int) -> list[dict]:
    return [{"prompt": ""}] * (count * GROUP)


def rewards_of(trainer) -> list[float | None]:
    return [reward.value for group in trainer._groups for _, _, reward in group.scored]


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
    from rlvr.runner.trainer import TooManyErrors

    trainer = make_trainer(always_error, max_error_rate=0.1)
    with pytest.raises(TooManyErrors, match=r"32 of the last 32 verdicts .* 32 x a failure of ours"):
        trainer.train()


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
    from rlvr.sandboxes.errors import ConfigError

    trainer = make_trainer(by_last_character)
    trainer._context = 6
    with pytest.raises(ConfigError, match=r"6 tokens; with 3 for the completion that is 3 more than the context of 6"):
        trainer._generate_and_score_completions(rows(1))


def test_observers_of_plugins_cannot_stop_a_run(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    from rlvr.runner.log import observe
    from rlvr.verifiers.hookspecs import hookimpl
    from rlvr.verifiers.registry import registry

    class Bad:
        @hookimpl
        def step_finished(self, step, metrics):
            raise RuntimeError("observer")

    plugin = Bad()
    registry().manager.register(plugin)
    try:
        observe("step_finished", View(), [{"step": 1, "metrics": {}}])
    finally:
        registry().manager.unregister(plugin)
    assert "a plugin's step_finished failed: RuntimeError: observer" in capsys.readouterr().err


def test_a_run_folder_of_a_killed_run_is_readable(tmp_path: Path) -> None:
    (tmp_path / "rollouts").mkdir()
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "reward": 0.5}\n{"step": 2, "rew')
    assert RunFolder(tmp_path).metrics() == [{"step": 1, "reward": 0.5}]
