"""`countdown`: an arithmetic expression uses the given numbers once each and reaches the target.

`example.metadata` has `numbers` (whole numbers), `target` (a whole number) and `use`: `"all"` of the numbers (the
default) or a `"subset"`. The answer is one expression of those numbers, `+ - * /` and parentheses, perhaps followed by
`= target`; any such expression that reaches the target is right, not only the stored one. Values are exact fractions.
"""

import ast
import operator
import re
from collections import Counter
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from rlvr.verifiers.symbolic.fields import Unreadable, choice, fail, field, final_answer, present, short, whole
from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import verifier

MAX_LENGTH = 300  # characters of an expression
MAX_DEPTH = 60
MAX_DIGITS = 12  # of one number
MAX_NUMBERS = 20

_SIGNS = str.maketrans({"×": "*", "⋅": "*", "·": "*", "∗": "*", "÷": "/", "∕": "/", "−": "-", "–": "-"})
_LATEX = re.compile(r"\\(times|cdot|div|left|right)(?![A-Za-z])")
_MEANING = {"times": "*", "cdot": "*", "div": "/", "left": "", "right": ""}
_TIMES = re.compile(r"(?<=[0-9)])[ ]+[xX][ ]+(?=[0-9(])")
_ALLOWED = re.compile(r"[0-9+*/() \t-]+")
_RESULT = re.compile(r"(-?[0-9]+)(?:\.0+)?")
_OPERATORS: Mapping[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv
}  # fmt: skip


@verifier("countdown", bounded=True, cases=Path(__file__).with_name("cases.jsonl"))
def countdown(example: Example, completion: Completion) -> Verdict:
    """An expression of the given numbers, each used once, reaches the target."""
    numbers, target, use_all = _problem(present(example.metadata))
    answer = ""
    try:
        answer = final_answer(completion.text, MAX_LENGTH)
        expression, result = _sides(answer)
        used: Counter[int] = Counter()
        value = _value(_parse(expression), used, MAX_DEPTH)
    except Unreadable as error:
        return Verdict.unparsed(str(error))
    except ZeroDivisionError:
        return Verdict.of(False, answer, "it divides by zero")
    problem = _misuse(used, Counter(numbers), use_all)
    if not problem and value != target:
        problem = f"the value is {value}, not {target}"
    if not problem and result is not None and result != target:
        problem = f"it says that the result is {result}, and the target is {target}"
    return Verdict.of(not problem, answer, problem or f"the value is {target}, with the numbers used once each")


def _problem(metadata: Mapping[str, Any]) -> tuple[list[int], int, bool]:
    """Numbers, target, and whether every number must be used. Raises VerifierError."""
    bound = 10**MAX_DIGITS
    numbers = [whole(number, "each of 'numbers'", -bound, bound) for number in field(metadata, "numbers", list)]
    if not 1 <= len(numbers) <= MAX_NUMBERS:
        fail(f"field 'numbers' must have 1 to {MAX_NUMBERS} of them, not {len(numbers)}")
    target = whole(metadata.get("target"), "field 'target'", -(bound**2), bound**2)
    return numbers, target, choice(metadata, "use", ("all", "subset"), "all") == "all"


def _sides(answer: str) -> tuple[str, int | None]:
    """The expression, and the number after its `=`, if there is one. Raises Unreadable."""
    text = _LATEX.sub(lambda match: _MEANING[match[1]], answer.translate(_SIGNS))
    text = _TIMES.sub("*", text.removesuffix("."))
    expression, equals, result = (part.strip() for part in text.partition("="))
    if not _ALLOWED.fullmatch(expression):
        raise Unreadable(f"{short(answer)} is not one expression of numbers, + - * / and parentheses")
    if not equals:
        return expression, None
    match = _RESULT.fullmatch(result)
    if match is None:
        raise Unreadable(f"after '=' comes {short(result)}, not a number")
    return expression, int(match[1])


def _parse(expression: str) -> ast.expr:
    """The syntax tree; nothing is run. Raises Unreadable."""
    for digits in re.findall(r"[0-9]+", expression):
        if len(digits) > MAX_DIGITS:
            raise Unreadable(f"a number of {len(digits)} digits")
    try:
        return ast.parse(expression, mode="eval").body
    except (SyntaxError, RecursionError, MemoryError):
        raise Unreadable(f"{short(expression)} is not a well-formed expression") from None


def _value(node: ast.expr, used: Counter[int], depth: int) -> Fraction:
    """The exact value; `used` counts the numbers. Raises Unreadable, ZeroDivisionError."""
    if depth == 0:
        raise Unreadable(f"the expression is nested more than {MAX_DEPTH} deep")
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        sign, node = -1, node.operand  # a negative number of the problem; any other is rejected as not given
    if isinstance(node, ast.Constant) and type(node.value) is int:
        used[sign * node.value] += 1
        return Fraction(sign * node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _value(node.left, used, depth - 1), _value(node.right, used, depth - 1)
        return _OPERATORS[type(node.op)](left, right)
    raise Unreadable("only + - * / between numbers are allowed")


def _misuse(used: Counter[int], given: Counter[int], use_all: bool) -> str:
    for number, times in used.items():
        if number not in given:
            return f"{number} is not one of the given numbers"
        if times > given[number]:
            return f"{number} is used {times} times, and given {given[number]}"
    missing = given - used
    if use_all and missing:
        return f"{', '.join(map(str, sorted(missing.elements())))} is not used"
    return ""
