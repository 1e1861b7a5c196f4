"""Reading metadata and answers: what is taken, what is refused, and whose mistake it is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlvr.errors import VerifierError
from rlvr.verifiers.symbolic.fields import (
    TooExpensive,
    Unreadable,
    choice,
    compare_names,
    decide,
    field,
    final_answer,
    pairs,
    present,
    short,
    whole,
)
from rlvr.verifiers.types import Completion, Status


@pytest.mark.parametrize(
    "text",
    ["x = 3, y: red; z is 4", "x = 3\ny = red\nz = 4", '{"x": 3, "y": "red", "z": 4}', "- x: 3\n- y: red\n- z: 4",
     "x := 3, y -> red, z → 4", "`x` = `3`, 'y' = 'red', z = 4."],
)  # fmt: skip
def test_ways_to_write_pairs(text: str) -> None:
    assert {name: value.rstrip(".") for name, value in pairs(text, 3).items()} == {"x": "3", "y": "red", "z": "4"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "the answer is empty"), ("x = 1, x = 2", "x is given twice"), ("a=1,b=2,c=3,d=4", "4 values are given, 3 at most"),
     ("x", "not of the form name = value"), ("x = " + "9" * 200, "not of the form name = value"), ("x = 1 = 2", "not of the form")],
)  # fmt: skip
def test_pairs_that_are_refused(text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        pairs(text, 3)


@given(st.text(alphabet="xyz=:,;\n 0123{}[]'\"`.-", max_size=60))
def test_any_text_is_pairs_or_unreadable(text: str) -> None:
    try:
        assert len(pairs(text, 3)) <= 3
    except Unreadable:
        return


@pytest.mark.parametrize(
    ("metadata", "name", "type_", "message"),
    [({}, "n", int, "no field 'n'"), ({"n": "1"}, "n", int, "must be a int"), ({"n": True}, "n", int, "must be a int"),
     ({"n": 1}, "n", bool, "must be a bool")],
)  # fmt: skip
def test_fields_of_another_type_name_themselves(metadata: dict[str, Any], name: str, type_: type, message: str) -> None:
    with pytest.raises(VerifierError, match=message):
        field(metadata, name, type_)


def test_fields() -> None:
    assert field({"n": 1}, "n", int) == 1
    assert field({}, "n", int, None) is None
    assert choice({"form": "cnf"}, "form", ("cnf", "dnf")) == "cnf"
    with pytest.raises(VerifierError, match="must be one of cnf, dnf"):
        choice({"form": "nnf"}, "form", ("cnf", "dnf"))
    assert whole(3, "n", 1, 5) == 3
    for value in (0, 6, True, 2.0, "3", None):
        with pytest.raises(VerifierError, match="n must be a whole number from 1 to 5"):
            whole(value, "n", 1, 5)
    assert present({"a": None, "b": {"c": None, "d": 1}, "e": 0}) == {"b": {"d": 1}, "e": 0}
    assert short("x" * 100, 3) == "'xxx…'"


def test_names_must_be_the_same() -> None:
    assert compare_names({"a": 1, "b": 2}, ["b", "a"], "node") == ""
    assert compare_names({"a": 1, "c": 2}, ["a", "b"], "node") == "'c' is not a node of the problem"
    assert compare_names({"a": 1}, ["a", "b"], "node") == "the node b is missing"


def test_final_answers_are_bounded() -> None:
    assert final_answer("Answer: 12", 2) == "12"
    with pytest.raises(Unreadable, match="the answer has 3 characters, more than 2"):
        final_answer("Answer: 123", 2)
    with pytest.raises(Unreadable, match="no line 'Answer: …'"):
        final_answer("123", 2)


def test_decisions() -> None:
    def problem_with(answer: str) -> str:
        if answer == "?":
            raise Unreadable("not a number")
        if answer == "huge":
            raise TooExpensive("too many steps")
        return "" if answer == "5" else "not 5"

    verdicts = [decide(Completion(f"Answer: {text}"), 9, problem_with, "it is 5") for text in ("5", "6", "?", "huge")]
    assert [(v.status, v.extracted, v.reason) for v in verdicts] == [
        (Status.CORRECT, "5", "it is 5"),
        (Status.INCORRECT, "6", "not 5"),
        (Status.UNPARSED, None, "not a number"),
        (Status.TIMEOUT, None, "too many steps"),
    ]
    assert decide(Completion("5"), 9, problem_with, "it is 5").status is Status.UNPARSED
