"""`calculus`: what an answer must satisfy, kind by kind, and that restating the problem never does."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlvr.verifiers.symbolic.calculus.verifier import calculus
from rlvr.verifiers.types import Completion, Example, Status, Verdict


def verdict(metadata: dict[str, Any], answer: str, **options: bool) -> Verdict:
    answered = calculus.with_options(**options)(
        Example("1", "", "", metadata=metadata), Completion(f"\\boxed{{{answer}}}")
    )
    assert isinstance(answered, Verdict)
    return answered


INTEGRAL = {"kind": "antiderivative", "integrand": "2x"}
RIGHT: list[tuple[dict[str, Any], str]] = [
    (INTEGRAL, "x^2"),
    (INTEGRAL, "x^2 + C"),
    (INTEGRAL, "(x-1)(x+1) + K"),
    (INTEGRAL, r"F(x) = x^2 + \text{constant}"),
    (INTEGRAL, r"\int 2x\,dx = x^2 + c"),
    ({"kind": "antiderivative", "integrand": r"\frac{1}{1+x^2}"}, r"\arctan x + C"),
    ({"kind": "antiderivative", "integrand": r"\frac{1}{1+x^2}"}, r"\tan^{-1}(x)"),
    ({"kind": "antiderivative", "integrand": r"\tan x"}, r"-\ln|\cos x|"),
    ({"kind": "antiderivative", "integrand": "a e^{a t}", "variable": "t"}, "e^{a t}"),
    ({"kind": "antiderivative", "integrand": r"\frac{1}{\sqrt{x}}", "domain": [0, None]}, r"2\sqrt{x}"),
    ({"kind": "derivative", "function": r"\ln(\sin x)"}, r"\cot x"),
    ({"kind": "derivative", "function": r"\sin(2x)", "order": 4}, r"16\sin(2x)"),
    ({"kind": "derivative", "function": "x^x", "domain": [0, None]}, r"x^x(1+\ln x)"),
    ({"kind": "equivalent", "expression": r"\sin^2 x + \cos^2 x"}, "1"),
    ({"kind": "equivalent", "expression": r"\frac{a^2-b^2}{a-b}"}, "a+b"),
    ({"kind": "equivalent", "expression": "(x-2)(x+3)", "form": "expanded"}, "x^2+x-6"),
    ({"kind": "equivalent", "expression": "2x^2-8", "form": "factored", "factors": 2}, "2(x-2)(x+2)"),
    ({"kind": "equivalent", "expression": "x^2+2x+1", "form": "factored", "factors": 2}, "(x+1)^2"),
    ({"kind": "roots", "equation": "x^2=2", "count": 2}, r"x=\pm\sqrt{2}"),
    ({"kind": "roots", "equation": "e^{2x}-3e^x+2=0", "count": 2}, r"x = 0, \ln 2"),
    ({"kind": "roots", "equation": "x^2=4"}, "-2"),
    ({"kind": "roots", "equation": "x^2=4", "domain": [0, None], "count": 1}, "2"),
    ({"kind": "roots", "equation": "x^2=-1", "count": 0}, r"\text{no real solutions}"),
    ({"kind": "ode", "equation": "y' = y", "conditions": [[0, "0", "2"]]}, "y = 2e^x"),
    ({"kind": "ode", "equation": "y' = y", "general": True}, "y = Ce^x"),
    ({"kind": "ode", "equation": "y'' - 4y = 0", "general": True}, r"C_1 \cosh(2x) + C_2 \sinh(2x)"),
    ({"kind": "ode", "equation": "x y' = 1", "domain": [0, None], "conditions": [[0, "1", "0"]]}, r"\ln x"),
    ({"kind": "limit", "expression": r"\frac{1-\cos x}{x^2}", "point": "0"}, r"\frac12"),
    ({"kind": "limit", "expression": "(1+2/x)^x", "point": "infty"}, "e^2"),
    ({"kind": "limit", "expression": "1/x", "point": "0", "side": "-"}, r"-\infty"),
    ({"kind": "limit", "expression": "|x|/x", "point": "0"}, r"\text{does not exist}"),
    ({"kind": "definite", "integrand": r"\ln x", "lower": "0", "upper": "1"}, "-1"),
    ({"kind": "definite", "integrand": "e^{-x}", "lower": "0", "upper": "infty"}, "1"),
]


@pytest.mark.parametrize(("metadata", "answer"), RIGHT)
def test_right_answers_in_any_form(metadata: dict[str, Any], answer: str) -> None:
    answered = verdict(metadata, answer)
    assert answered.status is Status.CORRECT, answered.reason


WRONG: list[tuple[dict[str, Any], str, str]] = [
    (INTEGRAL, "2x", "incorrect"),
    (INTEGRAL, r"\int 2x\,dx", "unparsed"),
    (INTEGRAL, "x^2 + Cx", "incorrect"),
    (INTEGRAL, "x^2 + q", "unparsed"),
    (INTEGRAL, "x^2 = C", "unparsed"),
    ({"kind": "derivative", "function": "x^2"}, "(x^2)'", "unparsed"),
    ({"kind": "equivalent", "expression": "x+x"}, "x+x", "incorrect"),
    ({"kind": "roots", "equation": "x^2=4", "domain": [0, None]}, "-2", "incorrect"),
    ({"kind": "roots", "equation": "x^2=4", "count": 2}, "y=2, y=-2", "unparsed"),
    ({"kind": "ode", "equation": "y' = y", "conditions": [[0, "0", "2"]]}, "y' = y", "unparsed"),
    ({"kind": "limit", "expression": "x", "point": "0"}, "x", "unparsed"),
    ({"kind": "limit", "expression": "x", "point": "0"}, r"\text{does not exist}", "incorrect"),
    ({"kind": "definite", "integrand": "x", "lower": "0", "upper": "1"}, "0.5000001", "incorrect"),
]


@pytest.mark.parametrize(("metadata", "answer", "status"), WRONG)
def test_wrong_answers(metadata: dict[str, Any], answer: str, status: str) -> None:
    assert verdict(metadata, answer).status == status


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"kind": "area"},
        {"kind": "antiderivative"},
        {"kind": "antiderivative", "integrand": "2x +"},
        {"kind": "antiderivative", "integrand": r"\int x dx"},
        {"kind": "antiderivative", "integrand": r"\sqrt{-1-x^2}"},
        {"kind": "antiderivative", "integrand": "x", "domain": [1, 1]},
        {"kind": "derivative", "function": "x", "order": 99},
        {"kind": "equivalent", "expression": "x", "form": "nicer"},
        {"kind": "equivalent", "expression": "x^2", "form": "factored"},
        {"kind": "roots", "equation": "x^2"},
        {"kind": "roots", "equation": "x=y"},
        {"kind": "ode", "equation": "y'=y"},
        {"kind": "ode", "equation": "x=1", "general": True},
        {"kind": "limit", "expression": r"\sin(1/x)", "point": "0"},
        {"kind": "limit", "expression": "x", "point": "0", "side": "left"},
        {"kind": "definite", "integrand": "1/x", "lower": "0", "upper": "1"},
        {"kind": "definite", "integrand": "1", "lower": "0"},
    ],
)
def test_a_wrong_problem_is_an_error(metadata: dict[str, Any]) -> None:
    assert verdict(metadata, "1").status is Status.ERROR


def test_options() -> None:
    assert verdict(INTEGRAL, "x^2", constant=True).status is Status.INCORRECT
    assert verdict(INTEGRAL, "x^2+C", constant=True).status is Status.CORRECT
    reciprocal = {"kind": "antiderivative", "integrand": "1/x"}
    assert verdict(reciprocal, r"\ln x").status is Status.CORRECT
    assert verdict(reciprocal, r"\ln x", real=True).status is Status.INCORRECT
    assert verdict(reciprocal, r"\ln|x|", real=True).status is Status.CORRECT


def test_it_says_why() -> None:
    assert "its derivative is not the integrand" in verdict(INTEGRAL, "x^3").reason
    assert verdict({"kind": "roots", "equation": "x^2=4", "count": 2}, "2").reason == "1 of 2 solutions"


@given(st.text(st.sampled_from(list("x0129+-*/^(){}\\ln sin e|=,C'.")), max_size=30))
def test_garbage_gets_a_verdict_and_no_reward(text: str) -> None:
    answered = verdict({"kind": "antiderivative", "integrand": r"e^{x}\cos(7x)+\frac{1}{x^2+5}"}, text)
    assert answered.status in (Status.INCORRECT, Status.UNPARSED)
