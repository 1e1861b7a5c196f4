"""The pack `gsm8k`: what is paid for an answer, and that nothing is paid for a wrong one."""

import pytest

from rlvr.tasks.pack import Pack, load_pack
from rlvr.verifiers.types import Completion, Example

ASKED = Example("1", "A baker fills 6 trays with 8 rolls each. How many rolls does she bake?", "48")


@pytest.fixture(scope="module", params=["gsm8k", "svamp"])
def pack(request: pytest.FixtureRequest) -> Pack:
    return load_pack(request.param)


def paid(pack: Pack, completion: Completion) -> float | None:
    verdict = pack.verifier(ASKED, completion)
    return pack.reward(ASKED, completion, verdict).value


@pytest.mark.parametrize(
    ("text", "reward"),
    [
        ("6 * 8 = 48\n#### 48", 1.0),  # as asked
        ("So she bakes \\boxed{48} rolls.", 0.5),  # right, in a form of its own
        ("6 * 8 = 48", 0.5),
        ("#### 46", 0.0),  # the format alone earned 0.1, and a model learned to write nothing else
        ("6 * 8 = 46\n#### 46", 0.0),
        ("The answer is 47.", 0.0),
        ("I don't know.", 0.0),
        ("6 * 8 = 48\n#### 46", 0.0),  # what is after #### counts
        ("6 * 8 = 48\n#### 48 or 46", 0.0),  # a hedge
        ("#### 46 or 48", 0.0),  # the last number is right, but not offered alone
        ("#### 46\nor 48", 0.0),
        ("", 0.0),
    ],
)
def test_a_right_answer_is_paid_and_a_wrong_one_never(pack: Pack, text: str, reward: float) -> None:
    assert paid(pack, Completion(text)) == reward


def test_an_unfinished_answer_is_not_paid(pack: Pack) -> None:
    for text in ("6 * 8 = 48", "6 * 8 = 48\n#### 48"):
        assert paid(pack, Completion(text, finish_reason="length")) == 0.0
