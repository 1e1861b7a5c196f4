"""Generated questions for `math`: gold answers of six kinds in several forms, and near misses."""

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rlvr.verifiers.text.questions import Row, rows


def math_rows(size: int, seed: int) -> Iterator[Row]:
    """`size` questions whose gold answer is a fraction, polynomial, root, interval, set or pair."""
    return rows(size, seed, lambda draw: draw.choice(_KINDS)(draw))


def math_near_misses(row: Mapping[str, Any], draw: random.Random) -> list[str]:
    """The wrong answers in the row's metadata, boxed; and two answers at once."""
    wrong = list(row["metadata"]["wrong"])
    return [*(f"\\boxed{{{text}}}" for text in wrong), f"\\boxed{{{row['gold']}}}\n\\boxed{{{wrong[0]}}}"]


def _boxed(gold: str, completion: str, *wrong: str) -> Row:
    text = f"Thus \\boxed{{{completion}}}."
    return {"question": "What is it?", "gold": gold, "metadata": {"wrong": wrong}, "completion": text}


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


_KINDS: tuple[Callable[[random.Random], Row], ...] = (_fraction, _polynomial, _root, _interval, _set, _pair)
