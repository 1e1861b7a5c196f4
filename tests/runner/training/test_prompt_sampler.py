"""Which questions a step asks: category_weights that hold over every window, passes that leave nobody out, a pass_rate_band, a resume."""

import json
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlvr.errors import ConfigError
from rlvr.runner.training.prompt_sampler import EXPLORE, CategoryWeights, PromptSampler
from rlvr.verifiers.types import Example


def examples(**sizes: int) -> list[Example]:
    return [Example(f"{name}-{i}", f"{name} {i}", "", name) for name, size in sizes.items() for i in range(size)]


def names(drawn: Sequence[int], questions: Sequence[Example]) -> list[str]:
    return [questions[index].category for index in drawn]


@st.composite
def mixtures(draw: st.DrawFn) -> tuple[list[Example], CategoryWeights, dict[str, float]]:
    """(examples, category_weights, the shares that they mean)"""
    sizes = {f"c{i}": size for i, size in enumerate(draw(st.lists(st.integers(1, 40), min_size=1, max_size=8)))}
    kind = draw(st.sampled_from(["balanced", "proportional", "explicit"]))
    if kind == "balanced":
        return examples(**sizes), "balanced", {name: 1 / len(sizes) for name in sizes}
    if kind == "proportional":
        return examples(**sizes), "proportional", {name: size / sum(sizes.values()) for name, size in sizes.items()}
    weights = {name: draw(st.one_of(st.just(0.0), st.floats(0.001, 1000), st.integers(1, 9))) for name in sizes}
    weights[draw(st.sampled_from(sorted(sizes)))] = 1.0
    total = sum(weights.values())
    given = {name: weight for name, weight in weights.items() if weight or draw(st.booleans())}
    return examples(**sizes), given, {name: weight / total for name, weight in weights.items()}


@given(mixtures(), st.integers(0, 9))
@settings(max_examples=150, deadline=None)
def test_quotas_hold_over_every_prefix_and_every_window(mixture, seed: int) -> None:
    questions, category_weights, shares = mixture
    sampler = PromptSampler(questions, seed, category_weights)
    assert sampler.shares == pytest.approx(shares)
    drawn = names(sampler.draw(300), questions)
    for name, share in shares.items():
        off, highest, lowest = 0.0, 0.0, 0.0  # of all prefixes, the empty one too
        for category in drawn:
            off += (category == name) - share
            highest, lowest = max(highest, off), min(lowest, off)
        assert -1 - 1e-6 < lowest <= highest < 1 + 1e-6  # every prefix
        assert highest - lowest < 2 + 1e-6  # every window: the difference of two prefixes
        if share == 0:
            assert name not in drawn


