"""Sharing the prefix changes nothing but the time: losses and gradients are TRL's, on TRL's own methods."""

import os
import socket
import subprocess
import sys
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

from rlvr.runner.generation import tiny_model as tiny
from rlvr.runner.shared_prefix.sharing_trainer import PrefixSharingTrainer

pytestmark = pytest.mark.train

torch.set_num_threads(1)  # more cost more than they bring in models this small
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


class SharingTrainer(PrefixSharingTrainer):
    """What rlvr's trainer shares, and nothing else of it: rollouts, rewards and logs are TRL's."""

    def __init__(self, say, **trl) -> None:
        super().__init__(**trl)
        self.share_prefixes(True)
        say(self.prefix_sharing.summary)

    def share(self, on: bool) -> None:
        self.prefix_sharing.obstacle = "" if on else "turned off by a test"


def build(family: str, dtype: torch.dtype, lora: bool = False, **trl) -> SharingTrainer:
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(FAMILIES[family], dtype=dtype)
    if dtype == torch.float64:
        in_float64(model)
    return trainer_of(model, lora, **trl)


def trainer_of(model, lora: bool = False, say=lambda line: None, **trl) -> SharingTrainer:
    peft_config = None
    if lora:
        from peft import LoraConfig

        peft_config = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    defaults = {
        "output_dir": "unused", "use_cpu": True, "bf16": False, "report_to": "none", "save_strategy": "no",
        "num_generations": 2, "per_device_train_batch_size": 2, "max_completion_length": 6, "disable_tqdm": True,
        "gradient_checkpointing": False, "learning_rate": 1e-2, "max_steps": 2,
    }  # fmt: skip
    return SharingTrainer(
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
    mask = torch.tensor(
        [[int(not m)] * len(c) + [0] * (long - len(c)) for c, m in zip(completions, masked, strict=True)]
    )
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


def step(trainer: SharingTrainer, batch, steps: int, shared: bool):
    """One optimizer step's losses and gradients by TRL's `training_step`, over `steps` micro-batches."""
    trainer.share(shared)
    trainer._step, trainer._buffered_inputs = 0, None
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


def assert_same(trainer: SharingTrainer, batch, steps: int, tolerance: float) -> None:
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
def trainer_64(family: str, lora: bool, checkpointing: bool) -> SharingTrainer:
    return build(family, torch.float64, lora, gradient_checkpointing=checkpointing, beta=0.0)


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    batch=batches(), loss=st.sampled_from(SEPARABLE), lora=st.booleans(), checkpointing=st.booleans(), kl=st.booleans()
)
def test_losses_and_gradients_are_those_of_trl(family, batch, loss, lora, checkpointing, kl) -> None:
    with exact_head():
        trainer = trainer_64(family, lora, checkpointing)
        trainer.loss_type, trainer.beta = loss, 0.05 * kl
        assert_same(trainer, *batch, tolerance=1e-8)


@pytest.mark.parametrize("family", FAMILIES)
def test_in_float32_the_difference_is_rounding(family) -> None:
    batch = make_batch(PROMPTS, COMPLETIONS, [False] * 6 + [True, False], seed=3)
    trainer = build(family, torch.float32)
    assert_same(trainer, batch, steps=4, tolerance=1e-3)
    assert_same(trainer, batch, steps=1, tolerance=1e-3)


PREFIX = [2 + i % 20 for i in range(40)]
PROMPTS = [PREFIX + question for question in ([3], [4, 5, 6], [4, 5], [9] * 5) for _ in range(2)]
COMPLETIONS = [[3, 4, 5, 6, 7, 8], [5], [6, 6], [7, 8, 9], [3], [4], [5, 5, 5], [12, 13, 14, 15]]


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("loss_type", "bnpo"),
        ("top_entropy_quantile", 0.5),
        ("entropy_coef", 0.01),
        ("importance_sampling_level", "sequence"),
        ("off_policy_mask_threshold", 0.5),
        ("temperature", 0.7),
    ],
)
def test_what_depends_on_the_micro_batch_keeps_trls(change, value) -> None:
    with exact_head():
        trainer = build("qwen2", torch.float64, **{change: value})
        assert_same(trainer, make_batch(PROMPTS, COMPLETIONS, [False] * 8, seed=3), steps=4, tolerance=1e-8)


