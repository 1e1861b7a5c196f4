"""The records: what they refuse, that they can't be changed, and that they travel between processes."""

import copy
import dataclasses
import math
import pickle

import cloudpickle
import pytest

import rlvr
from rlvr.verifiers import Completion, Example, Reward, Rollout, Status, Verdict

EXAMPLE = Example("1", "What is 6 * 7?", "42", "easy", {"tests": ["a", "b"]})
COMPLETION = Completion("#### 42", (1, 2), (-0.5, -0.25), "length")
VERDICT = Verdict(Status.CORRECT, 1.0, "42", "equal", {"format": 1.0}, 0.01)
REWARD = Reward(1.1, {"verdict": 1.0, "format": 0.1})
ROLLOUT = Rollout(EXAMPLE, "a prompt", COMPLETION, VERDICT, REWARD, 0.5, 3, 7)
RECORDS = [EXAMPLE, COMPLETION, VERDICT, REWARD, ROLLOUT]
named = pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)


@named
def test_records_are_frozen_and_slotted(record: object) -> None:
    name = dataclasses.fields(record)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, name, "changed")
    assert not hasattr(record, "__dict__")


@named
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_records_pickle(record: object, protocol: int) -> None:
    assert pickle.loads(pickle.dumps(record, protocol)) == record


@named
def test_records_copy(record: object) -> None:
    assert copy.deepcopy(record) == record
    assert cloudpickle.loads(cloudpickle.dumps(record)) == record


@named
def test_records_are_replaced_not_changed(record: object) -> None:
    assert dataclasses.replace(record) == record


def test_defaults_are_not_shared() -> None:
    assert Example("1", "", "").metadata is not Example("1", "", "").metadata
    assert Verdict(Status.CORRECT).parts is not Verdict(Status.CORRECT).parts


@pytest.mark.parametrize("score", [-0.001, 1.001, 2, -1, math.nan, math.inf, -math.inf, "1", None, 1j, [1]])
def test_a_score_is_a_number_from_0_to_1(score: object) -> None:
    with pytest.raises(ValueError, match=r"score must be a number in \[0, 1\], not "):
        Verdict(Status.CORRECT, score)
    with pytest.raises((ValueError, TypeError)):
        Verdict.scored(score) if not isinstance(score, str) else Verdict(Status.CORRECT, score)


@pytest.mark.parametrize("score", [0, 1, 0.0, 1.0, 0.5, True, False, 5e-324])
def test_scores_that_are_taken(score: float) -> None:
    assert Verdict(Status.INCORRECT, score).score == score


@pytest.mark.parametrize(
    ("verdict", "status", "score", "answer"),
    [
        (Verdict.of(True, "42", "equal"), "correct", 1.0, "42"),
        (Verdict.of(False, "41"), "incorrect", 0.0, "41"),
        (Verdict.scored(1), "correct", 1.0, None),
        (Verdict.scored(0.999, "x"), "incorrect", 0.999, "x"),
        (Verdict.scored(0), "incorrect", 0.0, None),
        (Verdict.unparsed("nothing"), "unparsed", 0.0, None),
        (Verdict.error("a bug"), "error", 0.0, None),
    ],
)
def test_ways_to_make_a_verdict(verdict: Verdict, status: str, score: float, answer: str | None) -> None:
    assert (verdict.status, verdict.score, verdict.extracted) == (status, score, answer)
    assert isinstance(verdict.score, float)
    assert isinstance(verdict.status, Status)


def test_parts_of_a_verdict_are_named() -> None:
    assert Verdict.of(True, format=1.0, steps=3).parts == {"format": 1.0, "steps": 3}
    assert Verdict.unparsed("nothing", format=0.0).parts == {"format": 0.0}
    assert Verdict.error("a bug", trace="…").parts == {"trace": "…"}


@pytest.mark.parametrize("status", Status)
def test_only_our_failures_are_masked(status: Status) -> None:
    assert status.masked == (status in ("error", "skipped"))


def test_statuses_are_text() -> None:
    assert [str(status) for status in Status] == ["correct", "incorrect", "unparsed", "timeout", "error", "skipped"]
    assert Status("correct") is Status.CORRECT
    assert f"{Status.TIMEOUT}" == "timeout"
    assert pickle.loads(pickle.dumps(Status.ERROR)) is Status.ERROR


@pytest.mark.parametrize(("reason", "truncated"), [("stop", False), ("length", True), ("abort", False)])
def test_a_completion_knows_that_it_was_cut_off(reason: str, truncated: bool) -> None:
    assert Completion("x", finish_reason=reason).truncated is truncated


# ---- the public API


def test_every_public_name_is_there() -> None:
    for name in rlvr.__all__:
        assert getattr(rlvr, name) is not None, name
        assert name in dir(rlvr)


def test_public_names_are_the_same_objects() -> None:
    assert rlvr.Verdict is Verdict
    assert rlvr.Status is Status


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'rlvr' has no attribute 'Verdikt'"):
        rlvr.Verdikt  # noqa: B018


# ---- the error tree


def errors() -> list[type[rlvr.RlvrError]]:
    kinds, queue = [], [rlvr.RlvrError]
    while queue:
        kind = queue.pop()
        kinds.append(kind)
        queue += kind.__subclasses__()
    return kinds


@pytest.mark.parametrize("name", ["ConfigError", "PluginError", "PrerequisiteError", "SandboxError", "VerifierError"])
def test_errors_have_one_root(name: str) -> None:
    assert issubclass(getattr(rlvr, name), rlvr.RlvrError)


def test_every_error_pickles_with_its_message() -> None:
    assert len(errors()) >= 6
    for kind in errors():
        error = pickle.loads(pickle.dumps(kind("what is wrong; what to do")))
        assert type(error) is kind
        assert str(error) == "what is wrong; what to do"


@pytest.mark.parametrize(
    ("name", "code"),
    [("RlvrError", 70), ("ConfigError", 2), ("PluginError", 2), ("PrerequisiteError", 3), ("VerifierError", 70)],
)
def test_errors_have_exit_codes(name: str, code: int) -> None:
    assert getattr(rlvr, name)("x").exit_code == code
