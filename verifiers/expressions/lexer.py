"""Normalized text -> tokens. A token is (kind, value): num, cmd, word, text, op."""

import re
from typing import NamedTuple

from rlvr.verifiers.expressions.errors import ParseError
from rlvr.verifiers.expressions.syntax import word_set

MAX_TOKENS = 1500
MAX_DIGITS = 2000  # of one number


class Token(NamedTuple):
    """One token: its kind (num, cmd, word, text, op) and its text."""

    kind: str
    value: str


END = Token("end", "")
_TOKEN = re.compile(
    r"(?P<num>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,4}(?![a-zA-Z0-9.]))?)"
    r"|(?P<cmd>\\(?:[a-zA-Z]+|.))|(?P<word>[a-zA-Z]+)|(?P<op>\*\*|<=|>=|!=|==|\.\.\.|\S)|\s+",
    re.DOTALL,
)
_GROUPED = re.compile(r"(?<![\d.,])(\d{1,3}(?:,\d{3})+)(?![\d,])")
_SPACED = re.compile(r"(?<![\d.,])(\d{1,3}(?: \d{3})+)(?![\d,])")
_STYLES = frozenset(
    {"mathbf", "mathcal", "mathsf", "mathit", "boldsymbol", "bf", "rm", "overline_", "variable", "boxed", "fbox"}
)
_VALUE_TEXT = re.compile(r"[-+]?\d+(?:\.\d+)?|\([A-Za-z]\)|[-+]?\d+/\d+")


_COUNTED = re.compile(r"([-+]?\d{1,30}(?:\.\d{1,30})?) +([A-Za-z][A-Za-z ]*)")


def join_thousands(text: str) -> str:
    """`text` with 1,234 and 1 234 as 1234."""
    text = _GROUPED.sub(lambda m: m[1].replace(",", ""), text)
    return _SPACED.sub(lambda m: m[1].replace(" ", ""), text)


def tokens(text: str) -> list[Token]:
    """The tokens of normalized `text`. Raises ParseError for unbalanced braces and over a limit."""
    out: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ParseError(f"unreadable at {text[position : position + 20]!r}")
        position = match.end()
        kind = match.lastgroup
        if kind is None:
            continue
        value = match[0]
        if kind == "num" and len(value) > MAX_DIGITS:
            raise ParseError(f"a number of {len(value)} characters")
        if kind == "cmd":
            value = value[1:]
            if value == "text":
                content, position = _braced(text, position)
                out.extend(_text(content))
                continue
            if value in _STYLES:
                continue
        if kind == "word":
            out.extend(Token(*pair) for pair in _words(value))
        else:
            out.append(Token(kind, value))
        if len(out) > MAX_TOKENS:
            raise ParseError(f"more than {MAX_TOKENS} tokens")
    return out


def _braced(text: str, position: int) -> tuple[str, int]:
    """The content of the braces at `position`, and the position after them. Raises ParseError."""
    while position < len(text) and text[position] == " ":
        position += 1
    if position >= len(text) or text[position] != "{":
        raise ParseError("\\text without braces")
    depth = 0
    for end in range(position, len(text)):
        if text[end] == "{":
            depth += 1
        elif text[end] == "}":
            depth -= 1
            if depth == 0:
                return text[position + 1 : end], end + 1
    raise ParseError("unbalanced braces")


def _text(content: str) -> list[Token]:
    """The tokens of \\text{content}: mathematics if it is a number or a name, else words. Raises ParseError."""
    content = content.strip().strip("{}")
    if not content:
        return []
    if _VALUE_TEXT.fullmatch(content):
        return tokens(content)
    if counted := _COUNTED.fullmatch(content):
        return [*tokens(counted[1]), *_text(counted[2])]
    if content in FUNCTIONS and len(content) > 1:
        return [Token("cmd", content)]
    parts = re.split(r"\b(and|or)\b", content)
    return [Token("text", part.strip()) for part in parts if part.strip()]


FUNCTIONS = word_set(
    "sin cos tan cot sec csc arcsin arccos arctan arccot asin acos atan acot sinh cosh tanh coth sech csch "
    "asinh acosh atanh log ln lg exp sqrt cbrt abs floor ceil gcd lcm max min det deg arg Re Im sgn sign"
)
_CONSTANT_WORDS = {"pi": "pi", "infinity": "infty", "inf": "infty", "oo": "infty", "infty": "infty", "theta": "theta",
                   "alpha": "alpha", "beta": "beta", "gamma": "gamma", "lambda": "lambda", "mu": "mu"}  # fmt: skip
KEYWORDS = frozenset(
    {
        "and",
        "or",
        "mod",
        "percent",
        "pct",
        "percentage",
        "degrees",
        "degree",
        "for",
        "where",
        "with",
        "when",
        "if",
        "in",
    }
)
_NOT_PRODUCTS = word_set(
    "the no not yes odd any all one two six ten non nan nil its is are as to of on by be we he it so do you "
    "can may few old new cup None none let out day way use end am pm"
)


def _words(run: str) -> list[tuple[str, str]]:
    """A run of letters: a function, a constant, a keyword, a product of variables, or a word."""
    if run in FUNCTIONS:
        return [("cmd", run)]
    if run in _CONSTANT_WORDS:
        return [("cmd", _CONSTANT_WORDS[run])]
    if run in KEYWORDS or len(run) > 3 or run in _NOT_PRODUCTS:
        for name in ("sqrt", "sin", "cos", "tan", "log", "ln", "pi"):  # 2xsin(x), abpi
            head, separator, rest = run.partition(name)
            if separator and len(head) <= 2 and len(rest) <= 1 and run not in KEYWORDS:
                return [("word", c) for c in head] + [("cmd", name)] + [("word", c) for c in rest]
        return [("word", run)]
    return [("word", run)] if run in UNIT_WORDS else [("word", char) for char in run]


UNIT_WORDS = word_set("cm mm km kg mg ml mL min sec hr hrs ft mph kph lb lbs oz deg rad sq mi yd yds inch kW kJ Hz")