def test_a_masked_batch_moves_nothing() -> None:
    trainer = build("llama", torch.float32, beta=0.0)
    batch = make_batch(PROMPTS, COMPLETIONS, [True] * 8, seed=0)
    loss, gradients, _ = step(trainer, batch, steps=4, shared=True)
    assert loss == 0
    assert all((g == 0).all() for g in gradients.values() if g is not None)


def test_prompts_of_one_token_share_nothing() -> None:
    with exact_head():
        trainer = trainer_64("llama", lora=False, checkpointing=False)
        trainer.loss_type, trainer.beta = "dapo", 0.0
        batch = make_batch([[3], [3], [5], [5]], COMPLETIONS[:4], [False] * 4, seed=0)
        loss, gradients, _ = step(trainer, batch, steps=2, shared=True)
        expected, wanted, _ = step(trainer, batch, steps=2, shared=False)
        assert loss.item() == pytest.approx(expected.item(), rel=1e-8)
        assert all(torch.allclose(gradients[name], wanted[name], rtol=1e-8, atol=1e-12) for name in wanted)


def test_rows_in_any_order_and_number_at_once_have_the_same_log_probabilities() -> None:
    with exact_head(), torch.no_grad():
        trainer = trainer_64("qwen3", lora=False, checkpointing=False)
        batch = make_batch(PROMPTS[::-1], COMPLETIONS, [False, True] + [False] * 6, seed=0)
        ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
        mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
        for count in (1, 3, None):
            found = []
            for shared in (True, False):
                trainer.share(shared)
                found.append(
                    trainer._get_per_token_logps_and_entropies(
                        trainer.model, ids, mask, 6, batch_size=count, compute_entropy=True
                    )
                )
            (logps, entropies, _), (expected, expected_entropies, _) = found
            assert torch.allclose(logps, expected, rtol=1e-9, atol=1e-12)
            scored = batch["completion_mask"].bool()
            assert torch.allclose(entropies[scored], expected_entropies[scored], rtol=1e-9)


def test_a_mask_with_holes_takes_trls_path() -> None:
    trainer = build("llama", torch.float32)
    batch = make_batch(PROMPTS, COMPLETIONS, [False] * 8, seed=0)
    batch["completion_mask"][0, 1] = 0
    loss, _, metrics = step(trainer, batch, steps=2, shared=True)
    expected, _, _ = step(trainer, batch, steps=2, shared=False)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert "shared_prefix/token_ratio" not in metrics


def test_each_shared_token_is_run_once(monkeypatch) -> None:
    trainer = build("llama", torch.float32)
    seen = []
    trainer.model.model.register_forward_pre_hook(lambda m, a, k: seen.append(k["input_ids"].numel()), with_kwargs=True)
    _, _, metrics = step(trainer, make_batch(PROMPTS, COMPLETIONS, [False] * 8, seed=0), steps=4, shared=True)
    questions = sum(len(question) - 1 for question in ([3], [4, 5, 6], [4, 5], [9] * 5)) - 1  # [4] is in two of them
    completions = sum(map(len, COMPLETIONS))
    assert sum(seen) <= len(PREFIX) + questions + completions + 1
    assert metrics["shared_prefix/token_ratio"] == [pytest.approx(8 * (45 + 6) / sum(seen))]
    assert all(0 <= share < 0.5 for share in metrics["shared_prefix/padding"])


# ---- whole runs: generation given, everything else TRL's


@pytest.mark.parametrize("lora", [False, True], ids=["full", "lora"])
@pytest.mark.parametrize(
    "trl",
    [
        {"beta": 0.1, "gradient_accumulation_steps": 2},
        {"num_iterations": 2, "steps_per_generation": 2, "gradient_accumulation_steps": 1},
        {"steps_per_generation": 2, "gradient_accumulation_steps": 4, "gradient_checkpointing": True},
    ],
    ids=["reference model", "old log-probabilities", "two group_size a step, checkpointing"],
)
def test_a_run_ends_with_the_same_weights(tmp_path: Path, trl, lora) -> None:
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(FAMILIES["smollm2"])
    model.save_pretrained(tmp_path)
    assert_runs_end_alike(tmp_path, lora, **trl)


