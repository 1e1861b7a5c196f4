"""The contract that every verifier keeps, as checks for pytest, for rlvr's own verifiers and for plugins.

import pytest
from rlvr.verifiers import testing

SUBJECT = testing.Subject(even, right=[(Example("1", "", ""), "12")], wrong=[(Example("1", "", ""), "13")])

@pytest.mark.parametrize("check", testing.CHECKS, ids=str)
def test_even_keeps_the_contract(check):
    testing.run(check, SUBJECT)
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rlvr.errors import VerifierError
from rlvr.verifiers.composite.composite import Composite
from rlvr.verifiers.engine.engine import Engine, shared_engine, verify
from rlvr.verifiers.hostile_inputs import hostile_inputs, name_of
from rlvr.verifiers.types import Completion, Example, Status, Verdict
from rlvr.verifiers.verifier import Verifier

SLACK_S = 0.5  # seconds over the deadline: killing a worker takes a moment
EXAMPLES = 3  # of `right` that hostile inputs are tried on

Pair = tuple[Example, str]  # an example and the text of a completion


@dataclass(frozen=True)
class Subject:
    """A verifier with pairs that it accepts, `right`, and pairs that it refuses, `wrong`.

    `symmetric`: the verifier claims that gold answer and completion may be swapped. `wrap` puts hostile inputs into
    the form that the verifier reads, such as `#### {}`; they are tried without it too.
    """

    verifier: Verifier
    right: Sequence[Pair]
    wrong: Sequence[Pair] = ()
    symmetric: bool = False
    wrap: str = ""


@dataclass(frozen=True)
class ContractCheck:
    """One property. `verify(subject, engine)` raises AssertionError if the subject doesn't have it."""

    name: str
    verify: Callable[[Subject, Engine], None]

    def __str__(self) -> str:
        return self.name


def run(check: ContractCheck, subject: Subject, engine: Engine | None = None) -> None:
    """Run one check, in `engine` or the process's shared one. Raises AssertionError that says what is wrong."""
    assert subject.right, f"verifier {subject.verifier.name!r}: give at least one pair that it accepts"
    check.verify(subject, engine or shared_engine())


def _right_and_wrong(subject: Subject, engine: Engine) -> None:
    """Right completions are accepted with score 1, wrong ones are refused, and nothing is an `error`."""
    verdicts = _verdicts(subject.verifier, [*subject.right, *subject.wrong], engine)
    for index, ((example, text), verdict) in enumerate(verdicts):
        shown = f"{subject.verifier.name}: gold {example.gold!r:.60}, completion {text!r:.80}: {_shown(verdict)}"
        if index < len(subject.right):
            assert verdict.status is Status.CORRECT, f"expected correct: {shown}"
            assert verdict.score == 1, f"expected score 1: {shown}"
        else:
            assert verdict.status in (Status.INCORRECT, Status.UNPARSED), f"expected incorrect or unparsed: {shown}"


def _deterministic(subject: Subject, engine: Engine) -> None:
    """The same pair has the same verdict: again, in another order, and in another process."""
    pairs = [*subject.right, *subject.wrong]
    first = [_decision(verdict) for _, verdict in _verdicts(subject.verifier, pairs, engine)]
    again = [_decision(verdict) for _, verdict in _verdicts(subject.verifier, pairs[::-1], engine)][::-1]
    with Engine(workers=1) as other:
        elsewhere = [_decision(verdict) for _, verdict in _verdicts(subject.verifier, pairs, other)]
    for (example, text), a, b, c in zip(pairs, first, again, elsewhere, strict=True):
        assert a == b == c, f"gold {example.gold!r:.60}, completion {text!r:.80}: {a}, then {b}, {c}"


def _total(subject: Subject, engine: Engine) -> None:
    """Hostile inputs are refused, in time, and are no `error`."""
    problems = []
    for example, _ in subject.right[:EXAMPLES]:
        pairs = [(example, text) for text in hostile_inputs(subject.wrap)]
        for (_, text), verdict in _verdicts(subject.verifier, pairs, engine):
            problem = misjudged(subject.verifier, verdict)
            if problem:
                problems.append(f"{name_of(text)}: {problem}")
    assert not problems, f"{subject.verifier.name}: " + "; ".join(problems[:10])


