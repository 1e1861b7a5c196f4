"""The learning signal in words and as JSON."""

import pytest

from rlvr.runner.run_folder.learning_signal import LearningSignal


def test_in_words() -> None:
    words = "the rewards differ in 5 of 8 groups (62.5% [30.6%, 86.3%]), 12 of 64 completions are correct"
    assert str(LearningSignal(8, 5, 64, 12)) == words
    assert str(LearningSignal(0, 0, 0, 0)) == "no group of the sample has verdicts about the model"


@pytest.mark.parametrize(
    ("varied", "outlook"),
    [
        (0, "there is no learning signal"),
        (1, "the learning signal is weak: most of a step's completions are generated for nothing"),
        (2, "there is a learning signal"),
    ],
)
def test_the_outlook(varied: int, outlook: str) -> None:
    assert LearningSignal(8, varied, 64, 12).outlook == outlook


def test_signals_add_up_and_json_gives_them_back() -> None:
    signal = LearningSignal(8, 5, 64, 12) + LearningSignal(1, 0, 8, 0)
    assert signal == LearningSignal(9, 5, 72, 12)
    assert LearningSignal.from_json(signal.as_json() | {"stopped": "why"}) == signal
