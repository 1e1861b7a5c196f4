"""Reads numbers as people write them: exactly, never as floats, in time linear in the length of the text.

A numeral is `1,234`, `-$5.50`, `3/4`, `1 1/2`, `\\frac{3}{4}`, `2.5e6`, `1.5 × 10^3` or `2 million`. Anything with two
readings (`1,23`, `1.234,5`, `5k`, `2 dozen`, `3:30`) is no numeral.

Dashes used as a minus, full-width forms and unusual spaces are normalized, and invisible characters dropped. Digits of
other scripts, superscripts and look-alike letters are refused, because no reading of them is safe.
"""

# ruff: noqa: SIM905 - lists of words read best as text

import re
from fractions import Fraction

MAX_DIGITS = 100  # of a numeral; more is refused
MAX_EXPONENT = 100
MAX_LENGTH = 300  # characters of a numeral with its unit

_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_SPACES = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_MINUSES = "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"
_NORMAL: dict[int, str] = {
    **{0xFEE0 + code: chr(code) for code in range(0x21, 0x7F)},  # full-width forms
    **dict.fromkeys(map(ord, _INVISIBLE), ""),
    **dict.fromkeys(map(ord, _SPACES), " "),
    **dict.fromkeys(map(ord, _MINUSES), "-"),
}

# Quantifiers are possessive or bounded, so that a match never looks at a character more than a few times.
_BODY = r"""
    (?P<sign>-|\+)? (?P<currency>(?:US|AU|CA|NZ|HK)?\\?\$|[£€¥₹₩]|(?:USD|EUR|GBP|INR|Rs\.?)[ ]?)? (?P<sign_after>-)?
    (?:
        \\[dt]?frac\{[ ]?(?P<top>[0-9]++)[ ]?\}\{[ ]?(?P<bottom>[0-9]++)[ ]?\}
      | (?: (?P<grouped>[0-9]{1,3}(?:(?:,|\{,\}|\\,)[0-9]{3}){1,34}(?![0-9])) | (?P<plain>[0-9]++) )
        (?: \.(?P<decimals>[0-9]++)
          | [ ](?P<part>[0-9]++)/(?P<of>[0-9]++)
          | [ ]?/[ ]?(?P<denominator>[0-9]++)
        )?
      | \.(?P<only_decimals>[0-9]++)
    )
    (?: [eE](?P<e>[-+]?[0-9]++) | [ ]?(?:×|\*|\\times|\\cdot|x)[ ]?10(?:\^|\*\*)\{?(?P<power>[-+]?[0-9]++)\}? )?
    (?: [ ](?P<word>hundred|thousand|million|billion|trillion)\b )?
"""
NUMERAL = re.compile(_BODY, re.VERBOSE)
_WORDS = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SIMPLE = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")
_SPACED = re.compile(r"([-+]?[^0-9]{0,5}[0-9]{1,3})((?: [0-9]{3}){1,10})(?![0-9/])")

# Units that may follow a number without a space. Single letters that look like digits or magnitudes (l, O, k, M, B)
# aren't among them.
_ATTACHED = frozenset("% ¢ ° °C °F € £ ¥ ₹".split()).union(
    "km cm mm m kg g mg lb lbs oz ml mL ft in h hr hrs min mins s sec mph am pm AM PM st nd rd th".split()
)
_UNIT = re.compile(r"[^\W\d_]++(?:[ '’/-]{1,2}[^\W\d_]++){0,5}|\\?%|[¢°€£¥₹]|°[CF]")
_NOT_UNITS = frozenset(
    "or and to minus plus times over not but hundred thousand million billion trillion k m b mn bn mil dozen dozens "
    "score half halves quarter quarters third thirds squared cubed e x".split()
)


def normalize(text: str) -> str:
    """`text` with the characters of its numbers in ASCII, if they have one safe reading."""
    return text if text.isascii() else text.translate(_NORMAL)


