"""Plain functions over our verifiers, for tools and tests that want a function of two strings."""

from rlvr.verifiers.errors import VerifierError
from rlvr.verifiers.types import Completion, Example, Verdict


def verdict(verifier: str, completion: str, answer: str, **options: object) -> Verdict:
    """The verdict of the verifier called `verifier`, in the process's shared engine."""
    from rlvr.verifiers.engine import shared_engine
    from rlvr.verifiers.registry import registry

    found = registry().verifier(verifier, **options)
    return shared_engine().verify(found, Example("", "", answer), Completion(completion))


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
