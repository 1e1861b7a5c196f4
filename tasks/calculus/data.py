"""Calculus problems from a seed, each with one solution, in four levels.

A hash of the question decides its split, so no test question can be a training question, whatever the seeds and sizes.
"""

import hashlib
import random
import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

TEST_SHARE = 5  # one problem in five
Row = dict[str, Any]
Problem = tuple[str, str, dict[str, Any]]  # question, answer, metadata
Draw = random.Random
_NOISE = re.compile(r"[^\w+*/=<>^-]+")  # so that questions that differ in brackets alone share a split


def generate(split: str, size: int, seed: int) -> Iterator[Row]:
    """`size` different rows of a split, the levels in turn."""
    draw = Draw(f"calculus {split} {seed}")
    seen: set[str] = set()
    levels = list(LEVELS.items())
    while len(seen) < size:
        level, kinds = levels[len(seen) % len(levels)]
        question, answer, metadata = draw.choice(kinds)(draw)
        key = _NOISE.sub(" ", question)
        if key in seen or held_out(key) != (split == "test"):
            continue
        seen.add(key)
        yield {
            "id": f"{split}-{len(seen)}",
            "question": question,
            "gold": answer,
            "category": level,
            "metadata": metadata,
        }


def held_out(key: str) -> bool:
    """Whether the problem belongs to the test split."""
    return hashlib.sha256(key.encode()).digest()[0] % TEST_SHARE == 0


# ---- the problems, by level -----------------------------------------------------------------------------------------


def polynomial_derivative(draw: Draw) -> Problem:
    coefficients = _coefficients(draw, draw.randint(2, 4))
    derivative = [k * c for k, c in enumerate(coefficients)][1:]
    return _derivative(polynomial(coefficients), polynomial(derivative))


def polynomial_integral(draw: Draw) -> Problem:
    coefficients = _coefficients(draw, draw.randint(1, 3))
    return _antiderivative(polynomial(coefficients), polynomial(_integrated(coefficients)))


def whole_roots(draw: Draw) -> Problem:
    r, s = draw.sample([k for k in range(-12, 13) if k], 2)
    lead = draw.choice((1, 1, 2, 3))
    return _roots(f"{polynomial([lead * r * s, -lead * (r + s), lead])} = 0", [str(r), str(s)])


def cancelling_limit(draw: Draw) -> Problem:
    a, b = draw.randint(-9, 9), draw.randint(-9, 9)
    expression = f"\\frac{{{polynomial([a * b, -(a + b), 1])}}}{{{polynomial([-a, 1])}}}"
    return _limit(expression, str(a), str(a - b))


def expansion(draw: Draw) -> Problem:
    a, b = draw.sample(range(-12, 13), 2)
    c, d = draw.randint(1, 5), draw.randint(2, 5)
    product = f"({polynomial([a, c])})({polynomial([b, d])})"
    metadata = {"kind": "equivalent", "form": "expanded", "expression": product}
    return f"Expand ${product}$.", polynomial([a * b, a * d + b * c, c * d]), metadata


def trigonometric_derivative(draw: Draw) -> Problem:
    a, b, c, d = _numbers(draw, 4)
    return _derivative(
        _sum(_term(a, _of("sin", b)), _term(c, _exp(d))), _sum(_term(a * b, _of("cos", b)), _term(c * d, _exp(d)))
    )


def elementary_integral(draw: Draw) -> Problem:
    a, b, c, d = _numbers(draw, 4)
    return _antiderivative(
        _sum(_term(a * b, _of("cos", b)), _term(c * d, _exp(d))), _sum(_term(a, _of("sin", b)), _term(c, _exp(d)))
    )


def reciprocal_integral(draw: Draw) -> Problem:
    a, b = _numbers(draw, 2)
    integrand = _sum(f"{'-' if a < 0 else ''}\\frac{{{abs(a)}}}{{x}}", polynomial([b, 2]))
    answer = _sum(_term(a, "\\ln x"), polynomial([0, b, 1]))
    question, answer, metadata = _antiderivative(integrand, answer)
    return question[:-1] + " for $x > 0$.", answer, metadata | {"domain": [0, None]}


def definite_polynomial(draw: Draw) -> Problem:
    coefficients = _coefficients(draw, draw.randint(1, 3))
    low, high = sorted(draw.sample(range(-4, 6), 2))
    whole = _integrated(coefficients)
    value = sum(c * (Fraction(high) ** k - Fraction(low) ** k) for k, c in enumerate(whole))
    return _definite(polynomial(coefficients), str(low), str(high), number(value))


