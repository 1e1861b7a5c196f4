"""Sharing the prefix changes nothing but the time: losses and gradients are TRL's, on TRL's own methods."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("trl")

import torch
import transformers
from datasets import Dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trl import GRPOConfig

from rlvr.runner import tiny
from rlvr.runner.shared_prefix import SharedPrefix

pytestmark = pytest.mark.train

VOCABULARY, PAD = 23, 0
SMALL = {
    "vocab_size": VOCABULARY, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 3, "max_position_embeddings": 128, "pad_token_id": PAD, "bos_token_id": None,
    "eos_token_id": 1, "initializer_range": 0.2,
}  # fmt: skip
FAMILIES = {
    "llama": transformers.LlamaConfig(**SMALL, num_key_value_heads=3),
    "smollm2": transformers.LlamaConfig(**SMALL, num_key_value_heads=1, tie_word_embeddings=True),
    "qwen2": transformers.Qwen2Config(**SMALL, num_key_value_heads=1),
    "qwen3": transformers.Qwen3Config(**SMALL, num_key_value_heads=3, head_dim=8),
}
SEPARABLE = ["grpo", "dapo", "dr_grpo", "sapo", "cispo", "vespo", "luspo"]


def build(family: str, dtype: torch.dtype, lora: bool = False, **trl) -> SharedPrefix:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(FAMILIES[family], dtype=dtype)
    if dtype == torch.float64:
        in_float64(model)
    return trainer_of(model, lora, **trl)


def trainer_of(model, lora: bool = False, say=lambda line: None, **trl) -> SharedPrefix:
    peft_config = None
    if lora:
        from peft import LoraConfig

        peft_config = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    defaults = {
        "output_dir": "unused", "use_cpu": True, "bf16": False, "report_to": "none", "save_strategy": "no",
        "num_generations": 2, "per_device_train_batch_size": 2, "max_completion_length": 6, "disable_tqdm": True,
        "gradient_checkpointing": False, "learning_rate": 1e-2, "max_steps": 2,
    }  # fmt: skip
    return SharedPrefix(
        model=model, reward_funcs=[lambda completions, **_: [float(len(c) % 3) for c in completions]],
        args=GRPOConfig(**defaults | trl), train_dataset=Dataset.from_dict({"prompt": ["1+1=", "12+3="] * 8}),
        processing_class=tiny.build()[1], peft_config=peft_config, say=say,
    )  # fmt: skip


def in_float64(model) -> None:
    """What transformers computes in float32 whatever the model's type: angles of rotation and norms."""
    rotary = model.model.rotary_emb

    def angles(x, position_ids):
        angle = position_ids[..., None].double() * rotary.inv_freq.double()
        angle = torch.cat([angle, angle], dim=-1)
        return angle.cos().to(x.dtype), angle.sin().to(x.dtype)

    def norm_of(norm):
        return lambda x: norm.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon)

    rotary.forward = angles
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            module.forward = norm_of(module)


@contextmanager
def exact_head() -> Iterator[None]:
    """TRL's head computes in float32 whatever the model's type is; for both paths, one that doesn't."""

    def apply(hidden, weight, bias, targets, temperature, chunk_size, softcap, scale, outputs):
        logps = (hidden @ weight.T / temperature).log_softmax(-1)
        entropy = -(logps.exp() * logps).sum(-1) if "entropy" in outputs else None
        return logps.gather(1, targets[:, None])[:, 0], entropy, None, None, None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trl.trainer.utils._ChunkedLogProbFunction", SimpleNamespace(apply=apply))
        yield


# ---- batches

tokens = st.integers(2, VOCABULARY - 1)


