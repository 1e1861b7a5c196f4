"""`countdown`: tables of what models write, random expressions against their values."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlvr.errors import VerifierError
from rlvr.verifiers.symbolic.countdown.verifier import countdown
from rlvr.verifiers.types import Completion, Example, Status, Verdict

C, X, U = Status.CORRECT, Status.INCORRECT, Status.UNPARSED


def verify(text: str, numbers: list[int], target: int, **metadata: Any) -> Verdict:
    example = Example("", "", "", metadata={"numbers": numbers, "target": target, **metadata})
    return countdown(example, Completion(text))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ("3*4+5", C, ""),
        ("5 + 3 × 4 = 17", C, ""),
        ("((3)*(4))+5.", C, ""),
        ("3 x 4 + 5", C, ""),
        (r"(3 \times 4) + 5 = 17.0", C, ""),
        ("(3*4)+5 = 18", X, "says that the result is 18"),
        ("3*4+4+5", X, "4 is used 2 times, and given 1"),
        ("3*4", X, "5 is not used"),
        ("3+4+5", X, "the value is 12, not 17"),
        ("12+5", X, "12 is not one of the given numbers"),
        ("3*4 - -5", X, "-5 is not one of the given numbers"),
        ("3/(4-4)+5", X, "divides by zero"),
        ("+3*4+5", U, "only + - * /"),
        ("3**4+5", U, "only + - * /"),
        ("3//4+5", U, "only + - * /"),
        ("3*(4+5", U, "not a well-formed expression"),
        ("03*4+5", U, "not a well-formed expression"),
        ("3*4+5 = 17 = 17", U, "after '='"),
        ("3*4+5 = x", U, "after '='"),
        ("٣*4+5", U, "not one expression"),
        ("1" * 13 + "+1", U, "13 digits"),
        ("+".join(["1"] * 151), U, "more than 300"),
        ("+".join(["1"] * 90), U, "nested more than"),
        ("(" * 140 + "3" + ")" * 140, X, "is not used"),
    ],
)
def test_reasons(answer: str, status: Status, reason: str) -> None:
    verdict = verify(f"Answer: {answer}", [3, 4, 5], 17)
    assert (verdict.status, reason in verdict.reason) == (status, True), verdict.reason


def test_options_of_the_problem() -> None:
    assert verify("Answer: 3*4", [3, 4, 5], 12, use="subset").status is C
    assert verify("Answer: -3 + 20", [-3, 20], 17).status is C
    assert verify("Answer: 8 / (3 - 8/3)", [3, 3, 8, 8], 24).status is C  # fractions on the way


@pytest.mark.parametrize(
    "metadata",
    [{}, {"numbers": 3, "target": 3}, {"numbers": [], "target": 3}, {"numbers": [1.5], "target": 3},
     {"numbers": [True], "target": 1}, {"numbers": [1]}, {"numbers": [1], "target": "1"},
     {"numbers": [1], "target": 1, "use": "some"}, {"numbers": [1] * 21, "target": 1}],
)  # fmt: skip
def test_a_wrong_problem_is_an_error(metadata: dict[str, Any]) -> None:
    with pytest.raises(VerifierError, match="metadata: "):
        countdown(Example("", "", "", metadata=metadata), Completion("Answer: 1"))


trees = st.recursive(
    st.integers(1, 30),
    lambda part: st.tuples(st.sampled_from("+-*/"), part, part),
    max_leaves=6,
)


def written(tree: Any) -> str:
    return str(tree) if isinstance(tree, int) else f"({written(tree[1])} {tree[0]} {written(tree[2])})"


def leaves(tree: Any) -> list[int]:
    return [tree] if isinstance(tree, int) else [*leaves(tree[1]), *leaves(tree[2])]


def value(tree: Any) -> Fraction:
    if isinstance(tree, int):
        return Fraction(tree)
    a, b = value(tree[1]), value(tree[2])
    return {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[tree[0]]()


@given(trees, st.integers(-50, 1000))
def test_random_expressions_are_judged_by_their_value(tree: Any, other: int) -> None:
    try:
        reached = value(tree)
    except ZeroDivisionError:
        assert verify(f"Answer: {written(tree)}", leaves(tree), other).status is X
        return
    if reached.denominator == 1:
        assert verify(f"Answer: {written(tree)}", leaves(tree), int(reached)).status is C
    assert (verify(f"Answer: {written(tree)}", leaves(tree), other).status is C) == (reached == other)
    assert verify(f"Answer: {written(tree)}", [*leaves(tree), 31], other).status is X


@given(st.text(alphabet="0123456789+-*/()=., x*\n\tAnswer:<>eE_²½", max_size=80) | st.text(max_size=50))
def test_any_text_has_a_verdict(text: str) -> None:
    assert verify(f"Answer: {text}", [3, 4, 5], 17).status in (C, X, U)
