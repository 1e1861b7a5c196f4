"""The contract that every verifier keeps, as checks for pytest: a plugin's author runs them as we do for ours.

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
from rlvr.verifiers.engine.engine import Engine, shared_engine
from rlvr.verifiers.hostile_inputs import GARBAGE
from rlvr.verifiers.types import Completion, Example, Status, Verdict
from rlvr.verifiers.verifier import Verifier

SLACK_S = 0.5  # over the deadline: starting to kill a worker takes a moment
EXAMPLES = 3  # of `right` that garbage is tried on

Pair = tuple[Example, str]


@dataclass(frozen=True)
class Subject:
    """A verifier with pairs of an example and the text of a completion that it accepts, and that it refuses.

    `symmetric`: it claims that gold answer and completion may change places. `wrap` puts garbage into the form that
    the verifier reads, such as `#### {}`; garbage is tried without it too.
    """

    verifier: Verifier
    right: Sequence[Pair]
    wrong: Sequence[Pair] = ()
    symmetric: bool = False
    wrap: str = ""


@dataclass(frozen=True)
class Check:
    """One property. `hold(subject, engine)` raises AssertionError where it doesn't hold."""

    name: str
    hold: Callable[[Subject, Engine], None]

    def __str__(self) -> str:
        return self.name


def run(check: Check, subject: Subject, engine: Engine | None = None) -> None:
    """Run one check, in the process's shared engine or in the one given. Raises AssertionError with what is wrong."""
    assert subject.right, f"verifier {subject.verifier.name!r}: give at least one pair that it accepts"
    check.hold(subject, engine or shared_engine())


def _right_and_wrong(subject: Subject, engine: Engine) -> None:
    """What is right is accepted with score 1, what is wrong is refused, and nothing is an `error`."""
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
    first = [_said(verdict) for _, verdict in _verdicts(subject.verifier, pairs, engine)]
    again = [_said(verdict) for _, verdict in _verdicts(subject.verifier, pairs[::-1], engine)][::-1]
    with Engine(workers=1) as other:
        elsewhere = [_said(verdict) for _, verdict in _verdicts(subject.verifier, pairs, other)]
    for (example, text), one, two, three in zip(pairs, first, again, elsewhere, strict=True):
        assert one == two == three, f"gold {example.gold!r:.60}, completion {text!r:.80}: {one}, then {two}, {three}"


def _total(subject: Subject, engine: Engine) -> None:
    """Garbage is refused, in time, and is no `error`."""
    problems = []
    for example, _ in subject.right[:EXAMPLES]:
        pairs = [(example, text) for text in garbage(subject.wrap)]
        for (_, text), verdict in _verdicts(subject.verifier, pairs, engine):
            problem = misjudged(subject.verifier, verdict)
            if problem:
                problems.append(f"{name_of(text)}: {problem}")
    assert not problems, f"{subject.verifier.name}: " + "; ".join(problems[:10])


def _bounded(subject: Subject, engine: Engine) -> None:
    """What runs in the caller's thread, without a deadline, is done with garbage within the deadline."""
    verifier = subject.verifier
    if isinstance(verifier, Composite) or not (verifier.bounded or verifier.shortcut is not None):
        return
    watched = replace(verifier, verify=_in_caller(verifier), bounded=False, shortcut=None)
    for example, text in [(subject.right[0][0], text) for text in garbage(subject.wrap)]:
        verdict = engine.verify(watched, example, Completion(text))
        assert verdict.status is not Status.TIMEOUT, (
            f"{verifier.name} is declared bounded: {name_of(text)}: {verdict.reason}"
        )


