"""Generated questions for verifiers that few packs use: gold answers in many forms, and near misses.

They are the `generate` and `near_misses` of `choice` and `number`; see rlvr.verifiers.audit.generators.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

Row = dict[str, Any]


def rows(size: int, seed: int, make: Callable[[random.Random], Row]) -> Iterator[Row]:
    """`size` rows by `make`, with ids; the same for the same seed."""
    draw = random.Random(seed)
    for index in range(size):
        yield {"id": f"generated-{index}", **make(draw)}


# ---- choice

_WORDS = [
    "copper",
    "silver",
    "oxygen",
    "carbon",
    "helium",
    "sulfur",
    "iodine",
    "barium",
    "cobalt",
    "nickel",
    "radium",
    "cerium",
]
_STATED = ("{0}", "Answer: {0}", "The answer is ({0}).", "\\boxed{{{0}}}", "So it must be\n**{0}**", "{0}. {1}", "{1}")


def choice_rows(size: int, seed: int) -> Iterator[Row]:
    """`size` questions with three to five choices in their metadata; the completion names the right one."""
    return rows(size, seed, _choice)


def _choice(draw: random.Random) -> Row:
    words = draw.sample(_WORDS, draw.randint(3, 5))
    gold = draw.randrange(len(words))
    letter = "ABCDE"[gold]
    text = draw.choice(_STATED).format(letter, words[gold])
    return {"question": "Which one?", "gold": letter, "metadata": {"choices": words}, "completion": text}


def choice_near_misses(row: Mapping[str, Any], draw: random.Random) -> list[str]:
    """Another choice, two choices at once, and the right letter with another choice's text."""
    words, gold = row["metadata"]["choices"], "ABCDE".index(row["gold"])
    wrong = draw.choice([index for index in range(len(words)) if index != gold])
    letter, other, word = row["gold"], "ABCDE"[wrong], words[wrong]
    return [
        f"Answer: {other}", f"{other}. {word}", word, f"Answer: {letter} or {other}", f"{letter}. {word}",
        f"Answer: {letter}\nAnswer: {other}", f"It could be {letter} or {other}.", f"\\boxed{{{letter}, {other}}}",
    ]  # fmt: skip


# ---- number


def number_rows(size: int, seed: int) -> Iterator[Row]:
    """`size` questions with an integer or a decimal as the gold answer, which the completion writes in one of its forms."""
    return rows(size, seed, _number)


def _number(draw: random.Random) -> Row:
    value = Fraction(
        draw.randint(-(10 ** draw.randint(1, 7)), 10 ** draw.randint(1, 7)), draw.choice((1, 1, 1, 10, 100))
    )
    gold = _decimal(value)
    forms = [
        gold,
        f"{int(value):,}" if value.denominator == 1 else gold,
        f"${gold}" if value >= 0 else gold,
        f" {gold} apples",
    ]
    return {
        "question": "How many?",
        "gold": gold,
        "metadata": {},
        "completion": f"So it is.\n#### {draw.choice(forms)}",
    }


def number_near_misses(row: Mapping[str, Any], draw: random.Random) -> list[str]:
    """Another number, several numbers, and the right one without `####`."""
    gold = Fraction(row["gold"])
    wrong = [gold + 1, gold - 1, gold * 10 + 1, gold + Fraction(1, 10), -gold if gold else Fraction(1)]
    other = _decimal(draw.choice(wrong))
    shown = _decimal(gold)
    return [
        f"#### {other}", f"#### {shown} or {other}", f"#### {shown}\n#### {other}", f"#### between {shown} and {other}",
        f"#### {shown} #### {other}", f"It is {shown}.", f"#### {shown}, {other}",
    ]  # fmt: skip


def _decimal(value: Fraction) -> str:
    whole, rest = divmod(abs(value), 1)
    digits = f"{int(rest * 100):02d}".rstrip("0")
    return ("-" if value < 0 else "") + str(int(whole)) + (f".{digits}" if digits else "")
