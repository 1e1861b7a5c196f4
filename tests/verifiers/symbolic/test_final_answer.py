"""Where the final answer is: tables of what models write."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlvr.errors import VerifierError
from rlvr.verifiers.symbolic.final_answer import last_answer, last_block, last_code, last_match, load


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Answer: 5", "5"),
        ("**Final answer:** `x = 3`", "x = 3"),
        ("Answer: 4\nAnswer: 5", "5"),
        ("<answer>4</answer>\nAnswer: 5", "5"),
        ("Answer: 4\n<answer>5</answer>", "5"),
        ("<answer>\n1 2\n2 1\n</answer>", "1 2\n2 1"),
        ("<answer>4</answer> <answer>5", "4"),
        ("<think>Answer: 4</think> Answer: no\nAnswer: 5", "5"),
        ("Answer: 5 <think>Answer: 4", "5"),
        ("> Answer = $5$", "5"),
        ("the answer: 5", None),
        ("Answer:", None),
        ("5", None),
        ("", None),
    ],
)
def test_last_answer(text: str, answer: str | None) -> None:
    assert last_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Answer: a*b*", "a*b*"),
        ("Answer: `a b`", "a b"),
        ("**Answer:** a_b", "a_b"),
        ("```sql\nSELECT 1\n```", "SELECT 1"),
        ("```sql\nSELECT 1\n```\nAnswer:\n```sql\nSELECT 2\n```", "SELECT 2"),
        ("Answer: a\n```sql\nSELECT 2\n```", None),  # two answers
        ("```python\n1\n```", None),
        ("Answer:", None),
        ("a*b*", None),
    ],
)
def test_last_code(text: str, answer: str | None) -> None:
    assert last_code(text, "sql", "") == answer


def test_last_block_has_one_of_the_labels() -> None:
    text = "```sql\n1\n```\n```\n2\n```\n```python\n3\n```"
    assert (last_block(text, "sql"), last_block(text, "sql", ""), last_block(text, "re")) == ("1", "2", None)


def test_last_match() -> None:
    match = last_match(re.compile("[0-9]"), "1 2 3", end=3)
    assert match is not None
    assert match[0] == "2"
    assert last_match(re.compile("x"), "1 2 3") is None


def test_a_missing_library_is_an_error_that_names_the_extra() -> None:
    with pytest.raises(VerifierError, match=re.escape("pip install 'rlvr[symbolic]'")):
        load("no_such_library", "no-such-library")


PIECES = ["Answer:", "<answer>", "</answer>", "```", "sql", "\n", " ", "x", "`", "*", "</think>"]


@given(st.text(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_text_has_an_answer_or_none(text: str) -> None:
    for answer in (last_answer(text), last_code(text, "sql", "")):
        assert answer is None or answer.strip()
