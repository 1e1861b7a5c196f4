"""`exact`: the completion equals the gold answer, character for character after trimming white space."""

from pathlib import Path

from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import verifier

MAX_SHOWN = 1000  # characters of the completion that the verdict keeps


@verifier("exact", bounded=True, cases=Path(__file__).with_name("cases") / "exact.jsonl")
def exact(example: Example, completion: Completion, *, ignore_case: bool = False, first_line: bool = False) -> Verdict:
    """The completion equals the gold answer after trimming white space.

    `ignore_case`: compare without case. `first_line`: ignore what follows the first line, for models that don't know
    where to stop.
    """
    extracted, gold = completion.text.strip(), example.gold.strip()
    if not gold:
        return Verdict.error("the gold answer is empty")
    if not extracted:
        return Verdict.unparsed("the completion is empty")
    how = "compared as text"
    if first_line:
        extracted, how = extracted.partition("\n")[0].rstrip(), "the first line compared as text"
    equal = extracted == gold
    if ignore_case:
        equal, how = extracted.casefold() == gold.casefold(), f"{how}, without case"
    return Verdict.of(equal, extracted[:MAX_SHOWN], how)