def _symmetric(subject: Subject, engine: Engine) -> None:
    """Where it is claimed: with gold answer and completion exchanged, the verdict is the same."""
    if not subject.symmetric:
        return
    pairs = [*subject.right, *subject.wrong]
    swapped = [(replace(example, gold=text), example.gold) for example, text in pairs]
    for (example, text), verdict in _verdicts(subject.verifier, swapped, engine)[: len(subject.right)]:
        assert verdict.status is Status.CORRECT, (
            f"exchanged: gold {example.gold!r}, completion {text!r}: {_shown(verdict)}"
        )
    for (example, text), verdict in _verdicts(subject.verifier, swapped, engine)[len(subject.right) :]:
        assert verdict.status is not Status.CORRECT, f"exchanged: gold {example.gold!r}, completion {text!r}: accepted"


def _plain(subject: Subject, engine: Engine) -> None:
    """A verdict gives a reason, and its parts are JSON values: they are logged with the run."""
    for (_, text), verdict in _verdicts(subject.verifier, [*subject.right, *subject.wrong], engine):
        json.dumps(dict(verdict.parts), allow_nan=False)
        if verdict.status is not Status.CORRECT:
            assert verdict.reason, (
                f"{subject.verifier.name}: completion {text!r:.80}: {verdict.status} without a reason"
            )


CHECKS = (
    Check("right and wrong", _right_and_wrong),
    Check("deterministic", _deterministic),
    Check("total on garbage", _total),
    Check("bounded", _bounded),
    Check("symmetric where claimed", _symmetric),
    Check("plain verdicts", _plain),
)


def garbage(wrap: str = "") -> list[str]:
    """Every text of GARBAGE, as it is and, where `wrap` has a place `{}` for it, wrapped."""
    wrapped = [wrap.replace("{}", text) for text in GARBAGE.values()] if "{}" in wrap else []
    return [*GARBAGE.values(), *wrapped]


def name_of(text: str) -> str:
    """What GARBAGE calls a text, for messages."""
    return next((name for name, given in reversed(GARBAGE.items()) if given and given in text), "empty")


def misjudged(verifier: Verifier, verdict: Verdict) -> str:
    """What is wrong with a verdict on garbage, or nothing."""
    if verdict.status in (Status.CORRECT, Status.ERROR):
        return _shown(verdict)
    if verdict.seconds > verifier.deadline_s + SLACK_S:
        return f"{verdict.seconds:.1f} s, over the deadline of {verifier.deadline_s:g} s"
    return ""


def _in_caller(verifier: Verifier) -> Callable[..., Any]:
    """What the engine would call in its caller's thread; None, which leaves it to a worker, becomes a verdict."""
    function: Any = verifier.verify if verifier.bounded else verifier.shortcut

    def call(example: Example, completion: Completion, **options: Any) -> Any:
        return function(example, completion, **options) or Verdict.unparsed("left to a worker")

    return call


def _verdicts(verifier: Verifier, pairs: Sequence[Pair], engine: Engine) -> list[tuple[Pair, Verdict]]:
    found = engine.verify_batch(verifier, [(example, Completion(text)) for example, text in pairs])
    return list(zip(pairs, found, strict=True))


def _said(verdict: Verdict) -> tuple[Any, ...]:
    return verdict.status, verdict.score, verdict.extracted, verdict.reason


def _shown(verdict: Verdict) -> str:
    return f"{verdict.status}: {verdict.reason}"


# ---- functions of two strings, for tools that audit those


def verdict(verifier: str, completion: str, gold: str, **options: object) -> Verdict:
    """The verdict of the verifier called `verifier`, in the process's shared engine."""
    from rlvr.verifiers.plugins.registry import registry

    found = registry().verifier(verifier, **options)
    return shared_engine().verify(found, Example("", "", gold), Completion(completion))


def math_reward(completion: str, reference: str) -> float:
    """1.0 where `completion` answers `reference` by the verifier `math`, else 0.0; for `reward-doctor audit`.

    Raises VerifierError where the verifier failed: that says nothing about the completion.
    """
    return _score(verdict("math", completion, reference))


def math_verify_reward(completion: str, reference: str) -> float:
    """The same by Math-Verify, to compare with."""
    return _score(verdict("math-verify", completion, reference))


def _score(found: Verdict) -> float:
    if found.status.masked:
        raise VerifierError(found.reason)
    return found.score
