"""`exact`: a table, and any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlvr.verifiers.text.exact import MAX_SHOWN, exact
from rlvr.verifiers.types import Completion, Example, Status, Verdict

C, X, U, E = Status.CORRECT, Status.INCORRECT, Status.UNPARSED, Status.ERROR


def verify(gold: str, text: str, **options: bool) -> Verdict:
    return exact.verify(Example("", "", gold), Completion(text), **options)


@pytest.mark.parametrize(
    ("gold", "text", "options", "status"),
    [
        ("12", "12", {}, C),
        ("12", " 12\n", {}, C),
        (" 12 ", "12", {}, C),
        ("12", "012", {}, X),
        ("12", "12 13", {}, X),
        ("12", "1 2", {}, X),
        ("12", "7+5=12", {}, X),
        ("12", "12\n13", {}, X),
        ("12", "12\n13", {"first_line": True}, C),
        ("12", "\n12\n13", {"first_line": True}, C),
        ("12", "13\n12", {"first_line": True}, X),
        ("Paris", "paris", {}, X),
        ("Paris", "PARIS", {"ignore_case": True}, C),
        ("straße", "STRASSE", {"ignore_case": True}, C),
        ("12", "", {}, U),
        ("12", " \n", {}, U),
        ("", "12", {}, E),
        (" ", "", {}, E),
    ],
)
def test_exact(gold: str, text: str, options: dict[str, bool], status: Status) -> None:
    verdict = verify(gold, text, **options)
    assert verdict.status is status
    assert verdict.reason


def test_the_kept_answer_is_bounded() -> None:
    assert len(verify("1", "1" * 10**6).extracted or "") == MAX_SHOWN


@given(st.text(), st.text(), st.booleans(), st.booleans())
def test_total_and_reflexive(gold: str, text: str, ignore_case: bool, first_line: bool) -> None:
    assert isinstance(verify(gold, text, ignore_case=ignore_case, first_line=first_line), Verdict)
    if gold.strip():
        assert verify(gold, gold, ignore_case=ignore_case).status is C
