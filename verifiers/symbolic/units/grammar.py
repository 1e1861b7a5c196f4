"""Reads a quantity: a number, exactly, and a unit by a closed grammar. Nothing is evaluated.

    quantity = number unit { ("and" | ",")? number unit }          1 h 20 min
    unit     = product { ("/" | "per") (factor | "(" product ")") }
    product  = factor { ("·" | "*" | " " | "-") factor }
    factor   = ("square" | "cubic")? name ("^" integer | "²" | "squared" | "cubed")?

A product after a slash needs brackets: `J/kg·K` has two readings.
"""

import itertools
import re
from fractions import Fraction
from typing import NamedTuple

from rlvr.verifiers.symbolic.fields import Unreadable, short
from rlvr.verifiers.symbolic.units import table
from rlvr.verifiers.symbolic.units.table import Units
from rlvr.verifiers.text import numerals

MAX_TEXT = 300
MAX_FACTORS = 12
MAX_EXPONENT = 9
MAX_PARTS = 3

_LATEX = (
    (re.compile(r"\\(?:text|mathrm|mathit|textrm|operatorname|rm|unit|si)\b\s*"), " "),
    (re.compile(r"\\(?:left|right|displaystyle)\b"), ""),
    (re.compile(r"\\(?:cdot|times)\b(?!\s*10)"), "·"),
    (re.compile(r"\\times\b"), "×"),
    (re.compile(r"\\cdot\b"), "×"),
    (re.compile(r"\\mu\b"), "μ"),
    (re.compile(r"\\Omega\b"), "Ω"),
    (re.compile(r"\^?\{?\\(?:circ|degree)\b\s*\}?"), "°"),
    (re.compile(r"\\(?:[,;:! ]|quad\b|qquad\b)|~"), " "),
)
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}\\]*[^\W\d_][^{}\\]*)\}\s*\{([^{}\\]*)\}")
_POWER = re.compile(r"([+-]?)10\^\{?([+-]?\d{1,3})\}?(?![\d.])")
_WORDS = (
    (re.compile(r"\b(?:degrees?|deg\.?|°)\s*(?:C|Celsius|celsius|centigrade)\b|°\s*C\b|℃"), " degree_Celsius "),
    (re.compile(r"\b(?:degrees?|deg\.?|°)\s*(?:F|Fahrenheit|fahrenheit)\b|°\s*F\b|℉"), " degree_Fahrenheit "),
    (re.compile(r"\b(nautical|light|fluid|astronomical)[ -](miles?|years?|ounces?|units?)\b"), r"\1_\2"),
    (re.compile(r"\bfl\.? ?oz\b"), "fluid_ounce"),
)
_UNIT_TOKEN = re.compile(r"\s*(?:(?P<name>[^\W\d]+|°)|(?P<power>(?:\^|\*\*)\(?[+-]?\d{1,2}\)?|\d)|(?P<op>[·*×⋅/()-]))")  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")
_DOLLARS = re.compile(r"^\$([^$]+)\$(?=[^$]*$)")
_SUPERSCRIPT = re.compile("[⁺⁻⁰¹²³⁴-⁹]+")
_BRACED_POWER = re.compile(r"\^\s*\{\s*([+-]?\d{1,3})\s*\}")
_BRACED = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"^[A-Za-zΔρλ][A-Za-z_]{0,12}\s*=\s*")
_BEFORE = re.compile(r"^(?:≈|≃|=|~|\\approx\b|(?:about|approximately|approx\.?|roughly)\b)\s*", re.IGNORECASE)
_NEXT = re.compile(r"(?:\s*,|\s+and)?\s+(?=[0-9])")


class Quantity(NamedTuple):
    """The parts of `1 h 20 min`, each a number with its units; nearly always there is one."""

    parts: tuple[tuple[Fraction, tuple[tuple[str, int], ...]], ...]
    text: str


def read(text: str) -> Quantity:
    """The quantity that `text` is. Raises Unreadable, which says what isn't understood."""
    if len(text) > MAX_TEXT:
        raise Unreadable(f"it is longer than {MAX_TEXT} characters")
    clean = _clean(text)
    if not clean:
        raise Unreadable("it is empty")
    value, rest = _number(clean)
    pieces = _NEXT.split(rest)
    parts = [(value, units(pieces[0]))]
    for piece in pieces[1:]:
        value, rest = _number(piece)
        parts.append((value, units(rest)))
    if len(parts) > MAX_PARTS:
        raise Unreadable("it has too many parts")
    if len(parts) > 1:
        _descending(parts)
    return Quantity(tuple(parts), clean)


def _clean(text: str) -> str:
    text = _DOLLARS.sub(r"\1", numerals.normalize(text).strip().strip("`*").strip()).strip()
    for pattern, replacement in _LATEX:
        text = pattern.sub(replacement, text)
    text = _SUPERSCRIPT.sub(lambda m: "^" + m[0].translate(_SUPERSCRIPTS), text)
    text = _BRACED_POWER.sub(r"^\1", text)
    for _ in range(3):  # braces within braces
        text = _BRACED.sub(_unbraced, text)
    text = _FRACTION.sub(r" (\1)/(\2)", text).strip()
    text = _BEFORE.sub("", _NAME.sub("", text, count=1), count=1).removesuffix(".")
    for pattern, replacement in _WORDS:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