def value_of(match: re.Match[str]) -> Fraction | None:
    """The exact value of a match of NUMERAL; None if it exceeds a limit (MAX_LENGTH, MAX_DIGITS, MAX_EXPONENT) or divides by zero."""
    groups = match.groupdict()
    if match.end() - match.start() > MAX_LENGTH or (groups["sign"] and groups["sign_after"]):
        return None
    if sum(character.isdigit() for character in match[0]) > MAX_DIGITS:
        return None
    if groups["top"] is not None:
        value = _ratio(int(groups["top"]), int(groups["bottom"]))
    elif groups["only_decimals"] is not None:
        value = _decimal("", groups["only_decimals"])
    else:
        whole = groups["plain"] or re.sub(r"[^0-9]", "", groups["grouped"])
        if groups["decimals"] is not None:
            value = _decimal(whole, groups["decimals"])
        elif groups["denominator"] is not None:
            value = _ratio(int(whole), int(groups["denominator"]))
        elif groups["of"] is not None:
            part = _ratio(int(groups["part"]), int(groups["of"]))
            value = None if part is None or part >= 1 else int(whole) + part
        else:
            value = Fraction(int(whole))
    exponent = groups["e"] or groups["power"]
    if value is None or (exponent and (len(exponent) > 4 or abs(int(exponent)) > MAX_EXPONENT)):
        return None
    if exponent:
        value *= Fraction(10) ** int(exponent)
    if groups["word"]:
        value *= _WORDS[groups["word"]]
    return -value if groups["sign"] == "-" or groups["sign_after"] else value


def read(text: str) -> Fraction | None:
    """The exact value of `text`; None unless it is one numeral, with at most a unit and markup around it."""
    if _SIMPLE.fullmatch(text):
        return Fraction(text)
    if len(text) > MAX_LENGTH:
        return None
    text = _bare(normalize(text))
    if text[:2] == "- ":
        text = "-" + text[2:]
    text = _SPACED.sub(lambda m: m[1] + m[2].replace(" ", ""), text, count=1)
    match = NUMERAL.match(text)
    if match is None or not _is_unit(text[match.end() :]):
        return None
    return value_of(match)


def glued(text: str, match: re.Match[str]) -> bool:
    """Whether a match of NUMERAL in `text` is a piece of something longer: `x2`, `1,23`, `3:30`, `5k`, `2²`, `1O0`."""
    start, end = match.span()
    if start:
        before = text[start - 1]
        signed = match["sign"] or (
            match["currency"] and before.isalpha()
        )  # `20-2`, `R$5`: what comes before is separate
        if before in "_^" or (before.isalnum() and not signed):
            return True
        if (
            before in ".,:/"
            and start > 1
            and text[start - 2].isalnum()
            and not (before == ":" and text[start - 2].isalpha())
        ):
            return True
    after = text[end : end + 12]
    if not after:
        return False
    if after[0].isalpha() and after[0].isascii():
        run = re.match(r"[^\W_]+", after)
        return run is not None and run[0] not in _ATTACHED
    return after[0].isnumeric() or after[0] in "_^" or (after[0] in ".,:/" and after[1:2].isalnum() and after[0] != "/")


def _bare(text: str) -> str:
    """`text` without the white space, Markdown emphasis, TeX math delimiters, box and full stop around it."""
    for _ in range(4):  # they may be nested
        before = text
        text = text.strip().strip("*`_").strip()
        if text.endswith(".") and not text.endswith(".."):
            text = text[:-1]
        for opening, closing in (("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("\\boxed{", "}"), ("<", ">")):
            if len(text) > len(opening) and text.startswith(opening) and text.endswith(closing):
                text = text[len(opening) : -len(closing)]
        if text == before:
            break
    return text


def _is_unit(text: str) -> bool:
    if not text:
        return True
    if text[0] != " ":
        first, _, text = text.partition(" ")
        first = first.removeprefix("\\")
        if first.partition("/")[0] not in _ATTACHED:
            return False
        if not text:
            return True
    text = text.strip()
    unit = _UNIT.fullmatch(text)
    if unit is None or any(character.isnumeric() for character in text):
        return False
    return _NOT_UNITS.isdisjoint(re.split(r"[ '’/-]", text.lower()))


def _decimal(whole: str, decimals: str) -> Fraction:
    return Fraction(int(whole + decimals), 10 ** len(decimals))


def _ratio(top: int, bottom: int) -> Fraction | None:
    return Fraction(top, bottom) if bottom else None