def assert_runs_end_alike(folder: Path, lora: bool = False, **trl) -> None:
    """Two steps of training from the model in `folder`, shared and plain, with given completions."""
    found = []
    for shared in (True, False):
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        trainer = trainer_of(
            model, lora, output_dir=str(folder), optim="sgd", learning_rate=0.1, max_grad_norm=0, **trl
        )
        weights = {name: p for name, p in trainer.model.named_parameters() if p.requires_grad}
        before = {name: p.detach().clone() for name, p in weights.items()}
        assert trainer.prefix_sharing.on
        trainer.share(shared)
        trainer._tokenize_prompts = lambda prompts: ([PREFIX + [len(p), 5] * (len(p) - 3) for p in prompts], None, {})
        rank = trainer.accelerator.process_index
        trainer._generate_single_turn = lambda ids, *_, rank=rank: (
            [COMPLETIONS[(len(p) + i + 3 * rank) % 8] for i, p in enumerate(ids)],
            None,
        )
        trainer.train()
        found.append({name: p.detach() - before[name] for name, p in weights.items()})
    ours, theirs = found
    largest = max(change.norm() for change in theirs.values())
    assert largest > 1e-3
    for name, change in theirs.items():
        assert (ours[name] - change).norm() <= 1e-3 * torch.maximum(change.norm(), 1e-2 * largest), name


def test_two_processes_end_with_the_same_weights(tmp_path: Path) -> None:
    transformers.AutoModelForCausalLM.from_config(FAMILIES["qwen3"]).save_pretrained(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=os.environ | common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]  # fmt: skip
    for process in processes:
        output, _ = process.communicate(timeout=240)
        assert process.returncode == 0, output[-3000:]


# ---- where it isn't exact, TRL's path and one line


@pytest.mark.parametrize(
    ("config", "trl", "line"),
    [
        (transformers.Qwen2Config(**SMALL, num_key_value_heads=1, use_sliding_window=True, sliding_window=8,
                                  max_window_layers=0), {}, "some of its layers don't see all tokens before"),
        (transformers.MistralConfig(**SMALL, num_key_value_heads=1, sliding_window=8), {},
         "some of its layers don't see all tokens before"),
        (transformers.LlamaConfig(**SMALL, attention_dropout=0.1), {}, "dropout is random"),
        (transformers.LlamaConfig(**SMALL, attn_implementation="eager"), {}, "attention is 'eager'"),
        (transformers.LlamaConfig(**SMALL), {"gradient_checkpointing": True,
                                             "gradient_checkpointing_kwargs": {"use_reentrant": True}}, "reentrant"),
        (transformers.GPT2Config(vocab_size=VOCABULARY, n_embd=24, n_layer=1, n_head=2, n_positions=128, resid_pdrop=0.0,
                                 embd_pdrop=0.0, attn_pdrop=0.0, pad_token_id=0), {}, "other log-probabilities"),
        (transformers.MambaConfig(vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=1, pad_token_id=0), {}, ""),
    ],
    ids=["qwen2 with windows", "mistral", "dropout", "eager", "reentrant", "gpt2", "mamba"],
)  # fmt: skip
def test_where_sharing_is_not_exact_one_line_says_so(config, trl, line) -> None:
    lines: list[str] = []
    model = transformers.AutoModelForCausalLM.from_config(config)
    trainer = trainer_of(model, say=lines.append, **trl)
    assert not trainer.prefix_sharing.on
    assert trainer.prefix_sharing.obstacle in lines[0]
    assert len(lines) == 1
    assert line in lines[0]
    assert "\n" not in lines[0]


if __name__ == "__main__":  # one of two processes
    assert_runs_end_alike(Path(sys.argv[1]), gradient_accumulation_steps=2)
    assert torch.distributed.get_world_size() == 2
