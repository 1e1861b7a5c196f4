"""Generation by transformers: as the model alone would, whatever the batch; until the end, a stop string or the limit."""

from typing import Any

import pytest

pytest.importorskip("transformers")
pytestmark = pytest.mark.train

import torch

from rlvr.runner.generation import tiny_model
from rlvr.runner.generation.backend import Sampling, generate_all
from rlvr.runner.generation.transformers_backend import TransformersGenerator

PROMPTS = ["1+1=", "12+3=", "7+8+9=", "2="]


@pytest.fixture(scope="module")
def model_and_tokenizer() -> tuple[Any, Any]:
    return tiny_model.build(3)


def texts(model_and_tokenizer: tuple[Any, Any], sampling: Sampling, batch_size: int = 32) -> list[list[str]]:
    model, tokenizer = model_and_tokenizer
    prompts = [tokenizer(text)["input_ids"] for text in PROMPTS]
    groups = generate_all(TransformersGenerator(model, tokenizer, batch_size), prompts, sampling)
    return [[completion.text for completion in group] for group in groups]


def test_greedy_completions_are_the_likeliest_tokens_one_by_one(model_and_tokenizer: tuple[Any, Any]) -> None:
    model, tokenizer = model_and_tokenizer
    model.eval()
    for prompt, (text,) in zip(PROMPTS, texts(model_and_tokenizer, Sampling(6, temperature=0.0)), strict=True):
        ids = tokenizer(prompt)["input_ids"]
        written: list[int] = []
        while len(written) < 6 and tokenizer.eos_token_id not in written:
            with torch.no_grad():
                written.append(int(model(torch.tensor([ids + written])).logits[0, -1].argmax()))
        assert text == tokenizer.decode(written, skip_special_tokens=True)


def test_batches_change_nothing(model_and_tokenizer: tuple[Any, Any]) -> None:
    greedy = Sampling(5, temperature=0.0)
    assert texts(model_and_tokenizer, greedy) == texts(model_and_tokenizer, greedy, batch_size=1)


def test_samples_follow_from_the_seed(model_and_tokenizer: tuple[Any, Any]) -> None:
    first, again, other = (texts(model_and_tokenizer, Sampling(8, n=4, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert [len(group) for group in first] == [4] * len(PROMPTS)
    assert any(len(set(group)) > 1 for group in first)


def test_a_completion_says_how_it_ended(model_and_tokenizer: tuple[Any, Any]) -> None:
    model, tokenizer = model_and_tokenizer
    generator = TransformersGenerator(model, tokenizer)
    prompts = [tokenizer("1+1=")["input_ids"]]
    (whole,) = generate_all(generator, prompts, Sampling(6, temperature=0.0))[0]
    assert (len(whole.tokens), whole.finish_reason) in {(6, "length"), (len(whole.tokens), "stop")}
    stop = whole.text[1:2] or whole.text[:1]
    assert stop
    (cut,) = generate_all(generator, prompts, Sampling(6, temperature=0.0, stop=[stop]))[0]
    assert (cut.text, cut.finish_reason) == (whole.text.partition(stop)[0], "stop")
    assert len(cut.tokens) <= len(whole.tokens)


def test_the_models_mode_is_put_back(model_and_tokenizer: tuple[Any, Any]) -> None:
    model, _ = model_and_tokenizer
    model.train()
    texts(model_and_tokenizer, Sampling(2))
    assert model.training
    model.eval()
