"""Prompts: chat messages or plain text, few-shot examples as turns or as a prefix, templates with metadata."""

import re
from collections.abc import Callable

import pytest

from rlvr.errors import ConfigError
from rlvr.tasks.pack import Pack
from rlvr.tasks.prompt import Prompt, choose_shots, fill, messages, plain, render
from rlvr.verifiers.types import Example

MakePack = Callable[..., Pack]
EXAMPLE = Example("1", "3+3", "6", metadata={"hint": "small"})


class Tokenizer:
    """A chat template that shows what it was given."""

    chat_template = "a template"

    def apply_chat_template(self, given: list[dict[str, str]], *, tokenize: bool, add_generation_prompt: bool) -> str:
        assert (tokenize, add_generation_prompt) == (False, True)
        return "".join(f"<{message['role']}>{message['content']}" for message in given) + "<assistant>"


class PlainTokenizer:
    chat_template = None


@pytest.mark.parametrize(
    ("changes", "shots", "chat", "text"),
    [
        ("", 0, "<user>3+3=<assistant>", "3+3="),
        ("", 1, "<user>1+1=<assistant>2<user>3+3=<assistant>", "1+1=2\n3+3="),
        ("", 2, "<user>1+1=<assistant>2<user>2+2=<assistant>4<user>3+3=<assistant>", "1+1=2\n2+2=4\n3+3="),
        ('system = "Add."', 1, "<system>Add.<user>1+1=<assistant>2<user>3+3=<assistant>", "Add.\n1+1=2\n3+3="),
        ('fewshot = "prefix"', 2, "<user>1+1=\n2\n2+2=\n4\n3+3=<assistant>", "1+1=2\n2+2=4\n3+3="),
        ('answer = "#### {completion}"', 1, "<user>1+1=<assistant>#### 2<user>3+3=<assistant>", "1+1=#### 2\n3+3="),
    ],
)
def test_render(make_pack: MakePack, changes: str, shots: int, chat: str, text: str) -> None:
    pack = make_pack(replace={"[prompt]": f"[prompt]\n{changes}"})
    chosen = choose_shots(pack, shots)
    assert render(pack, EXAMPLE, chosen, Tokenizer()) == Prompt(
        chat, adds_special_tokens=pack.task.prompt.style == "plain"
    )
    assert render(pack, EXAMPLE, chosen, PlainTokenizer()) == Prompt(plain(pack, EXAMPLE, chosen)) == Prompt(text)


def test_a_plain_pack_needs_no_chat_template(make_pack: MakePack) -> None:
    pack = make_pack(replace={"[prompt]": '[prompt]\nstyle = "plain"'})
    assert render(pack, EXAMPLE, [], Tokenizer()) == Prompt("3+3=")


def test_templates_know_the_metadata(make_pack: MakePack) -> None:
    pack = make_pack(replace={"{question}=": "{question} ({hint}, {{literal}})"})
    assert plain(pack, EXAMPLE, []) == "3+3 (small, {literal})"


def test_what_stands_in_a_question_is_no_template(make_pack: MakePack) -> None:
    example = Example("1", "{completion} {x} {0} {{", "6", metadata={"question": "not this", "completion": "nor this"})
    assert plain(make_pack(), example, []) == "{completion} {x} {0} {{="


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{qestion}=", "KeyError: 'qestion'"),
        ("{}=", "IndexError: Replacement index 0 out of range for positional args tuple"),
        ("{question=", "ValueError: expected '}' before end of string"),
        ("{question.x}", "AttributeError: 'str' object has no attribute 'x'"),
        ("{question:d}", "ValueError: Unknown format code 'd' for object of type 'str'"),
        ("{answer}", "KeyError: 'answer'"),  # the gold answer is never in a prompt
    ],
)
def test_a_bad_template_says_what_it_may_name(make_pack: MakePack, template: str, message: str) -> None:
    pack = make_pack(replace={"{question}=": template})
    for make in (plain, messages):
        with pytest.raises(ConfigError) as error:
            make(pack, EXAMPLE, [])
        assert str(error.value) == (
            f"{pack.folder / 'task.toml'}: template {template!r}: {message} (it knows {{hint}}, {{question}}; write {{{{ for a brace)"
        )


def test_fill_takes_more_names(make_pack: MakePack) -> None:
    assert fill(make_pack(), "{question} = {answer}", EXAMPLE, answer="6") == "3+3 = 6"


def test_more_shots_than_there_are(make_pack: MakePack) -> None:
    pack = make_pack()
    message = f"3 shots asked for, but pack 'sums' has 2 few-shot examples ({pack.folder / 'fewshot.jsonl'})"
    with pytest.raises(ConfigError, match=re.escape(message)):
        choose_shots(pack, 3)
