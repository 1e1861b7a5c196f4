"""`choice`: tables of what models write."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlvr.verifiers.text.choice import choice
from rlvr.verifiers.types import Completion, Example, Status, Verdict

C, X, U, E = Status.CORRECT, Status.INCORRECT, Status.UNPARSED, Status.ERROR
CITIES = ["London", "Paris", "Rome", "A small town"]


def verify(gold: str, text: str, choices: Any = None, **options: Any) -> Verdict:
    metadata = {} if choices is None else {"choices": choices}
    return choice.verify(Example("", "", gold, metadata=metadata), Completion(text), **options)


@pytest.mark.parametrize(
    ("gold", "text", "status"),
    [
        ("B", "B", C),
        ("B", "b", C),
        ("B", "(B)", C),
        ("B", "B.", C),
        ("B", "B) Paris", C),
        ("B", "**B**", C),
        ("B", "**B. Paris** because it is the capital.", C),
        ("(B)", "B", C),
        ("B", "Answer: B", C),
        ("B", "Answer: (B) Paris", C),
        ("B", "**Answer:** B", C),
        ("B", "answer: b", C),
        ("B", "The answer is B.", C),
        ("B", "The answer is B because A is wrong.", C),
        ("C", "The correct option is **C**", C),
        ("C", "So the correct choice is (C).", C),
        ("B", "Thus $\\boxed{B}$.", C),
        ("B", "\\boxed{\\text{B}}", C),
        ("B", "I choose B.", C),
        ("B", "A is too small and C too large.\n\n(B)", C),
        ("B", "It is not obvious, but only (B) fits.", C),
        ("B", "Answer: A. Wait, no. Answer: B", C),
        ("A", "Answer: A. Wait, no. Answer: B", X),
        ("B", "Answer: C", X),
        ("B", "C", X),
        # hedging
        ("B", "A or B", U),
        ("B", "Answer: A or B", U),
        ("B", "Answer: B or C", U),
        ("B", "Answer: A, B, C, D", U),
        ("B", "Answer: (A)(B)", U),
        ("B", "Answer: B/C", U),
        ("B", "\\boxed{B, C}", U),
        ("B", "B and C", U),
        ("B", "Both (B) and (C) could be", U),
        ("B", "The answer is either (B) or (C).", U),
        # words are no letters
        ("A", "A cat sat on the mat.", U),
        ("A", "The answer is a cat.", U),
        ("I", "I think so.", U),
        ("B", "Banana", U),
        ("B", "Because", U),
        ("B", "", U),
        ("B", "no idea", U),
        ("B", "Answer: Z", U),
        ("B", "В", U),  # the Cyrillic letter
        ("B", "（Ｂ）", C),  # full-width
        ("", "B", E),
        ("AB", "B", E),
        ("Z", "B", E),
    ],
)
def test_letters(gold: str, text: str, status: Status) -> None:
    verdict = verify(gold, text)
    assert verdict.status is status, verdict.reason
    assert verdict.reason


@pytest.mark.parametrize(
    ("gold", "text", "status"),
    [
        ("B", "Paris", C),
        ("B", "paris.", C),
        ("B", "The answer is Paris.", C),
        ("B", "Answer: B) Paris", C),
        ("Paris", "Answer: B", C),
        ("B", "Answer: B) London", U),
        ("D", "A small town", C),
        ("D", "The answer is a small town.", C),
        ("B", "Rome", X),
        ("B", "E", U),
        ("Berlin", "B", E),
    ],
)
def test_choices(gold: str, text: str, status: Status) -> None:
    verdict = verify(gold, text, CITIES)
    assert verdict.status is status, verdict.reason
    assert verify(gold, text, dict(zip("ABCD", CITIES, strict=True))).status is status
    assert verify(gold, text, {"label": list("ABCD"), "text": CITIES}).status is status


def test_options() -> None:
    assert verify("B", "Paris", CITIES, match_text=False).status is U
    assert verify("E", "E").status is C
    assert verify("E", "E", letters="ABCD").status is E
    assert verify("X", "x", letters="xyz").status is C


@given(st.text(max_size=200), st.text(max_size=4))
@settings(deadline=None)
def test_total_on_any_text(text: str, gold: str) -> None:
    assert verify("B", text).status in (C, X, U)
    assert verify("B", "Answer: " + text, CITIES).status in (C, X, U)
    assert isinstance(verify(gold, text, CITIES), Verdict)


@pytest.mark.parametrize(
    "text", ["answer: " * 12_000, "A, " * 33_000, "(" * 100_000, "\\boxed{" * 14_000, "*" * 100_000]
)
@pytest.mark.timeout(20)  # a quadratic pattern takes minutes
def test_hard_text(text: str) -> None:
    assert verify("B", text).status in (X, U)
