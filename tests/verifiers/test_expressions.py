"""The grammar of answers: what it reads, as which tree, what it refuses; and that values are exact."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlvr.verifiers.expressions import units
from rlvr.verifiers.expressions.digits import Digits, to_fraction
from rlvr.verifiers.expressions.errors import NoValue, ParseError
from rlvr.verifiers.expressions.exact import exact
from rlvr.verifiers.expressions.lexer import MAX_DIGITS, MAX_TOKENS, tokens
from rlvr.verifiers.expressions.matrices import rows
from rlvr.verifiers.expressions.modular import PRIME, modular
from rlvr.verifiers.expressions.normalize import ascii_math, latex, words
from rlvr.verifiers.expressions.options import MathOptions
from rlvr.verifiers.expressions.parser import parse
from rlvr.verifiers.expressions.sets import merged, ordinal, real_set
from rlvr.verifiers.expressions.settle import settled
from rlvr.verifiers.expressions.syntax import Node, canonical, num, substitute, sym, symbols
from rlvr.verifiers.expressions.values import proportional, same_value


def tree(text: str) -> Node:
    return parse(latex(text))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (r"\frac12", "1/2"),
        (r"\dfrac{1}{2}", "1/2"),
        ("2x", r"2 \cdot x"),
        ("2^{-1}", "2**-1"),
        ("x_1", "x_{1}"),
        (r"\sqrt[3]{8}", r"\cbrt{8}"),
        (r"\sin^{-1}(x)", r"\arcsin(x)"),
        (r"\left( 1, 2 \right)", "(1,2)"),
        ("x \\leq 3", "x <= 3"),
        (r"\{1, 2\}", r"\left\{1 , 2\right\}"),
        ("1,234", "1234"),
        ("1 234", "1234"),
        (r"5\text{ cm}", r"5\ \mathrm{cm}"),
        ("50%", r"50\%"),
        (r"0.1\overline{6}", r"\frac{15}{90}"),
    ],
)  # fmt: skip
def test_two_ways_to_write_one_tree(text: str, same: str) -> None:
    assert canonical(tree(text)) == canonical(tree(same))


@pytest.mark.parametrize(
    ("text", "head"),
    [("1 1/2", "mixed"), ("3:4", "ratio"), ("1, 2", "list"), ("1 or 2", "or"), ("(1, 2, 3)", "tuple"), ("[1, 2)", "interval"),
     (r"x = \pm 2", "rel"), (r"\begin{pmatrix}1&2\end{pmatrix}", "matrix"), (r"A \cup B", "union"), ("5!", "fact"),
     (r"\{x | x > 1\}", "builder"), ("f(x)", "apply"), ("101_2", "based"), (r"30^\circ", "unit"),
     (r"\int x\,dx", "int"), (r"\sum_{k=1}^{3} k", "sum"), (r"\vec{AB}", "marked")],
)  # fmt: skip
def test_heads(text: str, head: str) -> None:
    assert tree(text).head == head


@pytest.mark.parametrize(
    "text",
    ["5 5", "1 2", "2^", r"\frac{1}", r"\foo{2}", "(1", "1)", "[1,2", "{", "}", "+", "1..2", r"\sqrt", "x__2",
     "__import__('os')", r"5\phantom{7}", "5 % 7", r"\begin{pmatrix}1&2\\3\end{pmatrix}", "((((" * 20 + "1" + "))))" * 20],
)  # fmt: skip
def test_refused(text: str) -> None:
    with pytest.raises(ParseError):
        tree(text)


@pytest.mark.parametrize(
    "text",
    ["9" * (MAX_DIGITS + 1), "1+" * MAX_TOKENS + "1", "(" * 100_000, "{" * 100_000, r"\frac" * 50_000, "-" * 100_000,
     "|" * 50_000, "x^" * 50_000, r"\sqrt{" * 50_000, "1," * 1000 + "+", r"\text{" * 10_000],
    ids=range(11),
)  # fmt: skip
def test_bombs_are_refused(text: str) -> None:
    with pytest.raises(ParseError):
        tree(text)


def test_tokens() -> None:
    assert [tuple(token) for token in tokens(r"2sin x \text{and} 3.5e2")] == [
        ("num", "2"), ("cmd", "sin"), ("word", "x"), ("text", "and"), ("num", "3.5e2"),
    ]  # fmt: skip


def test_normal_forms() -> None:
    assert ascii_math("x² ≤ ½·π") == r"x^{2} \le  \frac{1}{2}\cdot \pi "
    assert latex(r"$$\dfrac{3}{4}.$$") == r"\frac{3}{4}"
    assert words("The Red Fox.") == "red fox"
    assert words("x + 1") is None


# ---- values


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.5", "1/2"), ("50%", "1/2"), ("3 1/2", "7/2"), (r"\binom{5}{2}", "10"), ("5!", "120"), ("7 mod 3", "1"),
     (r"\sqrt{16}", "4"), (r"8^{2/3}", "4"), (r"\sum_{k=1}^{4} k^2", "30"), (r"\gcd(12, 18)", "6"), ("101_2", "5"),
     (r"\lfloor 2.7 \rfloor", "2"), (r"|-3|", "3"), ("2^{-2}", "1/4"), (r"\max(1, 3)", "3")],
)  # fmt: skip
def test_exact_values(text: str, value: str) -> None:
    assert exact(tree(text)) == Fraction(value)


@pytest.mark.parametrize(
    "text",
    ["1/0", "0^{-1}", "9^{9^{9}}", "3000!!", r"\binom{10^{7}}{5}", "(-1)^{0.5}", r"\sum_{k=1}^{10^9} k", "x", r"\pi"],
)  # fmt: skip
def test_no_exact_value(text: str) -> None:
    with pytest.raises(NoValue):
        exact(tree(text))


SHAPES = st.recursive(
    st.integers(-30, 30).map(lambda n: (str(n) if n >= 0 else f"({n})", Fraction(n))),
    lambda part: st.tuples(st.sampled_from("+-*/"), part, part).map(lambda drawn: _combined(*drawn)),
    max_leaves=8,
)


def _combined(sign: str, left: tuple[str, Any], right: tuple[str, Any]) -> tuple[str, Any]:
    (a, x), (b, y) = left, right
    text = rf"\frac{{{a}}}{{{b}}}" if sign == "/" else f"({a}) {sign} ({b})"
    if x is None or y is None or (sign == "/" and y == 0):
        return text, None
    return text, {"+": x + y, "-": x - y, "*": x * y, "/": x / y if y else None}[sign]


@given(SHAPES)
def test_what_is_written_is_read(shape: tuple[str, Fraction | None]) -> None:
    """Exactly, modulo a prime, and to many digits."""
    text, value = shape
    node = tree(text)
    if value is None:
        with pytest.raises(NoValue):
            exact(node)
        return
    assert exact(node) == value
    assert modular(node, "") == value.numerator * pow(value.denominator, -1, PRIME) % PRIME
    digits = Digits(60)
    assert abs(to_fraction(digits.mp.mpf(digits.value(node, {})), 10_000) - value) <= abs(value) / 10**50


def test_a_fraction_of_a_number_that_is_too_large() -> None:
    with pytest.raises(NoValue):
        to_fraction(Digits(60).mp.mpf(2) ** 20_000, max_exponent=10_000)


@pytest.mark.parametrize(("text", "value"), [("(-8)^{1/3}", -2), (r"\sqrt[3]{-27}", -3), ("(-8)^{2/3}", 4)])
def test_odd_roots_of_negative_numbers_are_real(text: str, value: int) -> None:
    assert abs(Digits(60).value(tree(text), {}) - value) < 1e-50


def test_functions_are_compared_at_random_points() -> None:
    options = MathOptions()
    assert same_value(tree("(x+1)^2"), tree("x^2+2x+1"), options) == "equal at random points"
    assert same_value(tree(r"\sin^2 x + \cos^2 x"), tree("1"), options)
    assert same_value(tree("x^2"), tree("x^2 + 10^{-30}"), options) is None
    assert proportional(tree("2x - 4"), tree("x - 2")) == 1
    assert proportional(tree("2x - 4"), tree("2 - x")) == -1
    assert proportional(tree("2x - 4"), tree("x - 3")) == 0


# ---- sets, units, matrices


@pytest.mark.parametrize(
    ("left", "right"),
    [("x > 2", r"x \in (2, \infty)"), (r"-1 \le x < 3", "x \\in [-1, 3)"), (r"|x| > 2", r"x \in (-\infty, -2) \cup (2, \infty)"),
     (r"x \in (1, 2) \cup [2, 3]", r"1 < x \le 3"), ("2x + 1 > 5", "x > 2")],
)  # fmt: skip
def test_sets_of_real_numbers(left: str, right: str) -> None:
    first, second = real_set(tree(left)), real_set(tree(right))
    assert first is not None
    assert second is not None
    ends = [
        [(ordinal(p.low), p.low_closed, ordinal(p.high), p.high_closed) for p in merged(s.pieces)]
        for s in (first, second)
    ]
    assert ends[0] == ends[1]


def test_chains_are_cut_to_their_ends() -> None:
    assert settled(tree("x = 1 + 1 = 2")) == settled(tree("x = 2"))
    assert settled(tree(r"\frac{1}{3} \approx 0.333")) == settled(tree(r"\frac{1}{3}"))
    assert settled(tree(r"\pm 2")) == Node("list", (num(2), Node("neg", (num(2),))))


def test_units_convert() -> None:
    assert units.factor("cm^2") == ("L2", Fraction(1, 10_000))
    assert units.factor("km per hour") == ("L1T-1", Fraction(1000, 3600))
    assert units.factor("apples") is None
    assert units.labels("the red apples") == {"red", "apple"}


def test_matrices_multiply() -> None:
    product = rows(tree(r"\begin{pmatrix}1&2\end{pmatrix} \begin{pmatrix}3\\4\end{pmatrix}"))
    assert product is not None
    assert [[exact(cell) for cell in row] for row in product] == [[11]]


def test_symbols_are_replaced() -> None:
    node = tree("x + y")
    assert symbols(node) == {"x", "y"}
    assert exact(substitute(node, {"x": num(1), "y": num(2)})) == 3
    assert symbols(sym("pi")) == frozenset()


# ---- any text

_PIECES = (
    r"\frac { } ( ) [ ] | \{ \} 1 2 10 3.5 x y n \pi \sqrt ^ _ + - * / = < \le \pm , ; \text{and} \text{cm} ! % ^\circ \sin "
    r"\log_2 \begin{pmatrix} \end{pmatrix} & \\ \cup \infty \in \mathbb{R} : ' \sum_{k=1}^{3} \int dx \to \binom \boxed{ $"
)
TEXTS = st.one_of(st.lists(st.sampled_from(_PIECES.split()), max_size=40).map(" ".join), st.text(max_size=120))


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.booleans())
def test_parsing_ends_in_a_tree_or_a_parse_error(text: str, thousands: bool) -> None:
    try:
        node = parse(latex(text), thousands)
    except ParseError:
        return
    assert hash(node) == hash(parse(latex(text), thousands))
    assert canonical(canonical(node)) == canonical(node)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_evaluating_ends_in_a_number_or_no_value(text: str) -> None:
    try:
        node = parse(latex(text))
    except ParseError:
        return
    for evaluate in (exact, lambda node: modular(node, "salt"), lambda node: Digits(40).value(node, {})):
        try:
            evaluate(node)
        except NoValue:
            continue