def _bounded(subject: Subject, engine: Engine) -> None:
    """What runs in the caller's thread, without a deadline, finishes with hostile inputs within the deadline."""
    verifier = subject.verifier
    if isinstance(verifier, Composite) or not (verifier.bounded or verifier.shortcut is not None):
        return
    watched = replace(verifier, verify=_in_caller(verifier), bounded=False, shortcut=None)
    for example, text in [(subject.right[0][0], text) for text in hostile_inputs(subject.wrap)]:
        verdict = engine.verify(watched, example, Completion(text))
        assert verdict.status is not Status.TIMEOUT, (
            f"{verifier.name} is declared bounded: {name_of(text)}: {verdict.reason}"
        )


def _symmetric(subject: Subject, engine: Engine) -> None:
    """If the subject claims it: with gold answer and completion swapped, the verdict is the same."""
    if not subject.symmetric:
        return
    pairs = [*subject.right, *subject.wrong]
    swapped = [(replace(example, gold=text), example.gold) for example, text in pairs]
    for (example, text), verdict in _verdicts(subject.verifier, swapped, engine)[: len(subject.right)]:
        assert verdict.status is Status.CORRECT, (
            f"swapped: gold {example.gold!r}, completion {text!r}: {_shown(verdict)}"
        )
    for (example, text), verdict in _verdicts(subject.verifier, swapped, engine)[len(subject.right) :]:
        assert verdict.status is not Status.CORRECT, f"swapped: gold {example.gold!r}, completion {text!r}: accepted"


def _plain(subject: Subject, engine: Engine) -> None:
    """A verdict gives a reason, and its parts are JSON values, since they are logged with the run."""
    for (_, text), verdict in _verdicts(subject.verifier, [*subject.right, *subject.wrong], engine):
        json.dumps(dict(verdict.parts), allow_nan=False)
        if verdict.status is not Status.CORRECT:
            assert verdict.reason, (
                f"{subject.verifier.name}: completion {text!r:.80}: {verdict.status} without a reason"
            )


CHECKS = (
    ContractCheck("right and wrong", _right_and_wrong),
    ContractCheck("deterministic", _deterministic),
    ContractCheck("total on hostile inputs", _total),
    ContractCheck("bounded", _bounded),
    ContractCheck("symmetric where claimed", _symmetric),
    ContractCheck("plain verdicts", _plain),
)


def misjudged(verifier: Verifier, verdict: Verdict) -> str:
    """What is wrong with a verdict on a hostile input, or an empty string."""
    if verdict.status in (Status.CORRECT, Status.ERROR):
        return _shown(verdict)
    if verdict.seconds > verifier.deadline_s + SLACK_S:
        return f"{verdict.seconds:.1f} s, over the deadline of {verifier.deadline_s:g} s"
    return ""


def _in_caller(verifier: Verifier) -> Callable[..., Any]:
    """What the engine calls in its caller's thread. None, which leaves the case to a worker, becomes a verdict."""
    function: Any = verifier.verify if verifier.bounded else verifier.shortcut

    def call(example: Example, completion: Completion, **options: Any) -> Any:
        return function(example, completion, **options) or Verdict.unparsed("left to a worker")

    return call


def _verdicts(verifier: Verifier, pairs: Sequence[Pair], engine: Engine) -> list[tuple[Pair, Verdict]]:
    verdicts = engine.verify_batch(verifier, [(example, Completion(text)) for example, text in pairs])
    return list(zip(pairs, verdicts, strict=True))


def _decision(verdict: Verdict) -> tuple[Status, float, str | None, str]:
    return verdict.status, verdict.score, verdict.extracted, verdict.reason


def _shown(verdict: Verdict) -> str:
    return f"{verdict.status}: {verdict.reason}"


# ---- functions of two strings, for tools that audit those


def math_reward(completion: str, reference: str) -> float:
    """The score of `completion` by the verifier `math` with the gold answer `reference`; for `reward-doctor audit`.

    Raises VerifierError if the verifier failed, which says nothing about the completion.
    """
    return _score(verify("math", completion, gold=reference))


def math_verify_reward(completion: str, reference: str) -> float:
    """The same by Math-Verify, to compare with. Raises VerifierError as `math_reward`."""
    return _score(verify("math-verify", completion, gold=reference))


def _score(verdict: Verdict) -> float:
    if verdict.status.masked:
        raise VerifierError(verdict.reason)
    return verdict.score
