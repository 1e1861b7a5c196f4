"""Advantages against a slow, independent computation with numpy."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

np = pytest.importorskip("numpy")

from rlvr.runner.training.advantages import EPSILON, MEMORY, Advantages, Scored


def scored(category: str, *values: float | None) -> list[Scored]:
    return [Scored(category, value, {} if value is None else {"verdict": value}) for value in values]


def of_parts(*rows: dict[str, float] | None, weights: dict[str, float] | None = None) -> list[Scored]:
    return [Scored("", None, {}) if row is None else Scored("", sum(row.values()), row, weights or {}) for row in rows]


class Slow:
    """The formula of the module's docstring, word for word, with numpy."""

    def __init__(self, weight: float, scale: bool) -> None:
        self.weight, self.scale = weight, scale
        self.history: dict[str, list[np.ndarray]] = {}

    def compute(self, batch: Sequence[Scored], size: int) -> list[float]:
        for name in {one.category for one in batch}:
            values = [one.value for one in batch if one.category == name and one.value is not None]
            if values:
                self.history.setdefault(name, []).append(np.array(values))
        found: list[float] = []
        for start in range(0, len(batch), size):
            group = batch[start : start + size]
            rewards = np.array([np.nan if one.value is None else one.value for one in group])
            if np.isnan(rewards).all():
                found += [0.0] * size
                continue
            known = rewards[~np.isnan(rewards)]
            m, s = known.mean(), known.std(ddof=1) if len(known) > 1 else 0.0
            M, square = self._running(group[0].category)
            S2, w = max(0.0, square - M**2), self.weight
            d2 = (1 - w) * s**2 + w * S2 + w * (1 - w) * (m - M) ** 2
            d = np.sqrt(max(d2, S2) if self.scale else d2)
            found += list(np.nan_to_num((rewards - ((1 - w) * m + w * M)) / (d + EPSILON), nan=0.0))
        return found

    def _running(self, name: str) -> tuple[float, float]:
        steps = self.history[name]
        weights = np.array([MEMORY ** (len(steps) - 1 - i) * (1 if i == 0 else 1 - MEMORY) for i in range(len(steps))])
        assert weights.sum() == pytest.approx(1)
        mean = sum(w * step.mean() for w, step in zip(weights, steps, strict=True))
        return float(mean), float(sum(w * (step**2).mean() for w, step in zip(weights, steps, strict=True)))


REWARD = st.one_of(st.none(), st.sampled_from([0.0, 1.0]), st.floats(-2, 2, width=16))


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[list[Scored]], int]:
    """(steps, the size of a group)"""
    size = draw(st.integers(2, 5))
    group = st.tuples(st.sampled_from("ab"), st.lists(REWARD, min_size=size, max_size=size))
    steps = draw(st.lists(st.lists(group, min_size=1, max_size=4), min_size=1, max_size=5))
    return [[one for category, values in step for one in scored(category, *values)] for step in steps], size


@given(runs(), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans())
@settings(max_examples=200, deadline=None)
def test_category_baseline_and_scale(run, weight: float, scale: bool) -> None:
    steps, size = run
    ours, slow = Advantages(weight, scale), Slow(weight, scale)
    for step in steps:
        # abs: where all rewards are equal, both are rounding over EPSILON
        assert ours.compute(step, size) == pytest.approx(slow.compute(step, size), rel=1e-6, abs=1e-3)


@given(runs(), st.sampled_from([0.0, 0.3, 1.0]), st.booleans())
@settings(max_examples=100, deadline=None)
def test_they_never_run_away(run, weight: float, scale: bool) -> None:
    steps, size = run
    for step in steps:
        for advantage in (ours := Advantages(weight, scale)).compute(step, size):
            assert abs(advantage) < 20, ours


def test_with_nothing_on_they_are_trls() -> None:
    plain = Advantages()
    assert not plain.enabled
    group = scored("a", 1.0, 0.0, 0.0, None)
    mean, deviation = 1 / 3, np.std([1, 0, 0], ddof=1)
    expected = [(1 - mean) / (deviation + 1e-4), *[-mean / (deviation + 1e-4)] * 2, 0.0]
    assert plain.compute(group, 4) == pytest.approx(expected)


@pytest.mark.parametrize("options", [{"category_baseline": 0.1}, {"category_scale": True}, {"normalize_parts": True}])
def test_what_makes_them_ours(options: dict) -> None:
    assert Advantages(**options).enabled


def test_masked_completions_are_zero_and_out_of_every_figure() -> None:
    for options in ({"category_baseline": 0.5, "category_scale": True}, {"normalize_parts": True}):
        with_masked, without = Advantages(**options), Advantages(**options)
        found = with_masked.compute(scored("a", 1.0, None, 0.0, None, 0.0, None), 6)
        assert found[1] == found[3] == found[5] == 0.0
        assert found[::2] == without.compute(scored("a", 1.0, 0.0, 0.0), 3)
        assert with_masked.state() == without.state()


def test_a_step_of_masked_ones_alone() -> None:
    advantages = Advantages(0.5)
    assert advantages.compute(scored("a", None, None), 2) == [0.0, 0.0]
    assert advantages.state() == {"running": {}}
    assert Advantages(normalize_parts=True).compute(scored("a", None, None), 2) == [0.0, 0.0]


