"""Quantities in two units, for `rlvr audit`: gold answers, and answers that are nearly right."""

import random
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

# unit -> how large it is, within one group; temperatures are left out
_GROUPS: tuple[dict[str, Fraction], ...] = (
    {"m": Fraction(1), "cm": Fraction(1, 100), "km": Fraction(1000), "mm": Fraction(1, 1000), "ft": Fraction("0.3048")},
    {"kg": Fraction(1), "g": Fraction(1, 1000), "t": Fraction(1000), "mg": Fraction(1, 10**6), "lb": Fraction("0.45359237")},
    {"s": Fraction(1), "min": Fraction(60), "h": Fraction(3600), "ms": Fraction(1, 1000)},
    {"m/s": Fraction(1), "km/h": Fraction(5, 18), "cm/s": Fraction(1, 100), "m/min": Fraction(1, 60)},
    {"J": Fraction(1), "kJ": Fraction(1000), "kWh": Fraction(3_600_000), "N·m": Fraction(1), "cal": Fraction("4.184")},
    {"m^2": Fraction(1), "cm^2": Fraction(1, 10**4), "km^2": Fraction(10**6), "ha": Fraction(10**4)},
    {"m^3": Fraction(1), "L": Fraction(1, 1000), "mL": Fraction(1, 10**6), "cm^3": Fraction(1, 10**6)},
    {"Pa": Fraction(1), "kPa": Fraction(1000), "bar": Fraction(10**5), "N/m^2": Fraction(1), "MPa": Fraction(10**6)},
    {"kg/m^3": Fraction(1), "g/cm^3": Fraction(1000), "g/L": Fraction(1)},
    {"W": Fraction(1), "kW": Fraction(1000), "J/s": Fraction(1), "MW": Fraction(10**6)},
)  # fmt: skip


def generate(size: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows with `gold` in one unit and `completion` in another."""
    draw = random.Random(f"units {seed}")
    for _ in range(size):
        group = draw.choice(_GROUPS)
        unit, other = draw.sample(sorted(group), 2)
        value = Fraction(draw.randrange(1, 2000), draw.choice((1, 1, 2, 5, 10, 100)))
        converted = value * group[unit] / group[other]
        yield {
            "question": f"Write {written(value)} {unit} in {other}.",
            "gold": f"{written(value)} {unit}",
            "metadata": {"unit": other},
            "completion": f"\\boxed{{{written(converted)} {other}}}",
            "value": [converted.numerator, converted.denominator],
        }


def near_misses(row: Mapping[str, Any], draw: random.Random) -> list[str]:
    """The right number with another unit or none, and other numbers with the right unit."""
    value, unit = Fraction(*row["value"]), row["metadata"]["unit"]
    group = next(g for g in _GROUPS if unit in g)
    swapped = [u for u in group if group[u] != group[unit]]
    wrong = [f"{written(value)} {draw.choice(swapped)}", written(value), f"{written(-value)} {unit}", row["gold"]]
    wrong += [f"{written(value * factor)} {unit}" for factor in (10, Fraction(1, 10), Fraction(1001, 1000))]
    source = next(u for u in group if row["gold"].endswith(f" {u}"))
    factor = group[source] / group[unit]
    if factor != 1:
        wrong.append(f"{written(value / factor / factor)} {unit}")  # converted the wrong way round
    else:
        wrong.remove(row["gold"])
    return [f"\\boxed{{{text}}}" for text in wrong]


def written(value: Fraction) -> str:
    """`value` as a decimal if it is a finite one, else as a fraction."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = f"{abs(value * 10**places).numerator:0{places + 1}d}"
    sign = "-" if value < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)
