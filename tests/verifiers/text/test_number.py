"""`number`: tables of what models write, GSM8K's own answers, and labels by its publishers."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlvr.verifiers.text.number import MAX_TEXT, number
from rlvr.verifiers.text.numerals import read
from rlvr.verifiers.types import Completion, Example, Status, Verdict

SHARED = Path(__file__).parents[4] / "shared"
C, X, U = Status.CORRECT, Status.INCORRECT, Status.UNPARSED


def verify(gold: str, text: str, mode: str = "strict") -> Verdict:
    return number.verify(Example("", "", gold), Completion(text), mode=mode)


STRICT = [
    # the format itself
    ("18", "9 * 2 = 18\n#### 18", C),
    ("18", "9 * 2 = 18\n####18", C),
    ("18", "#### 18\n", C),
    ("18", "#### 18.", C),
    ("18", "#### **18**", C),
    ("18", "#### $18$", C),
    ("18", "#### \\boxed{18}", C),
    ("18", "So the answer is #### 18", C),
    ("18", "The answer is 18", U),
    ("18", "18", U),
    ("18", "", U),
    ("18", "### 18", U),
    ("18", "##### 18", U),
    ("18", "####\n18", U),
    ("18", "#### ", U),
    ("18", "#### eighteen", U),
    # more than one number behind it, and more than one ####
    ("15", "#### Step 15 … 99", U),
    ("99", "#### Step 15 … 99", U),
    ("15", "#### Step 15\n#### 99", X),
    ("99", "#### Step 1\nx\n#### Step 2\ny\n#### 99", C),
    ("15", "#### 15\n#### 16\n#### 17", X),
    ("17", "#### 15\n#### 16\n#### 17", C),
    ("15", "#### 15 16", U),
    ("15", "#### 15 or 16", U),
    ("15", "#### 15 or sixteen", U),
    ("15", "#### 15, 16", U),
    ("5", "#### 5-10", U),
    ("15", "#### 10 + 5", U),
    ("15", "#### 10 + 5 = 15", U),
    ("15", "#### not 15", U),
    ("15", "#### 15 ####", U),
    # thousands
    ("1,000", "#### 1000", C),
    ("1000", "#### 1,000", C),
    ("2,125,000", "#### $2,125,000.00", C),
    ("1000", "#### 1 000", C),
    ("1000", "#### 1\u202f000", C),
    ("1000", "#### 1{,}000", C),
    ("1000", "#### 1,00", U),
    ("1000", "#### 10,00", U),
    ("1000", "#### 1.000,00", U),
    ("12345", "#### 12,345,", U),
    # signs
    ("-5", "#### -5", C),
    ("-5", "#### - 5", C),
    ("-5", "#### −5", C),
    ("-5", "#### -$5", C),
    ("-5", "#### $-5", C),
    ("-5", "#### 5", X),
    ("5", "#### -5", X),
    ("5", "#### +5", C),
    ("5", "#### --5", U),
    # currency, percent, units
    ("18", "#### $18", C),
    ("18", "#### \\$18", C),
    ("18", "#### €18", C),
    ("18", "#### 18€", C),
    ("18", "#### 18 dollars", C),
    ("18", "#### 18 dollars per hour.", C),
    ("18", "#### 18 km/h", C),
    ("18", "#### 18km", C),
    ("25", "#### 25%", C),
    ("25%", "#### 25", C),
    ("25", "#### 25\\%", C),
    ("0.25", "#### 25%", X),
    ("5", "#### 5 thousand", X),
    ("5000", "#### 5 thousand", C),
    ("5", "#### 5k", U),
    ("24", "#### 2 dozen", U),
    ("2", "#### 2 dozen", U),
    ("2", "#### 2 and a half", U),
    ("2", "#### 2 hours 30 minutes", U),
    # decimals, fractions, exponents: exact
    ("18", "#### 18.00", C),
    ("0.1", "#### .1", C),
    ("0.3", "#### 0.30000000000000004", X),
    ("9007199254740993", "#### 9007199254740992", X),
    ("0.5", "#### 1/2", C),
    ("0.5", "#### \\frac{1}{2}", C),
    ("1.5", "#### 1 1/2", C),
    ("-1.5", "#### -1 1/2", C),
    ("1", "#### 1/0", U),
    ("2500000", "#### 2.5e6", C),
    ("2500", "#### 2.5 × 10^3", C),
    ("1", "#### 1e999999999", U),
    ("1", "#### 1" + "0" * 200, U),
    ("1", "#### " + "9" * 1_000_000, U),
    ("330", "#### 3:30", U),
    # characters
    ("18", "#### １８", C),
    ("18", "#### 1\u200b8", C),
    ("18", "####\u00a018", C),
    ("18", "#### ١٨", U),
    ("25", "#### 5²", U),
    ("10", "#### 1O", U),
    ("10", "#### 1\u041e", U),
    ("1", "#### 1千", U),
    ("81", "#### \u202e18", U),
    ("1", "#### ¹", U),
]


@pytest.mark.parametrize(("gold", "text", "status"), STRICT)
def test_strict(gold: str, text: str, status: Status) -> None:
    verdict = verify(gold, text)
    assert verdict.status == status, verdict.reason
    assert verdict.parts["format"] == (0.0 if status is U else 1.0)
    assert verdict.reason


LENIENT = [
    ("18", "#### 18", C),
    ("18", "x = 3\nA: 18", C),
    ("18", "A: $18.00", C),
    ("18", "The answer is 18.", C),
    ("18", "The answer is: **$18**.", C),
    ("18", "**Answer:** 18 eggs", C),
    ("18", "The final answer is $\\boxed{18}$.", C),
    ("18", "The answer is 18 dollars for 3 days.", C),
    ("18", "The answer is 9 * 2 = 18.", C),
    ("18", "The answer is the sum of 10 and 8, which is 18", C),
    ("18", "The answer is 17. No, wait: the answer is 18.", C),
    ("18", "The answer is 18 or 19.", U),
    ("19", "The answer is 18 or 19.", U),
    ("18", "The answer is 18, 19, 20", U),
    ("-5", "The answer is -5", C),
    ("-5", "The answer is − 5", C),
    ("18", "She makes 9 * $2 = $18 every day at the market.", C),
    ("18", "That is 20-2 = 18", C),
    ("2", "We compute 20-2", C),
    ("-2", "We get x = -2", C),
    ("5", "apples:\n- 5", C),
    ("1000", "In all he pays $1,000.", C),
    ("1000000", "They raised 1 million", C),
    ("18.5", "It costs $18.50 in total.", C),
    ("50", "It costs $18.50 in total.", X),
    ("3", "She finished 3rd", C),
    ("18", "So 18 cups of H2O", C),
    ("10", "That makes 1O0", U),
    ("15", "#### Step 15 … 99", X),
    ("18", "The answer is clear. She has 18", C),
    ("2", "x\u00b2", U),
    ("5", "no number at all", U),
    ("5", "", U),
    ("0.5", "\\boxed{\\frac{1}{2}}", C),
]


@pytest.mark.parametrize(("gold", "text", "status"), LENIENT)
def test_lenient(gold: str, text: str, status: Status) -> None:
    verdict = verify(gold, text, "lenient")
    assert verdict.status == status, verdict.reason
    assert verdict.parts["format"] == float("#### 1" in text)


@pytest.mark.parametrize("gold", ["", "  ", "x", "five", "1/0", "1,00", "####", "1" * 1000])
def test_a_gold_answer_that_is_no_number_is_our_error(gold: str) -> None:
    verdict = verify(gold, "#### 5")
    assert verdict.status is Status.ERROR
    assert "gold answer" in verdict.reason
    assert not gold.strip() or gold[:20] in verdict.reason


def test_the_gold_answer_may_be_the_whole_solution() -> None:
    assert verify("2 + 3 = <<2+3=5>>5\n#### 5", "#### 5").status is C


def test_the_reason_tells_extract_and_rule() -> None:
    verdict = verify("18", "#### $1,800 \n#### $18.00")
    assert verdict.extracted == "$18.00"
    assert verdict.reason == "'$18.00', from the last #### line, equals '18'"


def test_of_a_long_completion_the_end_is_read() -> None:
    assert verify("18", "word " * MAX_TEXT + "\n#### 18").status is C
    assert verify("18", "#### 18\n" + "word " * MAX_TEXT).status is U
    assert verify("1", "1" * (2 * MAX_TEXT), "lenient").status is U


HARD = ["1" * 100_000, "1," * 50_000, "111," * 25_000 + "1", "1 " * 50_000, "1/" * 50_000, "-" * 100_000, "#" * 100_000,
        "answer is " * 10_000, "\\boxed{" * 14_000, "A:\n" * 33_000, "####" * 25_000, ". " * 50_000, "$" * 100_000,
        "a" * 100_000, "\\frac{" * 16_000, "1e" * 50_000, "answer: " + "*" * 90_000, "1 hundred " * 10_000]  # fmt: skip


@pytest.mark.parametrize("text", HARD, ids=lambda text: text[:8].strip())
@pytest.mark.parametrize("mode", ["strict", "lenient"])
@pytest.mark.timeout(20)  # a quadratic pattern takes minutes
def test_hard_text(text: str, mode: str) -> None:
    assert verify("18", text, mode).status in (X, U)


@given(st.text(max_size=300), st.text(max_size=50), st.sampled_from(["strict", "lenient"]))
@settings(deadline=None, max_examples=150)
def test_total_on_any_text(text: str, gold: str, mode: str) -> None:
    assert verify("18", text, mode).status in (C, X, U)
    assert verify("18", "#### " + text, mode).status in (C, X, U)
    assert isinstance(verify(gold, text, mode), Verdict)


NUMERIC = st.text("0123456789 .,/-+$%#eE^{}\\()A:xk×\n²", max_size=60)


@given(NUMERIC, st.sampled_from(["strict", "lenient"]))
@settings(deadline=None, max_examples=200)
def test_total_on_numeric_noise(text: str, mode: str) -> None:
    assert verify("18", "#### " + text, mode).status in (C, X, U)
    assert verify("18", "The answer is " + text, mode).status in (C, X, U)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12))
@settings(deadline=None)
def test_formatted_numbers_round_trip(value) -> None:  # type: ignore[no-untyped-def]
    for text in (f"{value:f}", f"{value:,f}", f"${value:,f}", f"{value:f}%", f"**{value:,f}**", f"{value:f} dollars"):
        assert read(text) == value, text
        assert verify(f"{value:f}", f"#### {text}").status is C
        assert verify(f"{value:f}", f"The answer is {text}.", "lenient").status is C
        assert verify(f"{value:f}", f"So we get {text}", "lenient").status is C


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6))
@settings(deadline=None)
def test_fractions_round_trip(top: int, bottom: int) -> None:
    assert verify(f"{top}/{bottom}", f"#### {top * 3}/{bottom * 3}").status is C


def rows(split: str) -> list[str]:
    path = SHARED / f"data/openai/gsm8k/main/{split}-00000-of-00001.parquet"
    if not path.exists():
        pytest.skip("needs GSM8K in ../shared/data, which is not there")
    import pyarrow.parquet

    return pyarrow.parquet.read_table(path, columns=["answer"])["answer"].to_pylist()


@pytest.mark.parametrize(("split", "count"), [("train", 7473), ("test", 1319)])
def test_every_gold_answer_of_gsm8k_is_correct_against_itself(split: str, count: int) -> None:
    solutions = rows(split)
    assert len(solutions) == count
    wrong = []
    for solution in solutions:
        gold = solution.rpartition("####")[2].strip()
        texts = {
            "strict": (solution, f"#### {gold}"),
            "lenient": (solution, f"The answer is {gold}.", f"A: {gold}", gold),
        }
        wrong += [(gold, m, t) for m, ts in texts.items() for t in ts if verify(gold, t, m).status is not C]
    assert wrong == []


def test_agrees_with_the_publishers_labels() -> None:
    path = SHARED / "cases/gsm8k_completions.jsonl"
    if not path.exists():
        pytest.skip("needs ../shared/cases, which is not there")
    with path.open() as file:
        cases = [json.loads(line) for line in file]
    wrong = [c["id"] for c in cases if (verify(c["gold"], c["answer"], "lenient").status is C) != c["expected"]]
    assert wrong == []
