"""Numbers as people write them: one exact value, or none."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlvr.verifiers.text.numerals import MAX_DIGITS, MAX_LENGTH, NUMERAL, glued, normalize, read, value_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", 42), ("-42", -42), ("+42", 42), ("0.10", "1/10"), (".5", "1/2"), ("1,234", 1234), ("12,345.6", "61728/5"),
        ("3/4", "3/4"), ("1 1/2", "3/2"), ("-1 1/2", "-3/2"), ("\\frac{3}{4}", "3/4"), ("\\dfrac{3}{4}", "3/4"),
        ("2.5e6", 2_500_000), ("1.5 × 10^3", 1500), ("1.5 x 10^{-3}", "3/2000"), ("2 million", 2_000_000),
        ("$5.50", "11/2"), ("-$5", -5), ("$-5", -5), ("€ 5", None), ("5 €", 5), ("25%", 25), ("**42**", 42),
        ("$42$", 42), ("\\boxed{42}", 42), ("\\(42\\)", 42), ("42.", 42), ("42..", None), ("- 42", -42), ("1 000", 1000),
        ("5 apples", 5), ("5 km/h", 5), ("5km", 5), ("5°C", 5),
        ("", None), ("x", None), ("1,23", None), ("1.234,5", None), ("5k", None), ("2 dozen", None), ("3:30", None),
        ("5 or 6", None), ("5 6", None), ("1/0", None), ("1 3/2", None), ("--5", None), ("-$-5", None), ("1e101", None),
        ("5 thousand million", None), ("x2", None), ("5²", None), ("٥", None), ("1O", None),
    ],
)  # fmt: skip
def test_read(text: str, value: int | str | None) -> None:
    assert read(text) == (None if value is None else Fraction(value))


def test_limits() -> None:
    assert read("9" * MAX_DIGITS) == 10**MAX_DIGITS - 1
    assert read("9" * (MAX_DIGITS + 1)) is None
    assert read("0" * 50 + "." + "0" * 50) == 0
    assert read("1e100") == 10**100
    assert read(" " * MAX_LENGTH + "1") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("１２", "12"), ("−5", "-5"), ("1\u00a0000", "1 000"), ("1\u200b2", "12"), ("٥", "٥"), ("²", "²"), ("plain", "plain"),
    ],
)  # fmt: skip
def test_normalize(text: str, expected: str) -> None:
    assert normalize(text) == expected
    assert normalize(expected) == expected


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("5", True), ("x 5", True), ("5 y", True), ("(5)", True), ("5.", True), ("5km", True), ("20-2", True),
        ("x5", False), ("5k", False), ("5_0", False), ("5²", False), ("1O0", False), ("v1.2:3", False),
    ],
)  # fmt: skip
def test_pieces_of_something_longer(text: str, whole: bool) -> None:
    match = NUMERAL.search(text)
    assert match is not None
    assert glued(text, match) is not whole


NUMERIC = st.text("0123456789 .,/-+$%eE^{}\\()xk×²١", max_size=50) | st.text(max_size=100)


@given(NUMERIC)
@settings(deadline=None)
def test_any_text_has_one_exact_value_or_none(text: str) -> None:
    assert isinstance(read(text), Fraction | None)
    for match in NUMERAL.finditer(text):
        assert isinstance(glued(text, match), bool)
        assert isinstance(value_of(match), Fraction | int | None)


@given(st.fractions(max_denominator=10**6))
@settings(deadline=None)
def test_fractions_are_exact(value: Fraction) -> None:
    assert read(f"{value.numerator}/{value.denominator}") == value
    sign, top = ("-" if value < 0 else ""), abs(value.numerator)
    assert read(f"{sign}\\frac{{{top}}}{{{value.denominator}}}") == value
