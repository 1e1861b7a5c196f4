"""Generated questions: the same for a seed, their gold answers accepted, their near misses refused."""

import random

import pytest

from rlvr.verifiers import Completion, Status, Verifier
from rlvr.verifiers.rows import pair_from_row
from rlvr.verifiers.text.choice import choice
from rlvr.verifiers.text.number import number
from rlvr.verifiers.text.questions import rows

both = pytest.mark.parametrize("verifier", [choice, number], ids=lambda verifier: verifier.name)


@both
def test_gold_answers_are_accepted_and_near_misses_refused(verifier: Verifier) -> None:
    draw = random.Random(0)
    for row in verifier.generate(300, 7):
        example, completion = pair_from_row(row, "here")
        assert verifier(example, completion).status is Status.CORRECT, row
        for text in verifier.near_misses(row, draw):
            assert verifier(example, Completion(text)).status in (Status.INCORRECT, Status.UNPARSED), (row, text)


@both
def test_rows_depend_on_the_seed_alone(verifier: Verifier) -> None:
    first = list(verifier.generate(20, 1))
    assert first == list(verifier.generate(20, 1)) == list(verifier.generate(40, 1))[:20]
    assert first != list(verifier.generate(20, 2))
    assert len({row["id"] for row in first}) == 20


def test_rows_have_ids() -> None:
    assert list(rows(2, 0, lambda draw: {"gold": "1"})) == [
        {"id": "generated-0", "gold": "1"}, {"id": "generated-1", "gold": "1"}
    ]  # fmt: skip
