"""Prompts as tokens: which special tokens they get, and whether they fit the model's context."""

from collections.abc import Sequence
from typing import Any

from rlvr.errors import ConfigError
from rlvr.runner.generation.backend import Tokens
from rlvr.tasks.pack import Pack
from rlvr.verifiers.types import Example


def tokenize(pack: Pack, examples: Sequence[Example], texts: Sequence[str], tokenizer: Any) -> list[Tokens]:
    """The prompts of `examples` as tokens. A chat template wrote its own special tokens."""
    chat = [uses_chat_template(pack.member(example), tokenizer) for example in examples]
    if len(set(chat)) <= 1:
        ids: list[Tokens] = tokenizer(list(texts), add_special_tokens=not any(chat))["input_ids"]
        return ids
    return [tokenizer(text, add_special_tokens=not own)["input_ids"] for text, own in zip(texts, chat, strict=True)]


def uses_chat_template(pack: Pack, tokenizer: Any) -> bool:
    return pack.task.prompt.style == "chat" and bool(getattr(tokenizer, "chat_template", None))


def require_fit(longest: int, new_tokens: int, context: int) -> None:
    """Raises ConfigError if a prompt of `longest` tokens and `new_tokens` more don't fit: nothing is ever cut silently."""
    over = longest + new_tokens - context
    if over > 0:
        raise ConfigError(
            f"the longest prompt has {longest} tokens; with {new_tokens} for the completion that is {over} more than the "
            f"context of {context}: use fewer --shots, a smaller --max-completion-length, or a model with a longer context"
        )
