"""Comparisons of an answer with the gold answer, or with the puzzle if it has many solutions. All take bounded time.

Each is `f(answer, gold, entry) -> bool`; `entry` is the generator's metadata for the question. They raise ValueError for an
answer that can't be read.
"""

import ast
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from rlvr.verifiers.text import numerals

Entry = Mapping[str, Any]
MAX_NODES = 60


def normal(text: str) -> str:
    """`text` without white space at the ends of lines and more than one space in a row."""
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def same_text(answer: str, gold: str, _: Entry) -> bool:
    """The same text but for white space."""
    return normal(answer) == normal(gold)


def same_word(answer: str, gold: str, _: Entry) -> bool:
    """The same text but for white space and letter case."""
    return normal(answer).casefold() == normal(gold).casefold()


def same_number(answer: str, gold: str, _: Entry) -> bool:
    """The same number, exactly. Raises ValueError."""
    return _number(answer) == _number(gold)


def same_grid(answer: str, gold: str, _: Entry) -> bool:
    """Rows of words or numbers, whatever the spaces between them."""
    given, right = ([[_cell(c) for c in row.split()] for row in text.strip().splitlines()] for text in (answer, gold))
    return given == right


def same_json(answer: str, gold: str, _: Entry) -> bool:
    """The same JSON value; without one in the gold answer, the same text. Raises ValueError."""
    try:
        expected = json.loads(gold)
    except ValueError:
        return normal(answer) == normal(gold)
    return bool(_typed(_json(answer)) == _typed(expected))


def same_strings(answer: str, gold: str, _: Entry) -> bool:
    """Lists of numbers in quotes, in one order. Raises ValueError."""
    given, right = _json(answer.replace("'", '"')), _json(gold.replace("'", '"'))
    if not isinstance(given, list) or not all(isinstance(v, str) for v in given):
        raise ValueError("expected a list of texts")
    return [_number(v) for v in given] == [_number(v) for v in right]


def same_groups(answer: str, gold: str, _: Entry) -> bool:
    """Lists of lists of words, as a set; within a list the order counts only for partitions of a text. Raises ValueError."""
    given, right = _json(answer), _json(gold)
    if not isinstance(given, list) or not all(
        isinstance(g, list) and all(isinstance(w, str) for w in g) for g in given
    ):
        raise ValueError("expected a list of lists of texts")
    partition = len({"".join(group) for group in right}) == 1
    order: Callable[[list[str]], tuple[str, ...]] = tuple if partition else lambda group: tuple(sorted(group))
    return Counter(map(order, given)) == Counter(map(order, right))


def same_items(answer: str, gold: str, _: Entry) -> bool:
    """The same items between commas, in one order."""
    return [w.strip() for w in answer.split(",")] == [w.strip() for w in gold.split(",")]


def same_clauses(answer: str, gold: str, _: Entry) -> bool:
    """`A is a knight, and B is a knave.`, in any order."""

    def clauses(text: str) -> list[tuple[str, ...]]:
        parts = re.split(r",?\s+and\s+|,\s*", normal(text).casefold().strip(" ."))
        return sorted(tuple(word for word in part.split() if word not in ("a", "an")) for part in parts)

    return clauses(answer) == clauses(gold)


def same_numbers(answer: str, gold: str, _: Entry) -> bool:
    """A number, an angle in degrees or a point, to the digits that are asked for. Raises ValueError."""

    def values(text: str) -> list[Fraction]:
        inner = normal(text).removesuffix("°").strip()
        if inner.startswith("(") and inner.endswith(")"):
            return [_number(part) for part in inner[1:-1].split(",")]
        return [_number(inner)]

    return values(answer) == values(gold)


def same_complex(answer: str, gold: str, _: Entry) -> bool:
    """The same complex number, exactly. Raises ValueError."""
    return _complex(answer) == _complex(gold)


def same_fraction(answer: str, gold: str, _: Entry) -> bool:
    """A fraction in lowest terms, plain or in LaTeX. Raises ValueError."""
    return _terms(answer) == _terms(gold)


def same_factors(answer: str, gold: str, _: Entry) -> bool:
    """The same factors, in any order. Raises ValueError."""

    def factors(text: str) -> list[int]:
        parts = re.split(r"\s*[×x*]\s*|\s*\\times\s*", normal(text))
        if len(parts) > 100 or not all(re.fullmatch(r"[0-9]{1,20}", part) for part in parts):
            raise ValueError("expected factors with × between them")
        return sorted(map(int, parts))

    return factors(answer) == factors(gold)


def same_duration(answer: str, gold: str, _: Entry) -> bool:
    """`12 days, 03:04:05` and its parts, the same parts as in the gold answer. Raises ValueError."""

    def parts(text: str) -> list[Fraction | None]:
        match = re.fullmatch(r"(?:([0-9]{1,6}) days?)?,?\s*(?:([0-9]{1,3}):([0-9]{2})(?::([0-9]{2}(?:\.[0-9]{1,6})?))?)?",
                             normal(text))  # fmt: skip
        if match is None or not normal(text):
            raise ValueError("expected a duration")
        return [None if v is None else Fraction(v) for v in match.groups()]

    return parts(answer) == parts(gold)


