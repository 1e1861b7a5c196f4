"""Which test questions are in the training data, and what is no overlap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlvr.tasks.overlap import NGRAM, ngrams, overlap, words

LONG = "A train leaves the station at nine and meets another one at noon"


@pytest.mark.parametrize(
    ("test", "training", "equal"),
    [
        ("What is 2+2?", "What is 2+2?", True),
        ("What is 2+2?", "what is 2 + 2", True),  # case, spaces and punctuation don't count
        ("What is 2+2?", "What is 2-2?", False),  # operators do
        ("What is 2+2?", "What is 2+3?", False),
        ("x < 3", "x > 3", False),
        ("STRASSE", "straße", True),
        ("Was ist 2+2?", "What is 2+2?", False),
        ("七加八是多少", "七加八是多少", True),
    ],
)
def test_equal_questions(test: str, training: str, equal: bool) -> None:
    assert bool(overlap([test], [training]).equal) is equal


def test_a_run_of_eight_words_is_similar_and_is_shown() -> None:
    result = overlap(["Again: the station at nine and meets another one, today"], [LONG])
    assert result.equal == []
    ((position, shared),) = result.similar
    assert (position, shared) == (0, "the station at nine and meets another one")


def test_seven_words_are_not() -> None:
    assert overlap(["the station at nine and meets another"], [LONG]).similar == []


def test_an_equal_question_is_not_similar_too() -> None:
    result = overlap([LONG.upper(), "other"], [LONG])
    assert (result.questions, result.equal, result.similar) == (2, [0], [])


def test_what_many_training_questions_share_is_a_template() -> None:
    training = [f"How many ways are there to place the number {n} on it?" for n in range(4)]
    asked = ["How many ways are there to place the number 99 on it?"]
    assert overlap(asked, training).similar == []
    assert overlap(asked, training[:3]).similar != []


def test_what_other_questions_share_is_one_too() -> None:
    training = ["How many ways are there to place the number 1 on it?"]
    asked = [f"How many ways are there to place the number {n} on it?" for n in range(90, 99)]
    assert len(overlap(asked, training).similar) == 9
    assert overlap(asked, training, common=asked).similar == []


@pytest.mark.parametrize(("test", "training"), [([], []), ([], ["a"]), (["a"], [])])
def test_nothing(test: list[str], training: list[str]) -> None:
    result = overlap(test, training)
    assert (result.questions, result.equal, result.similar) == (len(test), [], [])


@given(
    st.lists(st.text(alphabet="ab +-=?\n", max_size=60), max_size=6), st.lists(st.text(alphabet="ab +", max_size=60))
)
def test_against_looking_at_every_pair(test: list[str], training: list[str]) -> None:
    result = overlap(test, training)
    training_words = [words(text) for text in training]
    for position, text in enumerate(map(words, test)):
        assert (position in result.equal) == (text in training_words)
    for position, shared in result.similar:
        gram = tuple(shared.split())
        assert len(gram) == NGRAM
        assert gram in ngrams(words(test[position]))
        assert any(gram in ngrams(text) for text in training_words)
        assert position not in result.equal
