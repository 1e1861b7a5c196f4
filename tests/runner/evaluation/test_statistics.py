"""pass@k against counting every subset, the bootstrap against the normal interval."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlvr.runner.evaluation.statistics import bootstrap, pass_at_k


@settings(max_examples=60)
@given(st.integers(1, 9), st.data())
def test_pass_at_k_counts_subsets(samples: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, samples))
    k = data.draw(st.integers(1, samples))
    subsets = list(itertools.combinations(range(samples), k))
    solved = sum(any(i < correct for i in subset) for subset in subsets)
    assert pass_at_k(samples, correct, k) == pytest.approx(solved / len(subsets))


def test_pass_at_k_of_many() -> None:
    assert pass_at_k(1000, 500, 1) == 0.5
    assert pass_at_k(200, 3, 100) == pytest.approx(0.8769, abs=1e-4)
    assert pass_at_k(10, 0, 10) == 0.0
    assert pass_at_k(10, 1, 10) == 1.0


@pytest.mark.parametrize(("samples", "correct", "k"), [(4, 5, 1), (4, -1, 1), (4, 2, 0), (4, 2, 5)])
def test_pass_at_k_refuses_nonsense(samples: int, correct: int, k: int) -> None:
    with pytest.raises(ValueError, match=f"pass@{k} of {correct} right among {samples}"):
        pass_at_k(samples, correct, k)


def test_bootstrap() -> None:
    draw = random.Random(1)
    values = [draw.gauss(0.6, 0.1) for _ in range(400)]
    mean = sum(values) / len(values)
    low, high = bootstrap(values)
    assert low < mean < high
    assert high - low == pytest.approx(2 * 1.96 * 0.1 / 20, rel=0.15)
    assert bootstrap(values) == (low, high)
    assert bootstrap(values, seed=1) != (low, high)
    assert bootstrap([]) == (0.0, 1.0)
    assert bootstrap([0.5]) == (0.5, 0.5)