@given(mixtures(), st.integers(0, 9), st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_each_pass_of_a_category_asks_every_example_once(mixture, seed: int, passes: int) -> None:
    questions, category_weights, shares = mixture
    drawn = PromptSampler(questions, seed, category_weights).draw(200 * passes)
    for name in shares:
        mine = [index for index in drawn if questions[index].category == name]
        size = sum(example.category == name for example in questions)
        orders = [mine[start : start + size] for start in range(0, len(mine), size)]
        for order in orders[:-1]:
            assert sorted(order) == [i for i, example in enumerate(questions) if example.category == name]
        assert all(len(set(order)) == len(order) for order in orders)


def test_passes_are_shuffled_anew_and_follow_from_the_seed() -> None:
    questions = examples(a=30)
    one, two, other = (PromptSampler(questions, seed).draw(90) for seed in (1, 1, 2))
    assert one == two != other
    assert len({tuple(one[start : start + 30]) for start in (0, 30, 60)}) == 3
    assert one[:30] != sorted(one[:30])


def test_without_quotas_categories_are_asked_as_they_come() -> None:
    questions = examples(a=30, b=10)
    drawn = PromptSampler(questions, 0).draw(40)
    assert sorted(drawn) == list(range(40))


def test_how_draws_are_cut_into_steps_does_not_matter() -> None:
    questions = examples(a=7, b=13, c=5)
    whole, cut = (PromptSampler(questions, 3, "balanced") for _ in range(2))
    assert [index for size in (1, 5, 0, 30, 64) for index in cut.draw(size)] == whole.draw(100)


@pytest.mark.parametrize(
    ("category_weights", "message"),
    [
        (
            {"hrad": 1.0},
            "category_weights: no example has the category 'hrad'; did you mean 'hard'? (there are: easy, hard)",
        ),
        ({"easy": 1, "": 1}, "category_weights: no example has the category '' (there are: easy, hard)"),
        ({}, "category_weights: expected shares that aren't negative, and one above 0"),
        ({"easy": 0.0}, "category_weights: expected shares that aren't negative, and one above 0"),
        ({"easy": -1.0, "hard": 2.0}, "category_weights: expected shares that aren't negative, and one above 0"),
        ({"easy": 1e308, "hard": 1e308}, "category_weights: expected shares that aren't negative, and one above 0"),
    ],
)
def test_weights_that_mean_nothing(category_weights: CategoryWeights, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        PromptSampler(examples(easy=2, hard=3), 0, category_weights)
    assert str(error.value) == message


# ---- floors


def test_a_category_that_fell_below_its_floor_is_asked_twice_as_often_until_it_recovers() -> None:
    questions = examples(a=50, b=50)
    sampler = PromptSampler(questions, 0, "balanced", boost_below=0.2)
    sampler.observe([(0, 0.9), (50, 0.5)])
    assert sampler.present_shares() == {"a": 0.5, "b": 0.5}
    sampler.observe([(0, 0.0)] * 3)  # of ten groups or so: 0.9 -> 0.66
    assert sampler.present_shares() == pytest.approx({"a": 2 / 3, "b": 1 / 3})
    drawn = Counter(names(sampler.draw(300), questions))
    assert abs(drawn["a"] - 200) <= 2
    sampler.observe([(0, 0.9)] * 20)
    assert sampler.present_shares() == {"a": 0.5, "b": 0.5}
    drawn = Counter(names(sampler.draw(300), questions))
    assert abs(drawn["a"] - 150) <= 2


def test_a_floor_without_quotas_starts_from_what_there_is() -> None:
    sampler = PromptSampler(examples(a=30, b=10), 0, boost_below=0.1)
    assert sampler.present_shares() == {"a": 0.75, "b": 0.25}
    sampler.observe([(30, 1.0)])
    sampler.observe([(30, 0.0)] * 4)
    assert sampler.present_shares() == pytest.approx({"a": 0.75 / 1.25, "b": 0.5 / 1.25})


def test_a_floor_never_raises_what_has_no_share() -> None:
    questions = examples(a=5, b=5)
    sampler = PromptSampler(questions, 0, {"a": 1.0}, boost_below=0.1)
    sampler.observe([(5, 1.0)])
    sampler.observe([(5, 0.0)] * 9)
    assert set(names(sampler.draw(50), questions)) == {"a"}


# ---- the pass_rate_band


def test_questions_outside_the_band_are_skipped_but_looked_at_now_and_then() -> None:
    questions = examples(a=100)
    sampler = PromptSampler(questions, 0, pass_rate_band=(0.2, 0.8))
    assert sorted(sampler.draw(100)) == list(range(100))  # unknown: all of them are asked
    sampler.observe((index, 0.5 if index < 50 else float(index % 2)) for index in range(100))
    drawn = sampler.draw(2000)
    outside = sum(index >= 50 for index in drawn)
    # A pass asks 50 questions inside and each of 50 outside by the chance of EXPLORE.
    expected = EXPLORE / (1 + EXPLORE)
    assert 0.6 * expected < outside / len(drawn) < 1.4 * expected
    assert len({index for index in drawn if index >= 50}) == 50  # each of them has its turn


def test_an_estimate_follows_what_is_observed() -> None:
    sampler = PromptSampler(examples(a=2), 0, pass_rate_band=(0.2, 0.8))
    sampler.observe([(0, 1.0), (1, 0.5)])
    assert Counter(sampler.draw(100))[0] < 30
    sampler.observe([(0, 0.0)])  # (1 + 0) / 2
    assert abs(Counter(sampler.draw(100))[0] - 50) <= 1


def test_where_nothing_lies_in_the_band_questions_are_asked_all_the_same() -> None:
    sampler = PromptSampler(examples(a=3), 0, pass_rate_band=(0.4, 0.6))
    sampler.observe([(0, 0.0), (1, 1.0), (2, 0.0)])
    assert len(sampler.draw(50)) == 50


def test_the_ends_of_the_band_are_in_it() -> None:
    sampler = PromptSampler(examples(a=4), 0, pass_rate_band=(0.25, 0.75))
    sampler.observe([(0, 0.25), (1, 0.75), (2, 0.24), (3, 0.76)])
    drawn = Counter(sampler.draw(400))
    assert min(drawn[0], drawn[1]) > 3 * max(drawn[2], drawn[3])


# ---- resuming


@given(
    mixtures(),
    st.integers(1, 60),
    st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 1)), max_size=40),
    st.sampled_from([(), (0.2, 0.8)]),
    st.sampled_from([0.0, 0.15]),
)
@settings(max_examples=60, deadline=None)
def test_state_and_restore_through_json_go_on_exactly(mixture, before: int, observed, band, floor: float) -> None:
    questions, category_weights, _ = mixture
    rates = [(index % len(questions), rate) for index, rate in observed]

    def make() -> PromptSampler:
        return PromptSampler(questions, 5, category_weights, floor, band)

    whole = make()
    whole.draw(before)
    whole.observe(rates[::2])
    resumed = make()
    resumed.restore(json.loads(json.dumps(whole.state())))
    assert resumed.draw(64) == whole.draw(64)
    for one in (whole, resumed):
        one.observe(rates[1::2])
    assert resumed.draw(64) == whole.draw(64)
    assert resumed.state() == whole.state()


def test_the_state_is_of_its_moment() -> None:
    sampler = PromptSampler(examples(a=3, b=3), 0, "balanced")
    state = sampler.state()
    first = sampler.draw(5)
    sampler.observe([(0, 1.0)])
    fresh = PromptSampler(examples(a=3, b=3), 0, "balanced")
    fresh.restore(state)
    assert fresh.draw(5) == first


def test_a_state_of_other_categories_is_refused() -> None:
    state = PromptSampler(examples(a=3, b=3), 0, "balanced").state()
    with pytest.raises(ConfigError, match="have the categories a, c, its checkpoint was made with a, b: the pack or"):
        PromptSampler(examples(a=3, c=3), 0, "balanced").restore(state)


def test_a_state_of_other_questions_is_refused() -> None:
    state = PromptSampler(examples(a=3, b=3), 0, "balanced").state()
    with pytest.raises(
        ConfigError, match="has 7 examples, its checkpoint was made with 6: the pack or its data changed"
    ):
        PromptSampler(examples(a=3, b=4), 0, "balanced").restore(state)
