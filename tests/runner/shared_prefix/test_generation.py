"""Running a prompt once for all of its completions changes nothing but the time."""

import pytest

pytest.importorskip("transformers")

import torch
import transformers
from transformers import GenerationConfig

from rlvr.runner.shared_prefix.generation import generate_from_shared_prompts

pytestmark = pytest.mark.train

PAD, END = 0, 1
SMALL = {
    "vocab_size": 23, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 3,
    "max_position_embeddings": 64, "pad_token_id": PAD, "bos_token_id": None, "eos_token_id": END,
    "initializer_range": 0.5,
}  # fmt: skip
SHARED = {
    "llama": transformers.LlamaConfig(**SMALL, num_key_value_heads=1),
    "qwen3": transformers.Qwen3Config(**SMALL, num_key_value_heads=3, head_dim=8),
    "absolute positions": transformers.GPT2Config(
        vocab_size=23, n_embd=24, n_layer=2, n_head=3, n_positions=64, bos_token_id=None, eos_token_id=END,
        pad_token_id=PAD, initializer_range=0.5, attn_pdrop=0, embd_pdrop=0, resid_pdrop=0,
    ),
}  # fmt: skip
NOT_SHARED = {
    "sliding window": transformers.MistralConfig(**SMALL, num_key_value_heads=3, sliding_window=4),
    "states": transformers.MambaConfig(
        vocab_size=23, hidden_size=24, num_hidden_layers=2, state_size=4, pad_token_id=PAD, bos_token_id=None,
        eos_token_id=END, initializer_range=0.5,
    ),
}  # fmt: skip
PROMPTS = [[5, 6, 7, 8, 9, 10], [11, 12], [13]]


class Counted:
    """A model, and how many tokens of prompts and completions it was run on."""

    def __init__(self, config) -> None:
        torch.manual_seed(0)
        self.model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float64).eval()
        self.tokens = 0
        self.model.register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, model, args, kwargs) -> None:
        self.tokens += kwargs["input_ids"].numel()

    def completions(self, shared: bool, prompts, **settings):
        """(tokens of the completions, tokens that the model was run on)."""
        width = max(map(len, prompts))
        ids = torch.tensor([[PAD] * (width - len(prompt)) + prompt for prompt in prompts])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        config = GenerationConfig(max_new_tokens=5, pad_token_id=PAD, eos_token_id=END, top_k=0, **settings)
        inputs = {"input_ids": ids, "attention_mask": mask, "generation_config": config}
        self.tokens = 0
        torch.manual_seed(1)
        with torch.no_grad():
            plain = self.model.generate
            found = generate_from_shared_prompts(plain, self.model, **inputs) if shared else plain(**inputs)
        return found.tolist(), self.tokens


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.0])
@pytest.mark.parametrize("family", SHARED)
def test_completions_are_those_of_transformers(family: str, temperature: float) -> None:
    model = Counted(SHARED[family])
    settings = {"do_sample": True, "temperature": temperature, "num_return_sequences": 4}
    theirs, run = model.completions(False, PROMPTS, **settings)
    ours, ours_run = model.completions(True, PROMPTS, **settings)
    assert ours == theirs
    assert len({tuple(row) for row in ours}) > len(PROMPTS)  # they aren't all alike
    copies = (4 - 1) * len(PROMPTS) * (max(map(len, PROMPTS)) - 1)  # of prompts without their last token
    assert run - ours_run == copies


@pytest.mark.parametrize("family", NOT_SHARED)
def test_a_model_that_remembers_more_than_keys_and_values_is_left_alone(family: str) -> None:
    model = Counted(NOT_SHARED[family])
    settings = {"do_sample": True, "num_return_sequences": 3}
    assert model.completions(True, PROMPTS, **settings) == model.completions(False, PROMPTS, **settings)


@pytest.mark.parametrize(
    ("prompts", "settings"),
    [
        (PROMPTS, {"do_sample": False}),  # one completion a prompt
        ([[5], [6]], {"do_sample": True, "num_return_sequences": 3}),  # nothing before the last token
        (PROMPTS, {"num_beams": 3, "num_return_sequences": 2}),
        (PROMPTS, {"do_sample": True, "num_return_sequences": 3, "use_cache": False}),
        (PROMPTS, {"do_sample": True, "num_return_sequences": 3, "cache_implementation": "static"}),
    ],
    ids=["one", "single tokens", "beams", "no cache", "static cache"],
)
def test_what_has_nothing_to_share_is_left_alone(prompts, settings) -> None:
    model = Counted(SHARED["llama"])
    assert model.completions(True, prompts, **settings) == model.completions(False, prompts, **settings)


def test_a_call_in_another_form_goes_through() -> None:
    calls = []
    generate_from_shared_prompts(lambda *args, **inputs: calls.append((args, inputs)), None, "ids", max_new_tokens=3)
    generate_from_shared_prompts(lambda *args, **inputs: calls.append((args, inputs)), None, inputs_embeds="some")
    assert calls == [(("ids",), {"max_new_tokens": 3}), ((), {"inputs_embeds": "some"})]
