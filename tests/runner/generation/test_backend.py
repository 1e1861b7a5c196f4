"""What both back ends share: sampling leaves no trace in the training around it, and texts end at stop strings."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlvr.runner.generation.backend import OnDone, Sampling, Tokens, cut_at, generate_all, seeded
from rlvr.verifiers.types import Completion


@pytest.mark.parametrize(
    ("text", "stop", "cut"),
    [
        ("4\nQuestion: 5?", ["\nQuestion:"], "4"),
        ("4\nProblem: …\nQuestion: …", ["\nQuestion:", "\nProblem:"], "4"),
        ("no stop", ["\nQuestion:"], "no stop"),
        ("anything", [], "anything"),
        ("\nQuestion:", ["\nQuestion:"], ""),
    ],
)
def test_a_text_is_cut_at_the_first_stop_string(text: str, stop: list[str], cut: str) -> None:
    assert cut_at(text, stop) == cut


@given(st.text("ab#"), st.lists(st.text("ab#", min_size=1), max_size=3))
def test_no_stop_string_is_left(text: str, stop: list[str]) -> None:
    cut = cut_at(text, stop)
    assert text.startswith(cut)
    assert not any(word in cut for word in stop)


def test_a_seed_decides_inside_and_leaves_the_state_outside() -> None:
    torch = pytest.importorskip("torch")
    before = torch.random.get_rng_state()
    draws = []
    for seed in (1, 1, 2):
        with seeded(seed):
            draws.append(torch.rand(3).tolist())
    assert draws[0] == draws[1] != draws[2]
    assert torch.equal(torch.random.get_rng_state(), before)
    with seeded(None):
        torch.rand(1)
    assert not torch.equal(torch.random.get_rng_state(), before)


class Backwards:
    """Finishes the last prompt first."""

    name = "backwards"

    def generate(self, prompts: Sequence[Tokens], sampling: Sampling, on_done: OnDone) -> None:
        for index in reversed(range(len(prompts))):
            on_done(index, [Completion(str(prompts[index][0]))] * sampling.n)


def test_all_completions_come_in_the_order_of_their_prompts() -> None:
    completions = generate_all(Backwards(), [[1], [2], [3]], Sampling(8, n=2))
    assert [[one.text for one in group] for group in completions] == [["1", "1"], ["2", "2"], ["3", "3"]]