def same_probability(answer: str, gold: str, entry: Entry) -> bool:
    """The exact value, or a decimal of at least four places that rounds it. Raises ValueError."""
    exact = Fraction(entry["rational"]["numerator"], entry["rational"]["denominator"])
    value = _number(answer)
    places = len(normal(answer).partition(".")[2]) if re.fullmatch(r"[0-9]*\.[0-9]{4,30}", normal(answer)) else 0
    close = bool(places) and abs(value - exact) * 2 * 10**places <= 1 and value != 0
    return value in (exact, _number(gold)) or close


def same_significant(answer: str, gold: str, _: Entry) -> bool:
    """To three significant digits, which the answer must have unless it is exact. Raises ValueError."""
    if _number(answer) == _number(gold):
        return True
    if sum(c.isdigit() for c in normal(answer).lower().partition("e")[0].lstrip("+-0.")) < 3:
        raise ValueError("fewer than three digits")
    return _rounded(_number(answer), 3) == _rounded(_number(gold), 3)


def near_number(answer: str, gold: str, _: Entry) -> bool:
    """The same number, within the noise that floating point adds to its digits. Raises ValueError."""
    return abs(_number(answer) - _number(gold)) <= Fraction(1, 1000)


def same_roots(answer: str, gold: str, _: Entry) -> bool:
    """As many numbers, each within one in the fourth decimal place. Raises ValueError."""
    given, right = (sorted(_number(part) for part in text.split(",")) for text in (answer, gold))
    return len(given) == len(right) and all(
        abs(a - b) * 10**4 <= 1 for a, b in zip(given, right, strict=True)
    )  # fmt: skip


def is_sudoku(answer: str, _: str, entry: Entry) -> bool:
    """The puzzle's digits stay, and every row, column and box holds each digit once. Raises ValueError."""
    puzzle = entry["puzzle"]
    size, box = len(puzzle), math.isqrt(len(puzzle))
    grid = _integers(answer)
    if len(grid) != size or any(len(row) != size for row in grid):
        raise ValueError(f"expected {size} rows of {size} numbers")
    every = set(range(1, size + 1))
    boxes = [
        {grid[r + i][c + j] for i in range(box) for j in range(box)}
        for r in range(0, size, box) for c in range(0, size, box)
    ]  # fmt: skip
    lines = [set(row) for row in grid] + [set(column) for column in zip(*grid, strict=True)]
    kept = all(given in (0, cell) for a, b in zip(puzzle, grid, strict=True) for given, cell in zip(a, b, strict=True))
    return kept and all(group == every for group in lines + boxes)


def is_survo(answer: str, _: str, entry: Entry) -> bool:
    """The given cells stay, the free ones hold the given numbers once each, and the sums are right. Raises ValueError."""
    puzzle, grid = entry["puzzle"], _integers(answer)
    if [len(row) for row in grid] != [len(row) for row in puzzle]:
        raise ValueError("the grid has another shape")
    cells = [(given, cell) for a, b in zip(puzzle, grid, strict=True) for given, cell in zip(a, b, strict=True)]
    filled = sorted(cell for given, cell in cells if given == 0)
    sums = all(sum(line[:-1]) == line[-1] for line in [*grid, *map(list, zip(*grid, strict=True))])
    return all(given in (0, cell) for given, cell in cells) and filled == sorted(entry["candidate_numbers"]) and sums


def is_queens(answer: str, _: str, entry: Entry) -> bool:
    """One of the valid boards."""
    return normal(answer) in {normal(valid) for valid in entry["valid_answers"]}


def reaches(answer: str, _: str, entry: Entry) -> bool:
    """An expression of + - * / and brackets with each number once, that has the target's value. Raises ValueError."""
    if len(answer) > 200 or not re.fullmatch(r"[0-9+\-*/() ]+", answer) or "**" in answer or "//" in answer:
        raise ValueError("expected an expression of the numbers, + - * / and brackets")
    try:
        tree = ast.parse(answer.strip(), mode="eval")
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError("no complete expression") from None
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise ValueError("too long an expression")
    used: list[int] = []
    value = _arithmetic(tree.body, used)
    return sorted(used) == sorted(entry["numbers"]) and value == entry.get("target", 24)


def is_antiderivative(answer: str, _: str, entry: Entry) -> bool:
    """An antiderivative, by the verifier `calculus`. Raises ValueError, and VerifierError for a wrong entry."""
    metadata = {"kind": "antiderivative", "integrand": entry["integrand"], "variable": entry["variable"]}
    return _calculus(metadata, answer)


def is_polynomial(answer: str, _: str, entry: Entry) -> bool:
    """The expanded polynomial, by the verifier `calculus`. Raises ValueError, and VerifierError for a wrong entry."""
    metadata = {"kind": "equivalent", "form": "expanded", "expression": entry["polynomial_expr"]}
    return _calculus(metadata, answer)


