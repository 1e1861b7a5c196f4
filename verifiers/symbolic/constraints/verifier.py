"""`constraints`: an answer fulfills numeric and finite-domain constraints.

`example.metadata` holds the problem, and its `kind` says which one it is: `sudoku`, `futoshiki`, `queens`, `magic_square` (grids.py),
`schedule` (schedule.py), `values` for named variables (finite.py). Any answer that fulfills the constraints is right, not
only the stored one. z3 is asked only whether a better solution exists, and whether something holds for all values.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rlvr.verifiers.symbolic.constraints import finite, grids, schedule, smt
from rlvr.verifiers.symbolic.fields import choice, decide, present
from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import verifier

MAX_ANSWER = 20_000  # characters

_KINDS: Mapping[str, Callable[[Mapping[str, Any], str], str]] = {
    "sudoku": grids.sudoku,
    "futoshiki": grids.futoshiki,
    "queens": grids.queens,
    "magic_square": grids.magic_square,
    "schedule": schedule.schedule,
    "values": finite.finite,
}


def preload() -> None:
    """Import z3 before workers are forked."""
    smt.library()


@verifier("constraints", deadline_s=5.0, cases=Path(__file__).with_name("cases.jsonl"), preload=preload)
def constraints(example: Example, completion: Completion) -> Verdict:
    """A grid, a schedule, or values for variables fulfill every constraint of the problem."""
    metadata = present(example.metadata)
    problem_with = _KINDS[choice(metadata, "kind", tuple(_KINDS))]
    return decide(completion, MAX_ANSWER, lambda answer: problem_with(metadata, answer), "every constraint holds")
