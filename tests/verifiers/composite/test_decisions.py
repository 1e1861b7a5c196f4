"""The four decisions as functions: whatever the parts' verdicts, the whole is a verdict within their bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlvr.verifiers import Status, Verdict, verifier
from rlvr.verifiers.composite.decisions import Judged, Part, all_of, any_of, gate_of, weighted_of


@verifier("part")
def part(example, completion):
    return True


def judged(*verdicts: Verdict, weights: tuple[float, ...] = ()) -> Judged:
    weights = weights or (1.0,) * len(verdicts)
    return [(Part(f"p{n}", part, weights[n]), verdict) for n, verdict in enumerate(verdicts)]


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    status = draw(st.sampled_from(Status))
    score = draw(st.floats(0, 1)) if status in (Status.CORRECT, Status.INCORRECT) else 0.0
    return Verdict(status, score, draw(st.none() | st.text(max_size=3)), draw(st.text(max_size=5)))


weights = st.floats(0.001, 1e6)


@given(st.lists(st.tuples(verdicts(), weights), min_size=1, max_size=6), st.floats(0.01, 1))
def test_bounds(pairs: list[tuple[Verdict, float]], threshold: float) -> None:
    parts = judged(*(verdict for verdict, _ in pairs), weights=tuple(weight for _, weight in pairs))
    scores = [verdict.score for verdict, _ in pairs]
    statuses = {verdict.status for verdict, _ in pairs}
    wholes = [all_of(parts), any_of(parts), weighted_of(parts, threshold=threshold), gate_of(parts)]
    for whole in wholes:
        assert whole.status in statuses | {Status.INCORRECT, Status.CORRECT}
        assert whole.status.masked or min(scores) - 1e-9 <= whole.score <= max(scores) + 1e-9
        assert not whole.status.masked or any(status.masked for status in statuses)
    if statuses == {Status.CORRECT}:
        assert [all_of(parts).status, any_of(parts).status, gate_of(parts).status] == [Status.CORRECT] * 3
    if Status.CORRECT not in statuses:
        assert all(whole.status is not Status.CORRECT for whole in (all_of(parts), any_of(parts), gate_of(parts)))


def test_a_reason_names_its_part() -> None:
    parts = judged(Verdict.of(True, "4", "equal"), Verdict.of(False, "5", "differs"))
    assert all_of(parts).reason == "p1: differs"
    assert any_of(parts).reason == "p0: equal"
    assert gate_of(parts).reason == "p1: differs"
    assert weighted_of(parts).reason == "weighted 0.5 (p0 1, p1 0), threshold 1"


def test_the_last_part_that_extracted_something_gives_the_answer() -> None:
    parts = judged(Verdict.of(True, "4"), Verdict.of(True, "5"), Verdict.of(True))
    assert weighted_of(parts).extracted == "5"
    assert all_of(parts).extracted is None


@pytest.mark.parametrize(("weights", "score"), [((1.0, 1.0), 0.5), ((3.0, 1.0), 0.75), ((1e6, 0.001), 1.0)])
def test_weights(weights: tuple[float, float], score: float) -> None:
    parts = judged(Verdict.of(True), Verdict.of(False), weights=weights)
    assert weighted_of(parts).score == pytest.approx(score, abs=1e-6)
