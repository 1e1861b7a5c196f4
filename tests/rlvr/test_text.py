"""Figures and lines as people read them."""

import pytest

from rlvr.text import did_you_mean, one_line, percent, percent_interval, percent_with_interval, signed_points


@pytest.mark.parametrize(
    ("name", "shown"),
    [("numbr", "; did you mean 'number'?"), ("exact", "; did you mean 'exact'?"), ("zzz", ""), ("", "")],
)
def test_did_you_mean(name: str, shown: str) -> None:
    assert did_you_mean(name, ["number", "exact", "math"]) == shown


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n b\t c ", "a b c"),
        ("a\x1b[2Jb\x07", "a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}"),
        ("left\u202eright", "left\N{REPLACEMENT CHARACTER}right"),  # turns the direction of writing
        ("half a pair \ud83d", "half a pair \N{REPLACEMENT CHARACTER}"),
        ("ü 数 😀", "ü 数 😀"),
        ("\x00", "\N{REPLACEMENT CHARACTER}"),
        (" \n ", ""),
    ],
)
def test_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


@pytest.mark.parametrize(("share", "shown"), [(0, "0.0%"), (1, "100.0%"), (0.1234, "12.3%"), (0.99951, "100.0%")])
def test_percent(share: float, shown: str) -> None:
    assert percent(share) == shown


def test_percent_with_interval() -> None:
    assert percent_interval((0.023, 0.258)) == "[2.3%, 25.8%]"
    assert percent_with_interval(0.0833, (0.023, 0.258)) == "8.3% [2.3%, 25.8%]"
    assert percent_with_interval(0, (0.0, 1.0)) == "0.0% [0.0%, 100.0%]"


def test_signed_points() -> None:
    assert signed_points(0.12, (0.075, 0.165)) == "+12.0 [+7.5, +16.5]"
    assert signed_points(-0.5, (-1.0, 0.0)) == "-50.0 [-100.0, +0.0]"
