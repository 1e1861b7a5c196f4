"""Prompts as tokens: whose special tokens they get, and whether they fit."""

import pytest

from rlvr.errors import ConfigError
from rlvr.runner.generation.prompts import EncodedPrompt, PromptEncoder, require_fit, tokenize
from rlvr.tasks.prompt import Prompt
from rlvr.verifiers.types import Example

START = 1  # the special token


def tokenizer(text: str | list[str], add_special_tokens: bool) -> dict[str, list]:
    """A token a character."""
    if isinstance(text, list):
        return {"input_ids": [tokenizer(one, add_special_tokens)["input_ids"] for one in text]}
    return {"input_ids": [START] * add_special_tokens + [ord(character) for character in text]}


@pytest.mark.parametrize("adds", [[True, True], [False, False], [True, False], [False, True]])
def test_a_chat_template_has_written_its_own_special_tokens(adds: list[bool]) -> None:
    prompts = [Prompt(text, added) for text, added in zip("ab", adds, strict=True)]
    assert tokenize(prompts, tokenizer) == [[START] * adds[0] + [ord("a")], [START] * adds[1] + [ord("b")]]


def test_an_encoder_renders_and_tokenizes() -> None:
    encode = PromptEncoder(tokenizer, lambda example, step: Prompt(f"{step}{example.question}"), 3, 6)
    examples = [Example("1", "x", ""), Example("2", "", "")]
    assert encode(examples, 5) == [
        EncodedPrompt("5x", [START, ord("5"), ord("x")]),
        EncodedPrompt("5", [START, ord("5")]),
    ]


def test_what_just_fits() -> None:
    require_fit(90, 10, 100)


def test_one_prompt_that_does_not_fit_is_an_error_that_says_by_how_much() -> None:
    encode = PromptEncoder(tokenizer, lambda example, step: Prompt(example.question), 3, 6)
    with pytest.raises(
        ConfigError, match="the longest prompt has 5 tokens; with 3 for the completion that is 2 more than"
    ):
        encode([Example("1", "x", ""), Example("2", "1234", "")], 1)