def irrational_roots(draw: Draw) -> Problem:
    middle, square = draw.randint(-9, 9), draw.choice((2, 3, 5, 6, 7, 10, 11, 13, 14, 15))
    equation = f"{polynomial([middle * middle - square, -2 * middle, 1])} = 0"
    shift = "" if middle == 0 else str(middle)
    plus = "+" if middle else ""
    return _roots(equation, [f"{shift}{plus}\\sqrt{{{square}}}", f"{shift}-\\sqrt{{{square}}}"])


def sine_limit(draw: Draw) -> Problem:
    a, b = draw.randint(1, 30), draw.randint(1, 30)
    return _limit(f"\\frac{{{_of('sin', a)}}}{{{_term(b, 'x')}}}", "0", number(Fraction(a, b)))


def factoring(draw: Draw) -> Problem:
    a, b, c = (draw.randint(-12, 12) for _ in range(3))
    coefficients = _product(_product([-a, 1], [-b, 1]), [-c, 1])
    metadata = {"kind": "equivalent", "form": "factored", "factors": 3, "expression": polynomial(coefficients)}
    answer = "".join(f"({polynomial([-r, 1])})" if r else "x" for r in sorted((a, b, c), key=bool))
    return f"Factor ${polynomial(coefficients)}$ over the rational numbers.", answer, metadata


def product_derivative(draw: Draw) -> Problem:
    n, a = draw.randint(2, 9), draw.choice([k for k in range(-9, 10) if k])
    return _derivative(f"x^{{{n}}} {_exp(a)}", f"{_exp(a)} ({polynomial([0] * (n - 1) + [n, a])})")


def chain_derivative(draw: Draw) -> Problem:
    a, b, n = draw.randint(1, 20), draw.randint(1, 9), draw.randint(2, 5)
    inside = polynomial([a, 0, b])
    if draw.random() < 0.5:
        return _derivative(f"\\ln({inside})", f"\\frac{{{_term(2 * b, 'x')}}}{{{inside}}}")
    return _derivative(f"({inside})^{{{n}}}", f"{_term(2 * b * n, 'x')} ({inside})^{{{n - 1}}}")


def integral_by_parts(draw: Draw) -> Problem:
    a, b = draw.randint(1, 12), draw.randint(2, 12)
    if draw.random() < 0.5:
        answer = f"\\frac{{{_term(a, 'x')}}}{{{b}}} {_exp(b)} - \\frac{{{a}}}{{{b * b}}} {_exp(b)}"
        return _antiderivative(f"{_term(a, 'x')} {_exp(b)}", answer)
    answer = f"\\frac{{{_term(a, 'x')}}}{{{b}}} {_of('sin', b)} + \\frac{{{a}}}{{{b * b}}} {_of('cos', b)}"
    return _antiderivative(f"{_term(a, 'x')} {_of('cos', b)}", answer)


def exponential_equation(draw: Draw) -> Problem:
    a, b = draw.sample(range(1, 30), 2)
    equation = f"e^{{2x}} - {_term(a + b, 'e^{x}')} + {a * b} = 0"
    return _roots(equation, ["0" if r == 1 else f"\\ln {r}" for r in (a, b)])


def fraction_simplification(draw: Draw) -> Problem:
    a, b, c = draw.sample(range(-12, 13), 3)
    top, bottom = polynomial(_product([-a, 1], [-b, 1])), polynomial(_product([-a, 1], [-c, 1]))
    expression = f"\\frac{{{top}}}{{{bottom}}}"
    answer = f"\\frac{{{polynomial([-b, 1])}}}{{{polynomial([-c, 1])}}}"
    return f"Simplify ${expression}$.", answer, {"kind": "equivalent", "expression": expression}


def growth(draw: Draw) -> Problem:
    k, y = draw.choice([k for k in range(-12, 13) if k]), draw.choice([k for k in range(-30, 31) if k])
    return _ode(f"y' = {_term(k, 'y')}", _term(y, _exp(k)), [[0, "0", str(y)]])


def second_derivative(draw: Draw) -> Problem:
    a, b, c = _numbers(draw, 3)
    function = _sum(_term(a, _of("sin", b)), _term(c, "x^{4}"))
    answer = _sum(_term(-a * b * b, _of("sin", b)), _term(12 * c, "x^{2}"))
    return f"Find the second derivative of $f(x) = {function}$.", answer, {
        "kind": "derivative", "order": 2, "function": function
    }  # fmt: skip