def test_a_group_without_variance_teaches_with_a_category_baseline() -> None:
    batch = [*scored("a", 1.0, 1.0), *scored("a", 0.0, 0.0), *scored("b", 1.0, 1.0), *scored("b", 1.0, 1.0)]
    assert Advantages().compute(batch, 2) == [0.0] * 8
    found = Advantages(category_baseline=0.5).compute(batch, 2)
    # M = 0.5, S = 0.5: d² = 0.5 S² + 0.25 (m - M)² = 0.1875
    assert found[:4] == pytest.approx([0.25 / (0.1875**0.5 + EPSILON)] * 2 + [-0.25 / (0.1875**0.5 + EPSILON)] * 2)
    assert found[4:] == [0.0] * 4  # in a category that is always right, nothing stands out


def test_categories_do_not_see_each_other() -> None:
    both, alone = Advantages(0.5), Advantages(0.5)
    easy, hard = scored("easy", 1.0, 1.0, 1.0, 0.0), scored("hard", 0.0, 0.0, 0.0, 1.0)
    assert both.compute([*easy, *hard], 4)[:4] == alone.compute(easy, 4)


def test_a_rare_success_of_a_category_that_always_failed_is_no_explosion() -> None:
    for weight in (0.0, 0.5, 1.0):
        advantages = Advantages(category_baseline=weight, category_scale=True)
        for _ in range(50):
            advantages.compute(scored("a", *[0.0] * 8), 8)
        assert max(advantages.compute(scored("a", 1.0, *[0.0] * 7), 8)) < 10


# ---- parts


def slow_parts(batch: Sequence[Scored], size: int, weights: dict[str, float]) -> list[float]:
    sums = np.full(len(batch), np.nan)
    for start in range(0, len(batch), size):
        known = [i for i in range(start, start + size) if batch[i].value is not None]
        if not known:
            continue
        sums[known] = 0.0
        for name in {name for i in known for name in batch[i].parts}:
            values = np.array([batch[i].parts.get(name, 0.0) for i in known])
            if len(known) > 1 and values.std(ddof=1) > 1e-9 * abs(values.mean()):
                sums[known] += abs(weights.get(name, 1.0)) * (values - values.mean()) / values.std(ddof=1)
    known = sums[~np.isnan(sums)]
    if len(known) < 2 or known.std(ddof=1) == 0:
        return [0.0] * len(batch)
    return list(np.nan_to_num((sums - known.mean()) / known.std(ddof=1), nan=0.0))


PARTS = st.one_of(
    st.none(),
    st.fixed_dictionaries({"verdict": st.sampled_from([0.0, 1.0])}, optional={"format": st.sampled_from([-0.2, 0.0])}),
)


@given(st.lists(st.lists(PARTS, min_size=4, max_size=4), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_normalized_parts(rows) -> None:
    weights = {"verdict": 1.0, "format": -0.2}
    batch = of_parts(*(row for group in rows for row in group), weights=weights)
    ours = Advantages(normalize_parts=True).compute(batch, 4)
    assert ours == pytest.approx(slow_parts(batch, 4, weights), abs=1e-6)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e4])
def test_a_part_weighs_what_its_weight_says_whatever_its_scale(scale: float) -> None:
    rows = [{"verdict": v, "style": scale * s} for v, s in [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.0, 0.0)]]
    equal = Advantages(normalize_parts=True).compute(of_parts(*rows), 4)
    assert equal[0] == pytest.approx(equal[1])  # one part each
    assert equal[2] > equal[0] > equal[3]
    verdict_first = of_parts(*rows, weights={"verdict": 1.0, "style": 0.5})
    heavy = Advantages(normalize_parts=True).compute(verdict_first, 4)
    assert heavy[2] > heavy[0] > 0 > heavy[1] > heavy[3]
    assert heavy[0] - heavy[3] == pytest.approx(2 * (heavy[1] - heavy[3]))


def test_a_penalty_stays_one() -> None:
    rows = [{"verdict": 1.0, "length": -0.5}, {"verdict": 1.0, "length": 0.0}]
    found = Advantages(normalize_parts=True).compute(of_parts(*rows, weights={"length": -0.5}), 2)
    assert found[0] < 0 < found[1]


def test_rounding_is_no_variance() -> None:
    rows = [{"verdict": 0.1 + 0.2}, {"verdict": 0.3}, {"verdict": 0.3}]
    assert Advantages(normalize_parts=True).compute(of_parts(*rows), 3) == [0.0] * 3


# ---- resuming


@given(runs(), st.sampled_from([0.0, 0.5]), st.booleans())
@settings(max_examples=50, deadline=None)
def test_state_and_restore_through_json_go_on_exactly(run, weight: float, scale: bool) -> None:
    steps, size = run
    whole = Advantages(weight, scale)
    for step in steps:
        resumed = Advantages(weight, scale)
        resumed.restore(json.loads(json.dumps(whole.state())))
        assert resumed.compute(step, size) == whole.compute(step, size)
        assert resumed.state() == whole.state()
