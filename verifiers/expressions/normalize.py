"""One spelling for each thing: Unicode and LaTeX variants are rewritten before anything is compared or parsed.

Every step is linear in the text. Nothing that could change a value is dropped: what has no meaning here stays in the
text, and the parser refuses it.
"""

import re
import unicodedata

MAX_CHARS = 4000  # of an answer; longer ones are compared as text only

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ", "0123456789+-ni", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ₙ", "0123456789+-n", strict=True))
_SYMBOLS = {
    **dict.fromkeys("−–—‒―﹣－˗‐‑", "-"),
    **dict.fromkeys("×✕⨯∗", r"\times "),
    **dict.fromkeys("·⋅•∙", r"\cdot "),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u202a\u202c", ""),
    **dict.fromkeys("\u00a0\u2009\u202f\u2007\u2002\u2003\u3000", " "),
    **dict.fromkeys("’‘′", "'"),
    **dict.fromkeys("“”", '"'),
    "÷": r"\div ", "∕": "/", "⁄": "/", "√": r"\sqrt ", "∞": r"\infty ", "π": r"\pi ", "𝜋": r"\pi ", "°": r"^\circ ",
    "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "±": r"\pm ",
    "∈": r"\in ", "∪": r"\cup ", "∩": r"\cap ", "∖": r"\setminus ", "∅": r"\emptyset ", "≡": r"\equiv ",
    "∣": "|", "∶": ":", "：": ":", "，": ",", "、": ",", "；": ";", "（": "(", "）": ")", "％": "%", "﹪": "%", "＋": "+",
    "＝": "=", "＜": "<", "＞": ">", "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}",
    "→": r"\to ", "∀": r"\forall ", "∃": r"\exists ", "…": r"\ldots ", "⌊": r"\lfloor ", "⌋": r"\rfloor ",
    "⌈": r"\lceil ", "⌉": r"\rceil ", "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}",
    "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}", "€": r"\$", "£": r"\$", "¥": r"\$", "￥": r"\$",
}  # fmt: skip
_GREEK = {
    chr(code): "\\" + unicodedata.name(chr(code)).rpartition(" ")[2].lower().replace("lamda", "lambda") + " "
    for code in [*range(0x3B1, 0x3C2), *range(0x3C3, 0x3CA)]
    if chr(code) not in "πο"
}
_TABLE = str.maketrans(_SYMBOLS | _GREEK)

# Lost backslashes of JSON and Python strings: a tab before "ext" was "\text", a form feed before "rac" was "\frac".
_LOST = {"\t": "t", "\f": "f", "\b": "b", "\r": "r", "\v": "v", "\a": "a"}
_LOST_BEFORE = re.compile(
    r"\\?([\t\f\b\r\v\a])(?=ext|frac|rac|imes|an\\b|heta|o\\b|eta|egin|oxed|ho\\b|ight|ec\\b|arphi|lpha|pprox|inom)"
)
_SPACING = re.compile(
    r"(?<!\\)\\[,;:!> ]|\\q?quad(?![a-z])|~|\\(?:left|right|mleft|mright|bigl?|bigr?|Bigl?|Bigr?|biggl?|biggr?|Biggl?|Biggr?"
    r"|displaystyle|textstyle|limits|nolimits|strut|thinspace|allowbreak|middle|hspace\{[^{}]*\}|nobreak)(?![a-zA-Z])"
)
_RENAMED = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "leq": "le", "leqslant": "le", "geq": "ge", "geqslant": "ge",
    "neq": "ne", "lt": "<", "gt": ">", "cupdot": "cup", "bigcup": "cup", "sqcup": "cup", "bigcap": "cap",
    "dbinom": "binom", "tbinom": "binom",
    "textnormal": "text", "mbox": "text", "textbf": "text", "textrm": "text", "textit": "text", "hbox": "text",
    "texttt": "text", "textsf": "text", "mathrm": "text", "mathbf": "mathbf", "vert": "|", "lvert": "|", "rvert": "|",
    "mid": "|", "lbrace": "{", "rbrace": "}", "lbrack": "[", "rbrack": "]", "lgroup": "(", "rgroup": ")", "lparen": "(",
    "rparen": ")", "llcorner": "lfloor", "lrcorner": "rfloor", "ulcorner": "lceil", "urcorner": "rceil",
    "dots": "ldots", "cdots": "ldots", "dotsc": "ldots", "dotsb": "ldots", "backslash": "setminus", "ast": "cdot",
    "varnothing": "emptyset", "rightarrow": "to", "exponentialE": "e", "imaginaryI": "i", "textdegree": "degree",
    "textcirc": "degree", "arccosh": "acosh", "arcsinh": "asinh", "arctanh": "atanh", "arcosh": "acosh",
    "arsinh": "asinh", "artanh": "atanh", "infin": "infty", "bmod": "mod", "lnot": "neg",
    "colon": ":", "land": "wedge", "lor": "vee", "epsilon": "varepsilon", "phi": "varphi",
}  # fmt: skip
_COMMAND = re.compile(r"\\([a-zA-Z]+)")
_DOUBLE = re.compile(r"\\\\(?=[a-zA-Z({[])")
_TAGS = re.compile(r"<(su[bp])>([^<>]{0,40})</\1>")
_FLAT_SPACE = re.compile(r"\s+")


