"""Turns a question and few-shot examples into a prompt: chat messages, or plain text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rlvr.errors import ConfigError
from rlvr.tasks.pack import Pack, Shot
from rlvr.verifiers.types import Completion, Example

Message = dict[str, str]


def messages(pack: Pack, example: Example, shots: Sequence[Shot]) -> list[Message]:
    """The prompt as chat messages: system prompt, few-shot examples, question. Raises ConfigError for a wrong template."""
    pack, shots = _own(pack, example, shots)
    prompt = pack.task.prompt
    chat = [{"role": "system", "content": prompt.system}] if prompt.system else []
    question = fill(pack, prompt.question, example)
    if prompt.fewshot == "prefix":
        question = prompt.separator.join([*(_shot_text(pack, shot, "\n") for shot in shots), question])
    else:
        for shot in shots:
            chat.append({"role": "user", "content": fill(pack, prompt.question, shot.example)})
            chat.append({"role": "assistant", "content": _answer(pack, shot)})
    return [*chat, {"role": "user", "content": question}]


def plain(pack: Pack, example: Example, shots: Sequence[Shot]) -> str:
    """The prompt as plain text, for models without a chat template. Raises ConfigError for a wrong template."""
    pack, shots = _own(pack, example, shots)
    prompt = pack.task.prompt
    examples = [_shot_text(pack, shot, "") for shot in shots]
    system = [prompt.system] if prompt.system else []
    return prompt.separator.join([*system, *examples, fill(pack, prompt.question, example)])


def choose_shots(pack: Pack, count: int) -> list[Shot]:
    """The first `count` few-shot examples, of each member if the pack is a mixture. Raises ConfigError if there are fewer."""
    if pack.members:
        for member in pack.members.values():
            choose_shots(member, count)
        return [shot for name in pack.members for shot in [s for s in pack.shots if s.example.pack == name][:count]]
    if count > len(pack.shots):
        raise ConfigError(
            f"{count} shots asked for, but pack {pack.name!r} has {len(pack.shots)} few-shot examples "
            f"({pack.folder / 'fewshot.jsonl'})"
        )
    return pack.shots[:count]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt. `adds_special_tokens`: the tokenizer must add its own; a chat template has written them already."""

    text: str
    adds_special_tokens: bool = True


def render(pack: Pack, example: Example, shots: Sequence[Shot], tokenizer: Any) -> Prompt:
    """The prompt for a model: by the tokenizer's chat template, if it has one and the pack wants it, else plain text.

    Raises ConfigError for a wrong template in task.toml.
    """
    if pack.member(example).task.prompt.style == "chat" and getattr(tokenizer, "chat_template", None):
        text = tokenizer.apply_chat_template(messages(pack, example, shots), tokenize=False, add_generation_prompt=True)
        return Prompt(str(text), adds_special_tokens=False)
    return Prompt(plain(pack, example, shots))


def _own(pack: Pack, example: Example, shots: Sequence[Shot]) -> tuple[Pack, list[Shot]]:
    """The pack that the example was drawn from, and that pack's few-shot examples among `shots`."""
    return pack.member(example), [shot for shot in shots if shot.example.pack == example.pack]


def _shot_text(pack: Pack, shot: Shot, between: str) -> str:
    return fill(pack, pack.task.prompt.question, shot.example) + between + _answer(pack, shot)


def _answer(pack: Pack, shot: Shot) -> str:
    return fill(pack, pack.task.prompt.answer, shot.example, completion=shot.completion)


def gold_completion(pack: Pack, example: Example) -> Completion | None:
    """The gold answer as a model would write it, by the template `gold_completion`; None if the pack has none.

    Raises ConfigError for a wrong template.
    """
    pack = pack.member(example)
    template = pack.task.gold_completion
    return None if template is None else Completion(fill(pack, template, example, gold=example.gold))


def fill(pack: Pack, template: str, example: Example, **more: str) -> str:
    """A template of task.toml, filled with an example's question, its metadata and `more`. Raises ConfigError if it can't be."""
    names = {**example.metadata, "question": example.question, **more}
    try:
        return template.format(**names)
    except (LookupError, ValueError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"{pack.folder / 'task.toml'}: template {template!r:.80}: {type(error).__name__}: {error} "
            f"(it knows {', '.join(f'{{{name}}}' for name in names)}; write {{{{ for a brace)"
        ) from None
