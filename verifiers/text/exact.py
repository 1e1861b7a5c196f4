"""`exact`: the completion is the gold answer, character for character after trimming white space."""

from pathlib import Path

from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import verifier

MAX_SHOWN = 1000  # characters of the completion that the verdict keeps


@verifier("exact", bounded=True, cases=Path(__file__).with_name("cases") / "exact.jsonl")
def VERIFIER(
    example: Example, completion: Completion, *, ignore_case: bool = False, first_line: bool = False
) -> Verdict:
    """The completion equals the gold answer after trimming white space.

    `first_line`: what follows the first line is ignored, for models that don't know where to stop.
    """
    answer, gold = completion.text.strip(), example.gold.strip()
    if not gold:
        return Verdict.error("the gold answer is empty")
    if not answer:
        return Verdict.unparsed("the completion is empty")
    how = "compared as text"
    if first_line:
        answer, how = answer.partition("\n")[0].rstrip(), "the first line compared as text"
    same = answer == gold
    if ignore_case:
        same, how = answer.casefold() == gold.casefold(), f"{how}, without case"
    return Verdict.of(same, answer[:MAX_SHOWN], how)
