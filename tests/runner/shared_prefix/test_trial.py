"""The trial passes what is exact, on real weights too, and refuses what isn't, however small the model that it tries."""

from copy import deepcopy
from functools import cache
from types import SimpleNamespace

import pytest

pytest.importorskip("trl")

import torch
import transformers
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from trl import GRPOTrainer
from trl.trainer.utils import add_fused_lm_head

from rlvr.errors import PrerequisiteError
from rlvr.paths import cache_folder
from rlvr.runner.generation import models, tiny_model
from rlvr.runner.shared_prefix import tree_attention
from rlvr.runner.shared_prefix.prefix_sharing import PrefixSharing
from rlvr.runner.shared_prefix.token_tree import PackedSequence, PrefixTree
from rlvr.runner.shared_prefix.trial import find_difference, small_copy

pytestmark = pytest.mark.train

torch.set_num_threads(1)  # more cost more than they bring while others run

LORA = {"r": 4, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
KINDS = [
    pytest.param(False, torch.float32, "no", id="full, float32"),
    pytest.param(False, torch.float32, "bf16", id="full, bfloat16 autocast"),
    pytest.param(True, torch.float32, "no", id="lora, float32"),
    pytest.param(True, torch.bfloat16, "bf16", id="lora, bfloat16 weights"),
]


class Subject:
    """A model with its tokenizer, as TRL prepares it for training."""

    def __init__(self, model, tokenizer, lora: bool, autocast: str) -> None:
        add_fused_lm_head(model, outputs=("log_probs", "entropy"))
        if lora:
            from peft import LoraConfig, get_peft_model

            model = get_peft_model(model, LoraConfig(**LORA))
        self.model, self.tokenizer = model, tokenizer
        AcceleratorState._reset_state(reset_partial_state=True)  # as transformers' trainer does
        self.accelerator = Accelerator(mixed_precision=autocast, cpu=True)

    def difference(self) -> str:
        def reference(model, ids, mask, width):
            trainer = SimpleNamespace(accelerator=self.accelerator)
            return GRPOTrainer._get_per_token_logps_and_entropies(trainer, model, ids, mask, width)[0]

        sharing = PrefixSharing(self.model, self.accelerator, lambda name, value: None)
        random_state = torch.get_rng_state()
        difference = find_difference(sharing, self.model, self.accelerator, self.tokenizer, reference)
        assert torch.equal(torch.get_rng_state(), random_state)  # a run samples the same with it and without
        return difference


@pytest.fixture(scope="module", params=["smollm2-135m", "qwen2.5-coder-0.5b"])
def folder(request):
    """Where a real model lies."""
    if request.param == "smollm2-135m":
        try:
            return models.resolve(request.param, print).path
        except PrerequisiteError as error:
            pytest.skip(str(error))
    path = cache_folder() / "models" / "Qwen2.5-Coder-0.5B-Instruct"
    if not (path / "config.json").is_file():
        pytest.skip(f"no model in {path}")
    return path


@cache
def loaded(folder):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    return model, transformers.AutoTokenizer.from_pretrained(folder)


def load(folder, dtype):
    model, tokenizer = loaded(folder)
    return deepcopy(model).to(dtype), tokenizer


# ---- wrong implementations


def positions_off_by_one(monkeypatch) -> None:
    """Completions are one position too far from their prompts."""
    pack = PrefixTree.pack_completions

    def wrong(self, rows, width, device):
        packed, destinations = pack(self, rows, width, device)
        return PackedSequence(packed.ids, packed.positions + 1, packed.labels, packed.layout), destinations

    monkeypatch.setattr(PrefixTree, "pack_completions", wrong)


def question_unseen(monkeypatch) -> None:
    """Completions attend to the prefix, and not to their questions."""
    ancestors = PrefixTree._ancestors
    monkeypatch.setattr(PrefixTree, "_ancestors", lambda self, groups, *rest: ancestors(self, groups, *rest)[:1])


def prefix_unseen(monkeypatch) -> None:
    ancestors = PrefixTree._ancestors
    monkeypatch.setattr(PrefixTree, "_ancestors", lambda self, groups, *rest: ancestors(self, groups, *rest)[1:])


def no_gradient_to_the_prefix(monkeypatch) -> None:
    """Log-probabilities are right; what the prefix's keys and values should have learned is lost."""
    apply = tree_attention._apply

    def wrong(q, k, v, tree_k, tree_v, *rest):
        return apply(q, k, v, None if tree_k is None else tree_k.detach(), tree_v, *rest)

    monkeypatch.setattr(tree_attention, "_apply", wrong)


def scores_in_16_bits(monkeypatch) -> None:
    """Scores are rounded to the queries' type."""
    scores = tree_attention._scores
    monkeypatch.setattr(
        tree_attention, "_scores", lambda q, k, *rest: scores(q, k, *rest).to(q.dtype).to(torch.float32)
    )


WRONG = [positions_off_by_one, question_unseen, prefix_unseen, no_gradient_to_the_prefix]


def is_refused(subject: Subject, wrong) -> bool:
    with pytest.MonkeyPatch.context() as monkeypatch:
        wrong(monkeypatch)
        return "other log-probabilities or gradients" in subject.difference()


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(("lora", "dtype", "autocast"), KINDS)
def test_wrong_implementations_are_refused(lora, dtype, autocast, wrong) -> None:
    model, tokenizer = tiny_model.build()
    subject = Subject(model.to(dtype), tokenizer, lora, autocast)
    assert subject.difference() == ""
    assert is_refused(subject, wrong)


@pytest.mark.model
@pytest.mark.parametrize(("lora", "dtype", "autocast"), KINDS)
def test_real_models_pass_and_wrong_implementations_are_refused(folder, lora, dtype, autocast) -> None:
    subject = Subject(*load(folder, dtype), lora, autocast)
    assert subject.difference() == ""
    assert is_refused(subject, positions_off_by_one)
    assert is_refused(subject, question_unseen)


@pytest.mark.model
def test_rounded_scores_are_refused_in_16_bits(monkeypatch) -> None:
    """The first layer of Qwen2.5 has scores of thousands: rounded, its gradients are off by many times their norm."""
    path = cache_folder() / "models" / "Qwen2.5-Coder-0.5B-Instruct"
    if not (path / "config.json").is_file():
        pytest.skip(f"no model in {path}")
    subject = Subject(*load(path, torch.bfloat16), False, "bf16")
    scores_in_16_bits(monkeypatch)
    assert "less exact with it in 16 bits" in subject.difference()


@pytest.mark.parametrize("lora", [False, True], ids=["full", "lora"])
def test_the_copy_is_small_and_the_model_as_it_was(lora) -> None:
    config = transformers.Qwen2Config(
        vocab_size=1000, hidden_size=16, intermediate_size=16, num_hidden_layers=6, num_attention_heads=2,
        num_key_value_heads=1,
    )  # fmt: skip
    subject = Subject(transformers.AutoModelForCausalLM.from_config(config), None, lora, "no")
    subject.model.eval()
    before = {name: p.detach().clone() for name, p in subject.model.named_parameters()}
    small, tokens = small_copy(subject.model, [7, 900, 7, 3])
    assert tokens == [1, 2, 1, 0]
    layers = {module.layer_idx for module in small.modules() if hasattr(module, "layer_idx")}
    assert layers == {0, 5}
    assert small.get_input_embeddings().weight.shape == (3, 16)
    assert small.get_output_embeddings().weight.shape == (3, 16)
    small.float()
    assert len(subject.model.get_submodule("base_model.model.model" if lora else "model").layers) == 6
    assert not subject.model.training
    assert all(torch.equal(before[name], p) for name, p in subject.model.named_parameters())
