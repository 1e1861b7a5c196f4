"""Countdown problems from a seed: numbers, and a target that an expression of all of them reaches.

A problem is its sorted numbers and its target. A hash of these decides the split, so no test problem can be a
training problem, whatever the seeds and sizes.
"""

import ast
import hashlib
import operator
import random
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

LEVELS = {"three": 3, "four": 4, "five": 5, "six": 6}
SMALL, LARGEST = (
    12,
    99,
)  # the greatest small number and the greatest of all; half of the numbers are small, so that products stay in reach
TARGETS = range(10, 1000)
SUMS = 0.15  # the share of problems solved by sums and differences alone that is kept
TEST_SHARE = 5  # one problem in five

SIGNS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv
}  # fmt: skip

Row = dict[str, Any]


def generate(split: str, size: int, seed: int) -> Iterator[Row]:
    """`size` different rows of a split, the levels in turn."""
    draw = random.Random(f"countdown {split} {seed}")
    seen: set[str] = set()
    levels = list(LEVELS.items())
    while len(seen) < size:
        level, count = levels[len(seen) % len(levels)]
        problem = _problem(draw, count)
        if problem is None:
            continue
        numbers, target, expression = problem
        key = f"{sorted(numbers)} {target}"
        if key in seen or held_out(key) != (split == "test"):
            continue
        seen.add(key)
        yield {
            "id": f"{split}-{len(seen)}",
            "question": f"Numbers: {', '.join(map(str, numbers))}\nTarget: {target}",
            "gold": expression,
            "category": level,
            "metadata": {"numbers": numbers, "target": target, "use": "all"},
        }


def held_out(key: str) -> bool:
    """Whether the problem belongs to the test split."""
    return hashlib.sha256(key.encode()).digest()[0] % TEST_SHARE == 0


def _problem(draw: random.Random, count: int) -> tuple[list[int], int, str] | None:
    """Numbers, target and expression, or None if the problem is too easy or its target out of range.

    Random parts are joined until one is left. Every intermediate value is a positive whole number.
    """
    numbers = [draw.randint(1, draw.choice((SMALL, LARGEST))) for _ in range(count)]
    parts = [(number, str(number)) for number in numbers]
    while len(parts) > 1:
        draw.shuffle(parts)
        (a, left), (b, right) = parts.pop(), parts.pop()
        if a < b:
            a, left, b, right = b, right, a, left
        choices = [(a + b, "+")]
        if a > b:
            choices.append((a - b, "-"))
        if a * b < TARGETS.stop and b > 1:
            choices.append((a * b, "*"))
        if a % b == 0 and b > 1:
            choices.append((a // b, "/"))
        value, sign = draw.choice(choices)
        parts.append((value, f"({left} {sign} {right})"))
    target, expression = parts[0]
    if target not in TARGETS or target in numbers:
        return None
    if _is_sum(numbers, target) and draw.random() > SUMS:
        return None
    return numbers, target, expression[1:-1]


def _is_sum(numbers: list[int], target: int) -> bool:
    """Whether adding and subtracting the numbers in some way reaches the target."""
    reached = {0}
    for number in numbers:
        reached = {value + sign for value in reached for sign in (number, -number)}
    return target in reached


def near_misses(row: Row, draw: random.Random) -> list[str]:
    """Answers with one mistake: a number, its count, the value, or the sign of the result."""
    answer, numbers, target = row["gold"], row["metadata"]["numbers"], row["metadata"]["target"]
    spare = draw.choice([n for n in range(1, LARGEST + 1) if n not in numbers])
    first = re.sub(r"[0-9]+", str(spare), answer, count=1)
    fewer = f"{answer} - {spare} + {spare}"
    again = f"{answer} + {numbers[0]} - {numbers[0]}"
    signs = [match.start() for match in re.finditer(r" [+*/-] ", answer)]
    at = draw.choice(signs) + 1
    changed = [answer[:at] + sign + answer[at + 1 :] for sign in "+-*/" if sign != answer[at]]
    texts = [
        first,  # a number that isn't given
        fewer,  # the right value, with a number that isn't given, twice
        again,  # the right value, with a number used three times
        f"({answer}) + 1",
        f"({answer}) * 1 + 0",
        f"-1 * ({answer})",
        str(target),  # not an expression of the numbers
        f"{answer} = {target + 1}",
        f"{answer}, or {answer}",
        f"{answer} ** 1",
        " + ".join(map(str, numbers)) if sum(numbers) != target else " * ".join(map(str, [*numbers, 1])),
    ]
    texts += [text for text in changed if _value(text) != target]  # one sign changed
    return [f"Answer: {text}" for text in texts]


def _value(expression: str) -> Fraction | None:
    """The value of an expression from this module; None if it divides by zero."""

    def of(node: ast.expr) -> Fraction:
        if isinstance(node, ast.BinOp):
            return SIGNS[type(node.op)](of(node.left), of(node.right))
        assert isinstance(node, ast.Constant)
        return Fraction(str(node.value))

    try:
        return of(ast.parse(expression, mode="eval").body)
    except ZeroDivisionError:
        return None