def _unbraced(match: re.Match[str]) -> str:
    """The content of braces, unless they hold an argument of \\frac."""
    return match[0] if match.string[: match.start()].rstrip().endswith(("frac", "}")) else f" {match[1]} "


def _number(text: str) -> tuple[Fraction, str]:
    """The number that `text` begins with, and what follows it. Raises Unreadable."""
    if power := _POWER.match(text):
        if abs(int(power[2])) > numerals.MAX_EXPONENT:
            raise Unreadable("too large a power")
        return (-1 if power[1] == "-" else 1) * Fraction(10) ** int(power[2]), text[power.end() :]
    text = "-" + text[2:] if text.startswith("- ") else text
    match = numerals.NUMERAL.match(text)
    value = numerals.value_of(match) if match else None
    if match is None or value is None:
        raise Unreadable(f"{short(text)} doesn't begin with a number")
    if match["currency"]:
        raise Unreadable("a currency is not a unit here")
    rest = text[match.end() :]
    if rest[:1] in (".", ",", "^", "/", "+", "-", "(", "±", ":", "!") and not re.match(r"/\s*[^\W\d_]", rest):
        raise Unreadable(f"{short(text)}: what follows the number is unclear")
    return value, rest


def units(text: str) -> tuple[tuple[str, int], ...]:
    """The units in `text` with their exponents, in one order. Raises Unreadable."""
    exponents: Units = {}
    count = 0
    tokens = _tokens(text)
    at, sign, divided, expect = 0, 1, False, True
    depth = 0  # inside the brackets after a slash
    pending = 1
    while at < len(tokens):
        kind, value = tokens[at]
        at += 1
        if kind == "op" and value in ("/", "per"):
            if depth or (expect and not (at == 1)):
                raise Unreadable(f"{short(text)}: a slash in an odd place")
            sign, divided, expect = -1, True, True
            if at < len(tokens) and tokens[at] == ("op", "("):
                depth, at = 1, at + 1
            continue
        if kind == "op" and value == "(" and at == 1:
            depth = 2
            continue
        if kind == "op" and value == ")":
            if not depth or expect:
                raise Unreadable(f"{short(text)}: brackets don't match")
            divided = depth == 1
            depth, expect = 0, False
            continue
        if kind == "op":
            if expect or value in "()":
                raise Unreadable(f"{short(text)}: {value!r} in an odd place")
            expect = True
            continue
        if kind == "dimension":
            pending, expect = int(value), True
            continue
        if kind != "name":
            raise Unreadable(f"{short(text)}: a power of nothing")
        if (
            divided
            and depth != 1
            and not (tokens[at - 2] in (("op", "/"), ("op", "per")) or tokens[at - 2][0] == "dimension")
        ):
            raise Unreadable(f"{short(text)}: a product behind a slash needs brackets")
        name = table.named(value)
        if name is None:
            raise Unreadable(f"{short(value)} is not a unit that is known here")
        exponent, pending, expect = pending, 1, False
        if at < len(tokens) and tokens[at][0] == "power":
            if exponent != 1:
                raise Unreadable(f"{short(text)}: a power twice")
            exponent, at = int(tokens[at][1]), at + 1
        if not 0 < abs(exponent) <= MAX_EXPONENT:
            raise Unreadable("an exponent out of bounds")
        count += 1
        if count > MAX_FACTORS:
            raise Unreadable("too many units")
        exponents[name] = exponents.get(name, 0) + sign * exponent
    if depth or (expect and tokens):
        raise Unreadable(f"{short(text)} is not a complete unit")
    return tuple(sorted((name, exponent) for name, exponent in exponents.items() if exponent))


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    text = text.strip()
    while position < len(text):
        match = _UNIT_TOKEN.match(text, position)
        if match is None:
            raise Unreadable(f"{short(text[position:])} is not a unit")
        position = match.end()
        if match["name"]:
            word = match["name"]
            if word in ("per", "squared", "cubed", "square", "cubic", "sq"):
                kind = {"per": "op", "squared": "power", "cubed": "power"}.get(word, "dimension")
                tokens.append(
                    (kind, {"squared": "2", "cubed": "3", "square": "2", "sq": "2", "cubic": "3"}.get(word, word))
                )
            else:
                tokens.append(("name", word))
        elif match["power"]:
            tokens.append(("power", match["power"].strip("^*()")))
        else:
            tokens.append(("op", match["op"]))
    return tokens


def _descending(parts: list[tuple[Fraction, tuple[tuple[str, int], ...]]]) -> None:
    """Check feet and inches, hours and minutes: one dimension, each unit smaller, and less than one unit before. Raises Unreadable."""
    for (value, unit), (following, smaller) in itertools.pairwise(parts):
        (big, dimension), (small, other) = table.size(unit), table.size(smaller)
        offset = any(name in table.OFFSET for name, _ in (*unit, *smaller))
        if dimension != other or not dimension or offset or value.denominator != 1:
            raise Unreadable("its parts don't make one quantity")
        if following < 0 or not 0 <= following * small < big:
            raise Unreadable("its parts don't make one quantity")
