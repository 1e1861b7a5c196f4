"""Generated questions for verifiers that packs bring few of: gold answers in many forms, and near misses.

They are the `generate` and `near_misses` of `choice`, `number` and `math`; see rlvr.verifiers.audit.generators.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

Row = dict[str, Any]
Make = Callable[[random.Random], Row]


def rows(size: int, seed: int, make: Make) -> Iterator[Row]:
    """`size` rows by `make`, the same for the same seed."""
    draw = random.Random(seed)
    for index in range(size):
        yield {"id": f"made-{index}", **make(draw)}


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
    return rows(size, seed, _choice)


def _choice(draw: random.Random) -> Row:
    words = draw.sample(_WORDS, draw.randint(3, 5))
    gold = draw.randrange(len(words))
    letter = "ABCDE"[gold]
    text = draw.choice(_STATED).format(letter, words[gold])
    return {"question": "Which one?", "answer": letter, "metadata": {"choices": words}, "completion": text}


def choice_near_misses(row: Mapping[str, Any], draw: random.Random) -> list[str]:
    words, gold = row["metadata"]["choices"], "ABCDE".index(row["answer"])
    wrong = draw.choice([index for index in range(len(words)) if index != gold])
    letter, other, word = row["answer"], "ABCDE"[wrong], words[wrong]
    return [
        f"Answer: {other}", f"{other}. {word}", word, f"Answer: {letter} or {other}", f"{letter}. {word}",
        f"Answer: {letter}\nAnswer: {other}", f"It could be {letter} or {other}.", f"\\boxed{{{letter}, {other}}}",
    ]  # fmt: skip


# ---- number


def number_rows(size: int, seed: int) -> Iterator[Row]:
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
        "answer": gold,
        "metadata": {},
        "completion": f"So it is.\n#### {draw.choice(forms)}",
    }


def number_near_misses(row: Mapping[str, Any], draw: random.Random) -> list[str]:
    gold = Fraction(row["answer"])
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


# ---- math


def math_rows(size: int, seed: int) -> Iterator[Row]:
    return rows(size, seed, lambda draw: draw.choice(_KINDS)(draw))


def math_near_misses(row: Mapping[str, Any], draw: random.Random) -> list[str]:
    """The wrong answers that the kind of question names, boxed; and two answers at once."""
    wrong = list(row["metadata"]["wrong"])
    return [*(f"\\boxed{{{text}}}" for text in wrong), f"\\boxed{{{row['answer']}}}\n\\boxed{{{wrong[0]}}}"]


def _boxed(gold: str, completion: str, *wrong: str) -> Row:
    text = f"Thus \\boxed{{{completion}}}."
    return {"question": "What is it?", "answer": gold, "metadata": {"wrong": wrong}, "completion": text}


def _fraction(draw: random.Random) -> Row:
    top, bottom, factor = draw.randint(1, 99), draw.randint(2, 30), draw.randint(2, 9)
    shown = draw.choice(
        (f"{top}/{bottom}", f"\\dfrac{{{top * factor}}}{{{bottom * factor}}}", f"\\tfrac{{{top}}}{{{bottom}}}")
    )
    gold = f"\\frac{{{top}}}{{{bottom}}}"
    return _boxed(gold, shown, f"\\frac{{{top + 1}}}{{{bottom}}}", f"\\frac{{{top}}}{{{bottom + 1}}}", f"-{gold}")


def _polynomial(draw: random.Random) -> Row:
    a, b = draw.randint(1, 9), draw.randint(-9, 9)
    gold = f"x^2 {a + b:+d}x {a * b:+d}"
    factored = f"(x {a:+d})(x {b:+d})"
    return _boxed(gold, draw.choice((factored, gold)), f"x^2 {a + b + 1:+d}x {a * b:+d}", f"(x {a:+d})(x {b + 1:+d})")


def _root(draw: random.Random) -> Row:
    factor, inside = draw.randint(2, 12), draw.choice((2, 3, 5, 6, 7, 10, 11, 13))
    gold = f"{factor}\\sqrt{{{inside}}}"
    whole = f"\\sqrt{{{factor * factor * inside}}}"
    return _boxed(
        gold, draw.choice((gold, whole)), f"{factor + 1}\\sqrt{{{inside}}}", f"{factor}\\sqrt{{{inside + 1}}}"
    )


def _interval(draw: random.Random) -> Row:
    low, high = sorted(draw.sample(range(-20, 21), 2))
    return _boxed(f"[{low}, {high})", f"[{low},{high})", f"({low}, {high})", f"[{low}, {high}]", f"[{low}, {high + 1})")


def _set(draw: random.Random) -> Row:
    values = draw.sample(range(-30, 31), 3)
    gold = f"\\{{{', '.join(map(str, sorted(values)))}\\}}"
    shown = f"\\{{{', '.join(map(str, values))}\\}}"
    more = next(number for number in range(40, 50) if number not in values)
    two = ", ".join(map(str, values[:2]))
    return _boxed(gold, shown, f"\\{{{two}\\}}", f"\\{{{two}, {more}\\}}")


def _pair(draw: random.Random) -> Row:
    x, y = draw.sample(range(-30, 31), 2)
    return _boxed(f"({x}, {y})", f"({x},{y})", f"({y}, {x})", f"({x}, {y + 1})")


_KINDS: tuple[Make, ...] = (_fraction, _polynomial, _root, _interval, _set, _pair)
