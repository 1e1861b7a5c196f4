"""Prompts as tokens: which special tokens they get, and whether they fit the model's context."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rlvr.errors import ConfigError
from rlvr.runner.generation.backend import Tokens
from rlvr.tasks.prompt import Prompt
from rlvr.verifiers.types import Example


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """A prompt as the model gets it."""

    text: str
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class PromptEncoder:
    """Renders and tokenizes the prompts of a run.

    `render(example, step)` makes a prompt. A prompt and `max_new_tokens` of a completion have to fit `context`.
    """

    tokenizer: Any
    render: Callable[[Example, int], Prompt]
    max_new_tokens: int
    context: int

    def __call__(self, examples: Sequence[Example], step: int) -> list[EncodedPrompt]:
        """The prompts of `examples`, in order. Raises ConfigError if one doesn't fit."""
        prompts = [self.render(example, step) for example in examples]
        tokens = tokenize(prompts, self.tokenizer)
        require_fit(max(map(len, tokens)), self.max_new_tokens, self.context)
        return [EncodedPrompt(prompt.text, ids) for prompt, ids in zip(prompts, tokens, strict=True)]


def tokenize(prompts: Sequence[Prompt], tokenizer: Any) -> list[Tokens]:
    """The token ids of each prompt, with the tokenizer's special tokens only if a chat template hasn't written them."""
    if len({prompt.adds_special_tokens for prompt in prompts}) == 1:  # in one call, which is much faster
        added = prompts[0].adds_special_tokens
        ids: list[Tokens] = tokenizer([prompt.text for prompt in prompts], add_special_tokens=added)["input_ids"]
        return ids
    return [tokenizer(prompt.text, add_special_tokens=prompt.adds_special_tokens)["input_ids"] for prompt in prompts]


def require_fit(longest: int, new_tokens: int, context: int) -> None:
    """Raises ConfigError if a prompt of `longest` tokens and `new_tokens` more don't fit: nothing is ever cut silently."""
    over = longest + new_tokens - context
    if over > 0:
        raise ConfigError(
            f"the longest prompt has {longest} tokens; with {new_tokens} for the completion that is {over} more than the "
            f"context of {context}: use fewer --shots, a smaller --max-completion-length, or a model with a longer context"
        )
