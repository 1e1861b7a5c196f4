"""Turns a question and worked examples into a prompt: chat messages, or plain text."""

from collections.abc import Sequence
from typing import Any

from rlvr.sandboxes.errors import ConfigError
from rlvr.tasks.pack import Pack, Shot
from rlvr.verifiers.types import Example

Message = dict[str, str]


def messages(pack: Pack, example: Example, shots: Sequence[Shot]) -> list[Message]:
    """The prompt as chat messages: the system's, the worked examples', the question."""
    prompt = pack.task.prompt
    made = [{"role": "system", "content": prompt.system}] if prompt.system else []
    question = _fill(pack, prompt.question, example)
    if prompt.fewshot == "prefix":
        worked = [_worked(pack, shot, "\n") for shot in shots]
        question = prompt.separator.join([*worked, question])
    else:
        for shot in shots:
            made.append({"role": "user", "content": _fill(pack, prompt.question, shot.example)})
            made.append({"role": "assistant", "content": _fill(pack, prompt.answer, shot.example, shot.completion)})
    return [*made, {"role": "user", "content": question}]


def plain(pack: Pack, example: Example, shots: Sequence[Shot]) -> str:
    """The prompt as plain text, for models without a chat template."""
    prompt = pack.task.prompt
    worked = [_worked(pack, shot, "") for shot in shots]
    system = [prompt.system] if prompt.system else []
    return prompt.separator.join([*system, *worked, _fill(pack, prompt.question, example)])


def choose_shots(pack: Pack, count: int) -> list[Shot]:
    """The first `count` worked examples. Raises ConfigError if there are fewer."""
    if count > len(pack.shots):
        raise ConfigError(
            f"{count} shots asked for, but pack {pack.name!r} has {len(pack.shots)} worked examples "
            f"({pack.folder / 'fewshot.jsonl'})"
        )
    return pack.shots[:count]


def render(pack: Pack, example: Example, shots: Sequence[Shot], tokenizer: Any) -> str:
    """The prompt's text for a model: by its chat template, where pack and tokenizer have one, else plain."""
    if pack.task.prompt.style == "chat" and getattr(tokenizer, "chat_template", None):
        text: str = tokenizer.apply_chat_template(
            messages(pack, example, shots), tokenize=False, add_generation_prompt=True
        )
        return text
    return plain(pack, example, shots)


def _worked(pack: Pack, shot: Shot, between: str) -> str:
    prompt = pack.task.prompt
    return (
        _fill(pack, prompt.question, shot.example) + between + _fill(pack, prompt.answer, shot.example, shot.completion)
    )


def _fill(pack: Pack, template: str, example: Example, completion: str = "") -> str:
    try:
        return template.format(**{**example.metadata, "question": example.question, "completion": completion})
    except (KeyError, IndexError, ValueError) as error:
        raise ConfigError(
            f"{pack.folder / 'task.toml'}: prompt template {template!r}: {type(error).__name__}: {error} "
            "(templates know {question}, {completion} and the names in the example's metadata; write {{ for a brace)"
        ) from None
