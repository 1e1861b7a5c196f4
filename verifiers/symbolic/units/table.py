"""Which units count. Their sizes and other spellings are pint's; a unit that isn't listed here doesn't count."""

import functools
from fractions import Fraction
from typing import Any

from rlvr.verifiers.expressions.syntax import word_set
from rlvr.verifiers.symbolic.final_answer import load

METRIC = word_set(
    "meter gram second liter joule calorie electron_volt watt watt_hour pascal bar newton ampere coulomb volt ohm farad "
    "henry tesla weber siemens mole candela lumen lux hertz becquerel gray sievert byte bit molar parsec kelvin radian "
    "metric_ton"
)  # these take prefixes
OTHER = word_set(
    "inch foot yard mile nautical_mile angstrom light_year astronomical_unit pound ounce ton stone minute hour day week "
    "month year gallon quart pint cup fluid_ounce tablespoon teaspoon hectare acre degree_Celsius degree_Fahrenheit dyne "
    "pound_force erg british_thermal_unit horsepower standard_atmosphere torr millimeter_Hg pound_force_per_square_inch "
    "gauss steradian degree mile_per_hour kilometer_per_hour knot unified_atomic_mass_unit cubic_centimeter"
)
OFFSET = {"degree_Celsius": "delta_degree_Celsius", "degree_Fahrenheit": "delta_degree_Fahrenheit"}
CALENDAR = word_set("month year")  # their length depends on the calendar: they don't convert to days
_SPELT = {
    "°": "degree", "l": "liter", "ℓ": "liter", "sq": "", "degreeC": "degree_Celsius", "degreeF": "degree_Fahrenheit",
    "kmh": "kilometer_per_hour", "km_h": "kilometer_per_hour", "lightyear": "light_year", "lightyears": "light_year",
    "cc": "cubic_centimeter", "amu": "unified_atomic_mass_unit", "u": "unified_atomic_mass_unit",
    "mmHg": "millimeter_Hg", "tonne": "metric_ton", "tonnes": "metric_ton",
}  # fmt: skip
Units = dict[str, int]  # pint's name -> exponent


@functools.cache
def registry() -> Any:
    """pint's registry, with exact numbers. Raises VerifierError if pint isn't installed."""
    pint = load("pint", "pint")
    return pint.UnitRegistry(non_int_type=Fraction, cache_folder=None)


@functools.lru_cache(maxsize=4096)
def named(name: str) -> str | None:
    """pint's name of the unit called `name` (`km`, `kilometers`), or None if it isn't listed here."""
    name = _SPELT.get(name, name)
    if not name or len(name) > 40:
        return None
    for prefix, unit, _ in registry().parse_unit_name(name):
        if unit in METRIC or (unit in OTHER and not prefix):
            return f"{prefix}{unit}"
        return None  # pint's first reading is what it means
    return None


@functools.lru_cache(maxsize=4096)
def size(units: tuple[tuple[str, int], ...]) -> tuple[Fraction, tuple[tuple[str, int], ...]]:
    """The factor to base units, and the base units with their exponents. Offsets of temperatures are ignored."""
    container = {OFFSET.get(name, name): exponent for name, exponent in units}
    quantity = registry().Quantity(Fraction(1), registry().UnitsContainer(container)).to_base_units()
    base = {str(name): int(exponent) for name, exponent in quantity.unit_items() if name not in ("radian", "steradian")}
    return Fraction(quantity.magnitude), tuple(sorted(base.items()))


def kelvin(value: Fraction, unit: str) -> Fraction:
    """A temperature on the absolute scale."""
    return Fraction(registry().Quantity(value, unit).to("kelvin").magnitude)
