"""`math-verify`: Hugging Face's Math-Verify as a verifier, to measure against.

Its own timeouts are off: they use signals, which work in the main thread only; the engine's deadline applies instead.
An exception in it is an error of the verifier, not of the model.
"""

from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import verifier


def preload() -> None:
    """Import Math-Verify, sympy and the grammar once for all workers."""
    from math_verify import parse

    parse("$\\frac{1}{2}$", parsing_timeout=None)


@verifier("math-verify", memory_mb=1024, preload=preload)
def math_verify(example: Example, completion: Completion, *, bare: bool = False, strict: bool = True) -> Verdict:
    """Math-Verify (Hugging Face) with its default extraction, its timeouts off.

    bare: both texts are answers with nothing around them; they are put between dollar signs.
    strict: as Math-Verify's own option.
    """
    import logging

    from math_verify import parse, verify

    logging.disable(logging.WARNING)  # it warns, at every call, that its timeouts are off
    if not example.gold.strip():
        return Verdict.error("the gold answer is empty")
    gold, answer = example.gold, completion.text
    if bare:
        gold, answer = (text if "$" in text else f"${text}$" for text in (gold, answer))
    gold_read = parse(gold, parsing_timeout=None)
    if not gold_read:  # a bare gold answer in LaTeX isn't found without its delimiters
        gold_read = parse(f"${gold}$", parsing_timeout=None)
    answer_read = parse(answer, parsing_timeout=None)
    if not answer_read:
        return Verdict.unparsed("Math-Verify found no answer")
    correct = bool(verify(gold_read, answer_read, strict=strict, timeout_seconds=None))
    return Verdict.of(correct, str(answer_read[-1]), "by Math-Verify", gold=str(gold_read[0]) if gold_read else "")
