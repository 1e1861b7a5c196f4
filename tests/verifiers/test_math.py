"""The verifier `math`: tables of cases, and what must hold for any text."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.expressions.errors import ParseError
from rlvr.verifiers.expressions.extract import extract
from rlvr.verifiers.expressions.normalize import latex
from rlvr.verifiers.expressions.options import MathOptions
from rlvr.verifiers.expressions.parser import parse
from rlvr.verifiers.math.compare import match
from rlvr.verifiers.math.verifier import math
from rlvr.verifiers.types import Completion, Example, Status, Verdict

OWN = Path(str(math.verify.__globals__["__file__"])).with_name("cases.jsonl")
SHARED = Path(__file__).resolve().parents[3] / "shared" / "cases"


def rows(file: Path) -> list[dict[str, object]]:
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def decide(gold: str, text: str, bare: bool = False, **options: object) -> Verdict:
    verdict = math.verify(Example("", "", gold), Completion(text), bare=bare, **options)
    assert isinstance(verdict, Verdict)
    return verdict


def correct(gold: str, text: str, **options: object) -> bool:
    return decide(gold, text, bare=True, **options).status is Status.CORRECT


@pytest.mark.parametrize("row", rows(OWN), ids=lambda r: r["id"])
def test_shipped_case(row: dict[str, str]) -> None:
    bare = row.get("kind") == "pair"
    verdict = decide(row["gold"], row["answer"] if bare else row["completion"], bare)
    assert (verdict.status is Status.CORRECT) == (row["expected"] in (True, "accept")), verdict


@pytest.mark.parametrize(
    "text",
    ["", "   ", r"\boxed{", r"\boxed{}", "####", "I don't know.", "There are 5 options; I will not choose.",
     "Put your answer in \\boxed{}.", "We are asked to simplify $\\frac{9}{6}$.", "<answer></answer>"],
)  # fmt: skip
def test_no_answer(text: str) -> None:
    answer = extract(text)
    assert answer is None or decide("5", text).status is not Status.CORRECT


@pytest.mark.parametrize(
    ("mode", "text", "status"),
    [
        ("boxed", "#### 5", "unparsed"),
        ("hash", r"\boxed{5}", "unparsed"),
        ("hash", "#### 5", "correct"),
        ("answer", "The answer is 5.", "correct"),
        ("bare", "5", "correct"),
        ("boxed", r"\boxed{5} #### 6", "correct"),
    ],
)
def test_extraction_mode(mode: str, text: str, status: str) -> None:
    assert decide("5", text, extract=mode).status == status


def test_an_empty_gold_answer_is_an_error() -> None:
    assert decide("", r"\boxed{}").status is Status.ERROR
    assert decide("  ", "5", bare=True).status is Status.ERROR


@pytest.mark.parametrize(
    ("options", "gold", "answer", "expected"),
    [
        ({"rel_tol": 0.01}, "100", "100.5", True),
        ({"rel_tol": 0.001}, "100", "100.5", False),
        ({"rounding": "gold"}, "2.67", r"\frac{8}{3}", True),
        ({"rounding": "gold"}, "3", "2.9", True),
        ({"rounding": "exact"}, "2.667", r"\frac{8}{3}", False),
        ({}, "2.667", r"\frac{8}{3}", True),
        ({"percent": "value"}, "50", "50%", False),
        ({"percent": "value"}, "0.5", "50%", True),
        ({"percent": "ignore"}, "50", "50%", True),
        ({"percent": "ignore"}, "0.5", "50%", False),
        ({"units": "required"}, r"5\text{ cm}", "5", False),
        ({"units": "required"}, r"5\text{ cm}", r"50\text{ mm}", True),
        ({"units": "ignore"}, r"5\text{ cm}", r"5\text{ km}", True),
        ({"rename": False}, r"k\pi", r"n\pi", False),
        ({}, r"k\pi", r"n\pi", True),
    ],
)
def test_options(options: dict[str, object], gold: str, answer: str, expected: bool) -> None:
    assert correct(gold, answer, **options) is expected


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("１２", "12"),  # full-width digits
        ("٤٢", "42"),  # Arabic-Indic digits
        ("−5", "-5"),
        ("5\u200b", "5"),
        ("x²", "x^2"),
        ("√2", r"\sqrt{2}"),
        ("½", r"\frac{1}{2}"),
        ("α+β", r"\beta+\alpha"),
        ("3·4", "12"),
        ("[1, ∞)", r"x \ge 1"),
        ("\text{cm}", r"\text{cm}"),  # a lost backslash
        ("\frac{1}{2}", "0.5"),
        ("x<sup>2</sup>", "x^2"),
    ],
)
def test_spellings(left: str, right: str) -> None:
    assert correct(left, right)
    assert correct(right, left)


def test_verdicts_say_why() -> None:
    verdict = decide("1/2", r"Thus \boxed{0.5}")
    assert verdict.extracted == "0.5"
    assert verdict.reason == "equal exactly"
    assert dict(verdict.parts) == {
        "extraction": "in \\boxed",
        "gold": "1/2",
        "gold_type": "rational",
        "answer_type": "decimal",
    }


# ---- any text ---------------------------------------------------------------------------------------------------

_PIECES = (
    r"\frac { } ( ) [ ] | \{ \} 1 2 10 3.5 x y n \pi \sqrt ^ _ + - * / = < \le \pm , ; \text{and} \text{cm} ! % ^\circ \sin "
    r"\log_2 \begin{pmatrix} \end{pmatrix} & \\ \cup \infty \in \mathbb{R} : ' \sum_{k=1}^{3} \int dx \to \binom \boxed{ $"
)
PIECES = st.sampled_from(_PIECES.split())
MATHS = st.lists(PIECES, max_size=25).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(st.one_of(MATHS, st.text(max_size=60)), st.one_of(MATHS, st.text(max_size=60)))
def test_never_raises_and_is_symmetric(gold: str, answer: str) -> None:
    if gold.strip() and answer.strip():
        assert correct(gold, answer, rounding="exact") == correct(answer, gold, rounding="exact")


@settings(max_examples=150, deadline=None)
@given(MATHS)
def test_equals_itself(text: str) -> None:
    if text.strip():
        assert correct(text, text)


@settings(max_examples=150, deadline=None)
@given(MATHS)
def test_equals_itself_by_value(text: str) -> None:
    try:
        tree = parse(latex(text))
    except ParseError:
        return
    assert match(tree, tree, MathOptions())


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_extraction_never_raises(text: str) -> None:
    extract(text)
    decide("5", text)


@settings(max_examples=100, deadline=None)
@given(st.fractions(max_denominator=10**6), st.fractions(max_denominator=10**6))
def test_rationals_are_exact(p, q) -> None:
    gold = rf"\frac{{{p.numerator}}}{{{p.denominator}}}"
    assert correct(gold, f"{q.numerator}/{q.denominator}") == (p == q)


@settings(max_examples=60, deadline=None)
@given(st.integers(-(10**40), 10**40), st.integers(-3, 3))
def test_integers_are_exact(n: int, step: int) -> None:
    assert correct(str(n), str(n + step)) == (step == 0)


def test_shortcut_agrees_with_the_worker() -> None:
    texts = ["A: 5", "#### 5", "#### 5.0", "The answer is 5.", r"so \boxed{5}", r"\boxed{5} and \boxed{6}", "#### 1,000",
             "#### 10,00", "#### 5.5", "A: -5", "#### $5", "text\n#### 7", r"\boxed{4}\boxed{5}"]  # fmt: skip
    for gold in ("5", "1000", "5.5", "-5", "7"):
        for text in texts:
            quick = math.shortcut(Example("", "", gold), Completion(text))
            if quick is not None:
                assert quick.status == decide(gold, text).status, (gold, text)


def test_runs_in_the_engine() -> None:
    with Engine(workers=1) as engine:
        verdict = engine.verify(math, Example("", "", "x > 2"), Completion(r"\boxed{(2, \infty)}"))
        assert (verdict.status, verdict.reason) == (Status.CORRECT, "the same set of numbers")
        bomb = engine.verify(math, Example("", "", "1"), Completion(r"\boxed{9^{9^{9^{9}}}}"))
        assert bomb.status in (Status.INCORRECT, Status.TIMEOUT)


def test_importing_is_light() -> None:
    import subprocess
    import sys

    code = (
        "import sys, rlvr.verifiers.math.verifier, rlvr.verifiers.math.math_verify\n"
        "print([m for m in ('sympy', 'mpmath', 'math_verify', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---- the collected cases, where they are there ------------------------------------------------------------------


def shared(name: str) -> list[dict[str, str]]:
    file = SHARED / name
    if not file.exists():
        pytest.skip(f"{file.name} isn't beside the checkout")
    return rows(file)  # type: ignore[return-value]


def test_collected_cases_stay_within_the_bars() -> None:
    counts = {True: [0, 0, 0, 0], False: [0, 0, 0, 0]}  # by HardVerify-Math or not: right, accepted, wrong, accepted
    for row in shared("math_cases.jsonl"):
        if row["policy"]:
            continue
        accepted_row = decide(row["gold"], row["answer"], row["kind"] == "pair").status is Status.CORRECT
        count = counts[row["source"] == "hardverify-math"]
        count[0 if row["expected"] else 2] += 1
        count[1 if row["expected"] else 3] += accepted_row
    for hard, bars in ((True, (0.80, 0.01)), (False, (0.96, 0.015))):
        right, accepted, wrong, wrongly = counts[hard]
        assert accepted / right >= bars[0]
        assert wrongly / wrong <= bars[1]


def test_collected_attacks() -> None:
    for row in shared("math_attacks.jsonl"):
        if row["expected"] != "no_hang":
            verdict = decide(row["gold"], row["completion"])
            assert (verdict.status is Status.CORRECT) == (row["expected"] == "accept"), row["name"]


def test_collected_completions() -> None:
    for row in shared("gsm8k_completions.jsonl")[:300]:
        assert (decide(row["gold"], row["answer"]).status is Status.CORRECT) == row["expected"], row["id"]
