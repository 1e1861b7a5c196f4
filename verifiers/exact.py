"""`exact`: the completion is the gold answer, character for character after trimming white space."""

from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import verifier


@verifier("exact", bounded=True)
def VERIFIER(example: Example, completion: Completion, *, ignore_case: bool = False) -> Verdict:
    """The completion equals the gold answer after trimming white space."""
    answer, gold = completion.text.strip(), example.answer.strip()
    if not gold:
        return Verdict.error("the gold answer is empty")
    if ignore_case:
        return Verdict.of(answer.casefold() == gold.casefold(), answer, "compared without case")
    return Verdict.of(answer == gold, answer, "compared as text")
