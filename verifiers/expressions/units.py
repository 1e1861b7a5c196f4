"""Units: which words name the same unit, and how units convert. Words that name no known unit are labels."""

import re
from fractions import Fraction

from rlvr.verifiers.expressions.syntax import word_set

_TABLE: dict[str, tuple[str, Fraction]] = {}  # name -> (dimension, size)


def _add(dimension: str, **units: str) -> None:
    for names, size in units.items():
        for name in names.split("_"):
            _TABLE[name] = (dimension, Fraction(size))


_add("L", m_meter_metre="1", cm_centimeter_centimetre="1/100", mm_millimeter_millimetre="1/1000", km_kilometer_kilometre="1000",
     inch_inche_in="0.0254", ft_foot_feet="0.3048", yd_yard="0.9144", mi_mile="1609.344", nm_nanometer="1/1000000000")  # fmt: skip
_add("T", s_sec_second="1", min_minute="60", h_hr_hour="3600", day="86400", week="604800", ms_millisecond="1/1000")
_add("T2", month="1", year_yr="12")
_add("M", g_gram="1", kg_kilogram_kilo="1000", mg_milligram="1/1000", ton_tonne="1000000")
_add("M2", lb_pound="16", oz_ounce="1")
_add("V", L_l_liter_litre="1", ml_mL_milliliter_millilitre="1/1000")
_add("V2", gallon_gal="16", quart="4", pint="2", cup="1")
_add("A", deg_degree="1")
_add("A2", rad_radian="1")
_add("$", dollar_buck_usd="1", cent="1/100")
_add("speed", mph="1")
_add("power", W_watt="1", kW_kilowatt="1000")
_add("energy", J_joule="1", kJ_kilojoule="1000")
_add("frequency", Hz_hertz="1")
_add("force", N_newton="1")

_NO_UNIT = word_set(
    "or and not but nor than no at least most more less greater except either neither if for where when is "
    "are was never none other true false correct answer approximately about between to from plus minus times "
    "over mod yes hundred thousand million billion trillion dozen half third quarter fifth percent percentage "
    "pct pi squared_root root"
)
_FILLER = frozenset(
    {"square", "squared", "sq", "cubic", "cubed", "per", "units", "unit", "of", "the", "each", "in", "a", "total"}
)
_PART = re.compile(r"[A-Za-z]+|\^\d|[/$]")


def is_unit(words: str) -> bool:
    """True if `words` can follow a number without changing it."""
    parts = re.findall(r"[A-Za-z]+", words)
    return 0 < len(parts) <= 6 and not any(p.lower() in _NO_UNIT for p in parts)


def factor(words: str) -> tuple[str, Fraction] | None:
    """(dimension, size) of a unit: 'cm^2' -> ('L2', 1/10000); None if a word in it is not a known unit."""
    dimension: dict[str, int] = {}
    size = Fraction(1)
    sign, power, last = 1, 1, ""
    for part in _PART.findall(words):
        if part in ("/", "per"):
            sign = -1
        elif part in ("square", "sq", "cubic"):
            power = 3 if part == "cubic" else 2
        elif part in ("squared", "cubed") or part[0] == "^":
            extra = (int(part[1]) if part[0] == "^" else 2 if part == "squared" else 3) - 1
            if not last:
                return None
            dimension[_TABLE[last][0]] += sign * extra
            size *= _TABLE[last][1] ** (sign * extra)
        else:
            name = part if part in _TABLE else part.lower()
            name = name if name in _TABLE else name.removesuffix("s")
            if name not in _TABLE:
                if part.lower() in _FILLER:
                    continue
                return None
            last = name
            kind, value = _TABLE[name]
            dimension[kind] = dimension.get(kind, 0) + sign * power
            size *= value ** (sign * power)
            sign, power = 1, 1
    return "".join(f"{k}{v}" for k, v in sorted(dimension.items()) if v), size


def labels(words: str) -> frozenset[str]:
    """The words of a label, without plural and filler."""
    singular = {w.lower().removesuffix("s") for w in re.findall(r"[A-Za-z]+", words)}
    return frozenset(singular - _FILLER)