def partial_fractions(draw: Draw) -> Problem:
    a, b = sorted(draw.sample(range(1, 25), 2))
    integrand = f"\\frac{{{b - a}}}{{({polynomial([a, 1])})({polynomial([b, 1])})}}"
    question, answer, metadata = _antiderivative(integrand, f"\\ln({polynomial([a, 1])}) - \\ln({polynomial([b, 1])})")
    return question[:-1] + " for $x > 0$.", answer, metadata | {"domain": [0, None]}


def exponential_limit(draw: Draw) -> Problem:
    a, b = draw.randint(1, 40), draw.randint(1, 40)
    return _limit(f"(1 + \\frac{{{a}}}{{x}})^{{{_term(b, 'x')}}}", "\\infty", f"e^{{{a * b}}}")


def improper_integral(draw: Draw) -> Problem:
    n, a = draw.randint(1, 4), draw.randint(1, 30)
    factorial = (1, 1, 2, 6, 24)[n]
    return _definite(
        f"{_term(1, 'x' if n == 1 else f'x^{{{n}}}')} {_exp(-a)}",
        "0",
        "\\infty",
        number(Fraction(factorial, a ** (n + 1))),
    )


def two_exponentials(draw: Draw) -> Problem:
    r, s = draw.sample([k for k in range(-7, 8) if k], 2)
    equation = f"{_sum(chr(121) * 1 + chr(39) * 2, _term(-(r + s), chr(121) + chr(39)), _term(r * s, chr(121)))} = 0"
    if draw.random() < 0.5:
        return _ode(equation, f"C_1 {_exp(r)} + C_2 {_exp(s)}", [])
    a, b = _numbers(draw, 2)
    return _ode(
        equation, _sum(_term(a, _exp(r)), _term(b, _exp(s))), [[0, "0", str(a + b)], [1, "0", str(a * r + b * s)]]
    )


def oscillation(draw: Draw) -> Problem:
    w = draw.randint(1, 12)
    a, b = _numbers(draw, 2)
    answer = _sum(_term(a, _of("cos", w)), _term(b, _of("sin", w)))
    return _ode(f"y'' + {_term(w * w, 'y')} = 0", answer, [[0, "0", str(a)], [1, "0", str(b * w)]])


LEVELS: dict[str, tuple[Callable[[Draw], Problem], ...]] = {
    "level1": (polynomial_derivative, polynomial_integral, whole_roots, cancelling_limit, expansion),
    "level2": (trigonometric_derivative, elementary_integral, reciprocal_integral, definite_polynomial, irrational_roots,
               sine_limit, factoring),
    "level3": (product_derivative, chain_derivative, integral_by_parts, exponential_equation, fraction_simplification, growth),
    "level4": (second_derivative, partial_fractions, exponential_limit, improper_integral, two_exponentials, oscillation),
}  # fmt: skip


# ---- questions ------------------------------------------------------------------------------------------------------


def _derivative(function: str, answer: str) -> Problem:
    return f"Differentiate $f(x) = {function}$.", answer, {"kind": "derivative", "function": function}


def _antiderivative(integrand: str, answer: str) -> Problem:
    return (
        f"Find an antiderivative of $f(x) = {integrand}$.",
        answer,
        {"kind": "antiderivative", "integrand": integrand},
    )


def _roots(equation: str, roots: list[str]) -> Problem:
    metadata = {"kind": "roots", "equation": equation, "count": len(roots)}
    return f"Find all real solutions of ${equation}$.", ", ".join(roots), metadata


def _limit(expression: str, point: str, answer: str) -> Problem:
    metadata = {"kind": "limit", "expression": expression, "point": point}
    return f"Find $\\lim_{{x \\to {point}}} {expression}$.", answer, metadata


def _definite(integrand: str, lower: str, upper: str, answer: str) -> Problem:
    metadata = {"kind": "definite", "integrand": integrand, "lower": lower, "upper": upper}
    return f"Compute $\\int_{{{lower}}}^{{{upper}}} ({integrand}) \\, dx$.", answer, metadata


def _ode(equation: str, answer: str, conditions: list[list[Any]]) -> Problem:
    metadata: dict[str, Any] = {"kind": "ode", "equation": equation}
    if not conditions:
        return f"Find the general solution of ${equation}$.", answer, metadata | {"general": True}
    given = ", ".join(f"$y{chr(39) * order}({at}) = {value}$" for order, at, value in conditions)
    return f"Solve ${equation}$ with {given}.", answer, metadata | {"conditions": conditions}