COMPARE: dict[str, Callable[[str, str, Entry], bool]] = {
    "text": same_text, "word": same_word, "number": same_number, "grid": same_grid, "json": same_json, "items": same_items,
    "strings": same_strings, "groups": same_groups, "clauses": same_clauses, "numbers": same_numbers, "complex": same_complex,
    "fraction": same_fraction, "factors": same_factors, "duration": same_duration, "probability": same_probability,
    "significant": same_significant, "near": near_number, "roots": same_roots, "sudoku": is_sudoku, "survo": is_survo,
    "queens": is_queens, "countdown": reaches, "antiderivative": is_antiderivative, "polynomial": is_polynomial,
}  # fmt: skip


# ---- reading --------------------------------------------------------------------------------------------------------


def _number(text: str) -> Fraction:
    value = numerals.read(normal(text).removeprefix("+"))
    if value is None or len(normal(text)) > 100 or re.search(r"[^\d\s.,/eE+\-]", normal(text)):
        raise ValueError("expected a number")
    return value


def _cell(text: str) -> Fraction | str:
    return Fraction(text) if re.fullmatch(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?", text, re.ASCII) else text


def _integers(text: str) -> list[list[int]]:
    rows = [row.split() for row in text.strip().splitlines()]
    if len(rows) > 100 or not all(re.fullmatch(r"-?[0-9]{1,9}", cell, re.ASCII) for row in rows for cell in row):
        raise ValueError("expected rows of numbers")
    return [[int(cell) for cell in row] for row in rows]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _typed(value: Any) -> Any:
    """`value` so that True isn't 1; whole floats are whole numbers."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return (type(value).__name__, value)
    if isinstance(value, list):
        return [_typed(v) for v in value]
    if isinstance(value, dict):
        return {k: _typed(v) for k, v in value.items()}
    return value


def _complex(text: str) -> tuple[Fraction, Fraction]:
    number = r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?"
    clean = re.sub(r"\s+", "", text)
    if match := re.fullmatch(rf"({number})([+-][0-9]{{0,15}}(?:\.[0-9]{{1,15}})?)[ij]", clean):
        imaginary = match[2] + "1" if match[2] in ("+", "-") else match[2]
        return Fraction(match[1]), Fraction(imaginary)
    if match := re.fullmatch(rf"({number})[ij]", clean):
        return Fraction(0), Fraction(match[1])
    if re.fullmatch(number, clean):
        return Fraction(clean), Fraction(0)
    raise ValueError("expected a complex number")


def _terms(text: str) -> tuple[int, int]:
    clean = re.sub(r"\s+", "", text).strip("$")
    match = re.fullmatch(r"(-?[0-9]{1,30})(?:/([0-9]{1,30}))?", clean) or re.fullmatch(
        r"\\[dt]?frac\{(-?[0-9]{1,30})\}\{([0-9]{1,30})\}", clean
    )
    if match is None:
        raise ValueError("expected a fraction")
    return int(match[1]), int(match[2] or 1)


def _rounded(value: Fraction, digits: int) -> tuple[Fraction, int]:
    """Mantissa and exponent, half away from zero."""
    if value == 0:
        return Fraction(0), 0
    size, exponent = abs(value), 0
    exponent = len(str(size.numerator)) - len(str(size.denominator))
    exponent -= size < Fraction(10) ** exponent
    mantissa = math.floor(size / Fraction(10) ** (exponent - digits + 1) + Fraction(1, 2))
    if mantissa == 10**digits:
        mantissa, exponent = mantissa // 10, exponent + 1
    return Fraction(mantissa if value > 0 else -mantissa), exponent


def _arithmetic(node: ast.expr, used: list[int]) -> Fraction:
    if isinstance(node, ast.Constant) and type(node.value) is int and node.value < 10**9:
        used.append(node.value)
        return Fraction(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_arithmetic(node.operand, used)
    if isinstance(node, ast.BinOp):
        left, right = _arithmetic(node.left, used), _arithmetic(node.right, used)
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        if isinstance(node.op, ast.Mult):
            return left * right
        if isinstance(node.op, ast.Div):
            if right == 0:
                raise ValueError("a division by zero")
            return left / right
    raise ValueError("expected an expression of the numbers, + - * / and brackets")


def _calculus(metadata: Mapping[str, Any], answer: str) -> bool:
    from rlvr.errors import VerifierError
    from rlvr.verifiers.symbolic.calculus.kinds import KINDS
    from rlvr.verifiers.symbolic.calculus.points import Lost, ProblemError
    from rlvr.verifiers.symbolic.calculus.problem import Problem

    try:
        options = {"constant": False, "real": False} if metadata["kind"] == "antiderivative" else {}
        return KINDS[metadata["kind"]](Problem(metadata), answer, **options)[0]
    except ProblemError as error:
        raise VerifierError(f"metadata: {error}") from None
    except Lost as error:
        raise ValueError(str(error)) from None