@st.composite
def batches(draw):
    """A step's rows as TRL makes them: prompts padded on the left, completions on the right."""
    prefix = draw(st.lists(tokens, max_size=20))
    groups, group = draw(st.integers(1, 4)), draw(st.sampled_from([1, 2, 4]))
    questions = [draw(st.lists(tokens, min_size=1, max_size=5)) for _ in range(groups)]
    if draw(st.booleans()):
        questions = [questions[0]] * groups
    prompts = [prefix + question for question in questions for _ in range(group)]
    completions = [draw(st.lists(tokens, min_size=1, max_size=6)) for _ in prompts]
    masked = draw(st.lists(st.booleans(), min_size=len(prompts), max_size=len(prompts)))
    seed = draw(st.integers(0, 1000))
    steps = draw(st.sampled_from([n for n in (1, 2, 4) if len(prompts) % n == 0]))
    return make_batch(prompts, completions, masked, seed), steps


def make_batch(prompts, completions, masked, seed):
    wide, long = max(map(len, prompts)), max(map(len, completions))
    random = torch.Generator().manual_seed(seed)
    rows = len(prompts)
    mask = torch.tensor([[int(not m)] * len(c) + [0] * (long - len(c)) for c, m in zip(completions, masked, strict=True)])
    old = -2 + torch.rand(rows, long, generator=random, dtype=torch.float64)
    return {
        "prompt_ids": torch.tensor([[PAD] * (wide - len(p)) + p for p in prompts]),
        "prompt_mask": torch.tensor([[0] * (wide - len(p)) + [1] * len(p) for p in prompts]),
        "completion_ids": torch.tensor([c + [PAD] * (long - len(c)) for c in completions]),
        "completion_mask": mask,
        "advantages": torch.randn(rows, generator=random, dtype=torch.float64),
        "num_items_in_batch": mask.sum().clamp(min=1),
        "old_per_token_logps": old,
        "ref_per_token_logps": old + 0.3 * torch.rand(rows, long, generator=random, dtype=torch.float64),
    }


def step(trainer: SharedPrefix, batch, steps: int, shared: bool):
    """One optimizer step's losses and gradients by TRL's `training_step`, over `steps` micro-batches."""
    trainer._shares_prefix = shared
    trainer._step, trainer._buffered_inputs, trainer._window = 0, None, None
    trainer._metrics["train"].clear()
    trainer.args.steps_per_generation = trainer.current_gradient_accumulation_steps = steps
    trainer._generate_and_score_completions = lambda inputs: dict(batch)
    trainer.model.zero_grad()
    torch.manual_seed(1)  # of TRL's shuffling
    loss = torch.zeros(())
    for index in range(steps):
        trainer.accelerator.gradient_state._set_sync_gradients(index == steps - 1)
        loss = loss + trainer.training_step(trainer.model, {}, None)
    gradients = {name: p.grad for name, p in trainer.model.named_parameters() if p.requires_grad}
    return loss, gradients, {name: list(values) for name, values in trainer._metrics["train"].items()}


def assert_same(trainer: SharedPrefix, batch, steps: int, tolerance: float) -> None:
    loss, gradients, metrics = step(trainer, batch, steps, shared=True)
    expected, expected_gradients, _ = step(trainer, batch, steps, shared=False)
    assert "shared_prefix/token_ratio" in metrics
    assert loss.item() == pytest.approx(expected.item(), rel=tolerance, abs=tolerance)
    scale = max(g.norm() for g in expected_gradients.values() if g is not None).clamp(min=1e-3)
    for name, wanted in expected_gradients.items():
        found = gradients[name]
        # relative to the parameter's own gradient, or to rounding of the largest where that is nearly 0
        assert (found - wanted).norm() <= tolerance * torch.maximum(wanted.norm(), 1e-3 * scale), name


@cache
def trainer_64(family: str, lora: bool, checkpointing: bool) -> SharedPrefix:
    return build(family, torch.float64, lora, gradient_checkpointing=checkpointing, beta=0.0)


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(batch=batches(), loss=st.sampled_from(SEPARABLE), lora=st.booleans(), checkpointing=st.booleans(), kl=st.booleans())
def test_losses_and_gradients_are_those_of_trl(family, batch, loss, lora, checkpointing, kl) -> None:
    with exact_head():
        trainer = trainer_64(family, lora, checkpointing)
        trainer.loss_type, trainer.beta = loss, 0.05 * kl
        assert_same(trainer, *batch, tolerance=1e-8)