# ---- writing --------------------------------------------------------------------------------------------------------


def number(value: Fraction | int) -> str:
    """The number in LaTeX."""
    value = Fraction(value)
    if value.denominator == 1:
        return str(value.numerator)
    return f"{'-' if value < 0 else ''}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def polynomial(coefficients: Sequence[Fraction | int]) -> str:
    """The polynomial in x with these coefficients, lowest power first, in LaTeX."""
    powers = ["", "x", *(f"x^{{{k}}}" for k in range(2, len(coefficients)))]
    terms = [_term(c, power) for c, power in zip(coefficients, powers, strict=False) if c]
    return _sum(*reversed(terms)) if terms else "0"


def _term(factor: Fraction | int, rest: str) -> str:
    if not rest or factor == 0:
        return number(factor)
    if factor in (1, -1):
        return rest if factor == 1 else f"-{rest}"
    return f"{number(factor)} {rest}"


def _sum(*terms: str) -> str:
    return "".join(
        t if not i else f" - {t[1:]}" if t.startswith("-") else f" + {t}" for i, t in enumerate(terms) if t != "0"
    )


def _of(function: str, factor: int) -> str:
    return f"\\{function}({_term(factor, 'x')})"


def _exp(factor: int) -> str:
    return f"e^{{{_term(factor, 'x')}}}"


def _numbers(draw: Draw, count: int) -> list[int]:
    return [draw.choice((-1, 1, 1)) * draw.randint(2, 9) for _ in range(count)]


def _coefficients(draw: Draw, degree: int) -> list[int]:
    return [draw.randint(-9, 9) for _ in range(degree)] + [draw.choice((-1, 1)) * draw.randint(1, 9)]


def _integrated(coefficients: list[int]) -> list[Fraction]:
    return [Fraction(0), *(Fraction(c, k) for k, c in enumerate(coefficients, 1))]


def _product(a: list[int], b: list[int]) -> list[int]:
    coefficients = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            coefficients[i + j] += x * y
    return coefficients


# ---- near misses ----------------------------------------------------------------------------------------------------


def near_misses(row: Row, draw: Draw) -> list[str]:
    """The gold answer with one change, and the problem itself."""
    answer, metadata = row["gold"], row["metadata"]
    kind = metadata["kind"]
    if kind == "roots":
        roots = answer.split(", ")
        kept = draw.choice(roots)
        wrong = [kept, f"{kept}, {kept}", f"{answer}, 997", f"{roots[0]} + \\frac{{1}}{{1000}}, {', '.join(roots[1:])}",
                 metadata["equation"], f"{roots[0]} \\text{{ and }} 997"]  # fmt: skip
    elif kind == "ode":
        wrong = [f"{answer} + x", f"{answer} + 1", "0", metadata["equation"], f"x ({answer})"]
        if metadata.get("general"):
            wrong += [answer.replace("C_2", "C_1"), answer.replace("C_2", "3"), answer.replace("C_2", "0")]
        else:
            wrong += [f"2 ({answer})", f"{answer} + C", f"-({answer})"]
    elif kind in ("antiderivative", "derivative"):
        given = metadata["integrand" if kind == "antiderivative" else "function"]
        wrong = [f"{answer} + x", f"2 ({answer})", f"-({answer})", f"x ({answer})"]
        wrong.append(f"\\int ({given}) \\, dx" if kind == "antiderivative" else f"\\frac{{d}}{{dx}} ({given})")
        wrong += [given] if "e^" not in given else []
        wrong += [f"{answer} + 1"] if kind == "derivative" else [f"{answer} + C x"]
        wrong = [text for text in wrong if answer != "0"]
    elif kind == "equivalent":
        wrong = [metadata["expression"], f"{answer} + 1", f"-({answer})", f"x ({answer})", f"{answer} = 0"]
        wrong += [f"({answer}) + x - x"] if metadata.get("form") == "expanded" else []
    else:
        wrong = [f"{answer} + 1", f"{answer} + \\frac{{1}}{{10^9}}", f"{answer} \\text{{ or }} 0", f"{answer} + x"]
        wrong += [metadata.get("expression") or metadata["integrand"], "\\text{does not exist}", f"{answer} + C"]
    return [f"$\\boxed{{{text}}}$" for text in wrong]