def ascii_math(text: str) -> str:
    """`text` with Unicode digits, signs and letters in their LaTeX or ASCII spelling."""
    if text.isascii():
        return text
    out: list[str] = []
    run = ""  # the open super- or subscript
    for char in text:
        kind = "^" if char in _SUPERSCRIPTS else "_" if char in _SUBSCRIPTS else ""
        if run and kind != run:
            out.append("}")
        if kind:
            out.append(("" if run == kind else kind + "{") + (_SUPERSCRIPTS.get(char) or _SUBSCRIPTS[char]))
        elif char.isascii():
            out.append(char)
        elif (digit := unicodedata.decimal(char, None)) is not None:
            out.append(str(digit))
        else:
            out.append(char)
        run = kind
    if run:
        out.append("}")
    text = "".join(out).translate(_TABLE)
    if text.isascii():
        return text
    # Mathematical alphabets and full-width letters are plain letters; anything else keeps its code point.
    return "".join(
        unicodedata.normalize("NFKC", char)
        if "MATHEMATICAL" in unicodedata.name(char, "") or "\uff00" < char < "\uff5f"
        else char
        for char in text
    )


def latex(text: str) -> str:
    """`text` in the one spelling that the parser reads: no delimiters, no spacing commands, no synonyms."""
    text = _LOST_BEFORE.sub(lambda m: "\\" + (_LOST[m[1]]), text)
    text = ascii_math(text)
    if "<su" in text:
        text = _TAGS.sub(lambda m: ("^{" if m[1] == "sup" else "_{") + m[2] + "}", text)
    if "\\begin" not in text:
        text = _DOUBLE.sub(r"\\", text)
    text = re.sub(r" ?\{ ?, ?\} ?(?=\d)", ",", text)
    text = re.sub(r"(?<=\d)(and|or)(?=[A-Za-z]\()", r" \1 ", text)
    text = re.sub(r"(?<=\d),\\! ?(?=\d{3})", ",", text)
    text = re.sub(r"(?<=\d)\\[,!](?=\d{3}(?!\d))", ",", text)
    text = re.sub(r"\\\$(?=[\d\s.,\\-])|\\\$|(?<!\\)\$|\\[()]|(?<!\\)\\[\[\]]", " ", text)
    text = _SPACING.sub(" ", text)
    text = re.sub(r"\\operatorname\s*\*?\s*\{\s*([a-zA-Z]+)\s*\}", r"\\\1 ", text)
    text = _COMMAND.sub(_rename, text)
    text = _REPEATING.sub(_repeating, text)
    text = _FLAT_SPACE.sub(" ", text).strip()
    return _strip_end(text)


_REPEATING = re.compile(r"(\d{1,9})\.(\d{0,20})\\(?:overline|bar|dot) ?\{? ?(\d{1,20}) ?\}?")


def _repeating(match: re.Match[str]) -> str:
    """0.1\\overline{6} as a fraction."""
    whole, fixed, period = match.groups()
    bottom = 10 ** len(fixed) * (10 ** len(period) - 1)
    top = int(whole + fixed + period) - int(whole + fixed)
    return f"\\frac{{{top}}}{{{bottom}}}"


def _rename(match: re.Match[str]) -> str:
    new = _RENAMED.get(match[1])
    if new is None:
        if match[1].startswith("vert") and len(match[1]) == 5:  # \\vertx
            return " | " + match[1][4]
        return match[0]
    if new in "{}":
        return "\\" + new
    return "\\" + new if new.isalpha() else " " + new + " "


def _strip_end(text: str) -> str:
    """`text` without the punctuation of the sentence around it."""
    while text:
        if text[-1] in ".,;:!" and not (text[-1] == "!" and len(text) > 1 and not text[-2].isspace()):
            if text.endswith(("..", "\\!", "\\,", "\\;", "\\:")):
                break
            text = text[:-1].rstrip()
        elif text[-1] == "\\" and not text.endswith("\\\\"):
            text = text[:-1].rstrip()
        else:
            break
    return text


def key(text: str) -> str:
    """Two answers with the same key are the same text: spacing, and braces that print nothing, don't count."""
    text = latex(text)
    text = re.sub(r"\\text\s*\{([^{}]*)\}", r" \1 ", text)
    text = re.sub(r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}", text)
    text = re.sub(r"([_^])\{(\w)\}", r"\1\2", text)
    # A space between two digits or letters separates; elsewhere it prints nothing.
    return re.sub(r"(?<![0-9a-zA-Z]) | (?![0-9a-zA-Z])", "", " ".join(text.split()))


_WORDS = re.compile(r"[A-Za-z][A-Za-z' -]*")
_ARTICLES = re.compile(r"\b(?:the|a|an)\b")


_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
PHRASES = {
    **{word: str(n) for n, word in enumerate(_NUMBER_WORDS.split())},
    **dict.fromkeys(("all real numbers", "set of all real numbers", "all reals", "real numbers"), r"\mathbb{R}"),
    **dict.fromkeys(("empty set",), r"\emptyset"),
}  # fmt: skip


def words(text: str) -> str | None:
    """`text` as lower-case words without articles, or None if it has anything but words."""
    text = re.sub(r"\\(?:text|mathbf|mathsf|mathcal)\s*\{([^{}]*)\}", r" \1 ", latex(text)).replace("**", "")
    text = " ".join(text.split()).strip(" .,;:!()\"'")
    if not text or len(text) > 400 or not _WORDS.fullmatch(text):
        return None
    if not (" " in text or text.islower() or text.istitle() or text.isupper()):
        return text
    lowered = text.lower()
    return " ".join(_ARTICLES.sub(" ", lowered).split()) or lowered
