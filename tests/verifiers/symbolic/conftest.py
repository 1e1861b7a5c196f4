"""`try_problems`: problems from seeds, with an answer that must be accepted and near misses that must be refused."""

import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from rlvr.verifiers.types import Completion, Example, Status
from rlvr.verifiers.verifier import Verifier

SEEDS = int(os.environ.get("RLVR_SEEDS", "60"))  # of each kind of problem
Problem = tuple[dict[str, Any], str, list[str]]  # metadata, an answer, near misses
MakeProblem = Callable[[random.Random], Problem]
TryProblems = Callable[[Verifier, MakeProblem], None]


@pytest.fixture(scope="session")
def try_problems() -> TryProblems:
    def try_all(verifier: Verifier, make: MakeProblem) -> None:
        for seed in range(SEEDS):
            metadata, gold, wrong = make(random.Random(f"{make.__name__} {seed}"))
            example = Example(str(seed), "", gold, metadata=metadata)
            verdict = verifier(example, Completion(f"<answer>{gold}</answer>"))
            assert verdict.status is Status.CORRECT, (metadata, gold, verdict)
            for text in wrong:
                verdict = verifier(example, Completion(f"<answer>{text}</answer>"))
                assert verdict.status in (Status.INCORRECT, Status.UNPARSED), (metadata, text, verdict)

    return try_all
