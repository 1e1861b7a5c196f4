"""`units`: the answer is the gold quantity, in any compatible unit.

Numbers are read exactly and units by a closed grammar; pint knows how large a unit is and how units convert. Of the
model's text, only the names of units reach pint.
"""

from fractions import Fraction
from pathlib import Path

from rlvr.verifiers.symbolic.units.generated import generate, near_misses
from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import verifier


def preload() -> None:
    """Read pint's definitions once for all workers."""
    from rlvr.verifiers.symbolic.units import grammar

    grammar.read("72 km/h")


@verifier(
    "units",
    memory_mb=400,
    cases=Path(__file__).with_name("cases.jsonl"),
    generate=generate,
    near_misses=near_misses,
    preload=preload,
)
def units(
    example: Example, completion: Completion, *, rel_tol: float = 0.0, digits: int = 0, any_unit: bool = True
) -> Verdict:
    """A number with its unit: equal to the gold quantity in any compatible unit.

    rel_tol: the relative difference that still counts as equal.
    digits: the significant digits that must agree, in the answer's unit (0: the value is exact).
    any_unit: false if the answer must be in the gold answer's own unit.
    """
    from rlvr.verifiers.expressions.extract import extract
    from rlvr.verifiers.symbolic.fields import Unreadable, field, short
    from rlvr.verifiers.symbolic.units import compare, grammar

    difference = field(example.metadata, "difference", bool, False)
    asked = field(example.metadata, "unit", str, "")
    rel_tol = float(field(example.metadata, "rel_tol", float, rel_tol))
    digits = field(example.metadata, "digits", int, digits)
    if not 0 <= rel_tol < 1 or not 0 <= digits <= 30:
        return Verdict.error("rel_tol must be in [0, 1) and digits from 0 to 30")
    try:
        gold = compare.measured(grammar.read(example.gold), difference)
        wanted = grammar.units(asked) if asked else None if any_unit else gold.units
    except Unreadable as error:
        return Verdict.error(f"the gold answer {example.gold[:80]!r} or its unit {asked[:40]!r}: {error}")
    extracted = extract(completion.text)
    if extracted is None:
        return Verdict.unparsed("no answer was found in the completion")
    try:
        answer = compare.measured(grammar.read(extracted.text), difference)
    except Unreadable as error:
        return Verdict.unparsed(f"the answer {short(extracted.text)}: {error}")
    correct, reason = compare.same(gold, answer, Fraction(str(rel_tol)), digits, wanted)
    return Verdict.of(correct, extracted.text, reason, extraction=extracted.how)


__all__ = ["generate", "near_misses", "units"]
