"""Are two quantities the same? Exactly, unless a tolerance or a number of digits says otherwise."""

from fractions import Fraction
from typing import NamedTuple

from rlvr.verifiers.symbolic.units import table
from rlvr.verifiers.symbolic.units.grammar import Quantity

UnitPowers = tuple[tuple[str, int], ...]


class Measured(NamedTuple):
    """A quantity in base units. `factor` is the size of its (first) unit, `offset` what its scale adds."""

    value: Fraction
    dimension: UnitPowers
    units: UnitPowers
    factor: Fraction
    offset: Fraction


def measured(quantity: Quantity, difference: bool) -> Measured:
    """`quantity` in base units; a temperature on the absolute scale, unless it is a difference."""
    total, first, offset = Fraction(0), quantity.parts[0][1], Fraction(0)
    factor, dimension = table.size(first)
    for value, unit in quantity.parts:
        total += value * table.size(unit)[0]
    if len(first) == 1 and first[0][0] in table.OFFSET and first[0][1] == 1 and not difference:
        offset = table.kelvin(Fraction(0), first[0][0])
    return Measured(total + offset, dimension, first, factor, offset)


def same(
    gold: Measured, answer: Measured, rel_tol: Fraction, digits: int, wanted: UnitPowers | None
) -> tuple[bool, str]:
    """Whether the answer is the gold quantity, and why.

    `rel_tol` is a relative tolerance, `digits` the significant digits that must agree (0: all), `wanted` the unit that is
    asked for (None: any).
    """
    if bool(answer.units) != bool(gold.units):
        return False, "the unit is missing" if gold.units else "a number without a unit is asked for"
    if answer.dimension != gold.dimension:
        return False, f"{_shown(answer.units)} and {_shown(gold.units)} measure different things"
    if wanted is not None and _scale(answer.units) != _scale(wanted):
        return False, f"it is in {_shown(answer.units)}, and {_shown(wanted)} is asked for"
    if _by_calendar(answer.units) != _by_calendar(gold.units):
        return False, "months and years have no fixed number of days"
    if answer.value == gold.value:
        return True, "the same quantity, exactly"
    right = (gold.value - answer.offset) / answer.factor  # the gold value on the answer's scale
    given = (answer.value - answer.offset) / answer.factor
    if rel_tol and abs(right - given) <= rel_tol * abs(right):
        return True, f"within rel_tol={float(rel_tol):g}"
    if digits and abs(right - given) <= _unit_of(right, digits) / 2:
        return True, f"the same to {digits} significant digits"
    return False, f"it is {float(given):.6g} {_shown(answer.units)}, and {float(right):.6g} is right"


def _by_calendar(units: UnitPowers) -> bool:
    return any(name in table.CALENDAR for name, _ in units)


def _scale(units: UnitPowers) -> tuple[object, ...]:
    """What makes two units one: size, dimension, and the scale of a temperature."""
    return (*table.size(units), tuple(n for n, _ in units if n in table.OFFSET))


def _unit_of(value: Fraction, digits: int) -> Fraction:
    """One in the last of `digits` significant digits of `value`."""
    if value == 0:
        return Fraction(0)
    exponent = 0
    size = abs(value)
    while size >= 10:
        size, exponent = size / 10, exponent + 1
    while size < 1:
        size, exponent = size * 10, exponent - 1
    return Fraction(10) ** (exponent - digits + 1)


def _shown(units: UnitPowers) -> str:
    return "·".join(name if exponent == 1 else f"{name}^{exponent}" for name, exponent in units) or "no unit"
