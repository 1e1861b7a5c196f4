"""Which text of a completion is the answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlvr.verifiers.expressions.extract import extract, gold_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so $x = \boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"\boxed{1}, then \boxed{2}", "2"),  # the last one
        (r"\boxed{1} and \boxed{2}", "1, 2"),  # listed together
        (r"\boxed{3} and so on; \boxed{", "3"),  # the last complete one
        (r"\boxed{\boxed{4}}", "4"),
        ("#### 5\nso 6\n#### 7", "7"),
        ("The answer is $\\frac{1}{2}$, since 2 > 1.", r"\frac{1}{2}"),
        ("Answer: 8 apples", "8 apples"),
        ("The answer is 9. I hope it is correct.", "9"),
        ("<think>The answer is 1</think>The answer is 2", "2"),
        ("<answer>10</answer>", "10"),
        ("答案是：11", "11"),
        ("First 3 * 4.\n12", "12"),
        ("So the total is 13.", "13"),
        ("x < 2", "x < 2"),
    ],
)
def test_extraction(text: str, answer: str) -> None:
    extracted = extract(text)
    assert extracted is not None
    assert extracted.text.strip("$. ,") == answer


@pytest.mark.parametrize(
    ("text", "how"),
    [
        (r"\boxed{1}", "in \\boxed"),
        (r"\boxed{1}, \boxed{2}", "in 2 boxes, listed together"),
        ("#### 5", "after ####"),
        ("A: 5", "after 'A:'"),
        ("<answer>5</answer>", "in <answer>"),
        ("The answer is 5.", "after 'answer is'"),
        ("5", "the whole text"),
        ("It is so.\n12", "the last line"),
    ],
)
def test_it_says_how(text: str, how: str) -> None:
    answer = extract(text)
    assert answer is not None
    assert answer.how == how


def test_gold_answers_may_be_worked_solutions() -> None:
    assert gold_answer("2 + 3 = 5\n#### 5") == "5"
    assert gold_answer(r"Thus $x = \boxed{7}$.") == "7"
    assert gold_answer("7") == "7"


PIECES = [r"\boxed{", "}", "#### ", "the answer is ", "$", "\n", "1", "and", "<answer>", "</answer>", "**"]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_any_text_has_one_answer_or_none(text: str) -> None:
    answer = extract(text)
    assert answer is None or answer.text
    assert isinstance(gold_answer(text), str)


@pytest.mark.parametrize(
    "text",
    [r"\boxed{" * 20_000, "#### " * 40_000, "the answer is " * 15_000, "$" * 200_000, "<answer>" * 25_000, "**" * 100_000,
     "A: " * 60_000, r"\boxed{1} and " * 12_000],
    ids=range(8),
)  # fmt: skip
def test_long_texts_end(text: str) -> None:  # a quadratic search would run into the timeout
    extract(text)
