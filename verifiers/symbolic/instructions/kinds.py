"""The kinds of constraints on a text, after IFEval (arXiv:2311.07911) and IFBench (arXiv:2507.02833).

A kind is a function of a text and its parameters that returns what is wrong, or "". Counts have `least` and `most`, and at
least one of them is given. Words are compared without letter case.
"""

import functools
import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from rlvr.verifiers.symbolic.fields import short
from rlvr.verifiers.symbolic.instructions.language import LANGUAGES, detect

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]*_]*\s+|(?<=[。！？])|\n\s*\n|\n(?=[ \t]*(?:[-*•]|\d+[.)])\s)")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|e\.g|i\.e|etc|No|[A-Z])\.$")


class Text:
    """A text and its pieces, each computed once."""

    def __init__(self, text: str, question: str = "") -> None:
        self.text, self.question = text, question

    @functools.cached_property
    def words(self) -> list[str]:
        """The words, in order."""
        return _WORD.findall(self.text)

    @functools.cached_property
    def folded(self) -> list[str]:
        """The words without letter case, with straight apostrophes."""
        return [word.casefold().replace("’", "'") for word in self.words]

    @functools.cached_property
    def sentences(self) -> list[str]:
        """The sentences: pieces with a word in them."""
        pieces: list[str] = []
        for piece in _SENTENCE_END.split(self.text):
            if pieces and _ABBREVIATION.search(pieces[-1][-8:]):
                pieces[-1] += " " + piece
            else:
                pieces.append(piece)
        return [piece for piece in pieces if _WORD.search(piece)]

    @functools.cached_property
    def paragraphs(self) -> list[str]:
        """The paragraphs, separated by empty lines."""
        return [piece.strip() for piece in re.split(r"\n[ \t]*\n", self.text) if piece.strip()]

    def count(self, phrase: str) -> int:
        """How often a word or phrase occurs in the text, as whole words."""
        wanted = [word.casefold().replace("’", "'") for word in _WORD.findall(phrase)]
        if len(wanted) == 1:
            return self.folded.count(wanted[0])
        size = len(wanted)
        return sum(self.folded[i : i + size] == wanted for i in range(len(self.folded) - size + 1)) if size else 0


Kind = Callable[..., str]
KINDS: dict[str, Kind] = {}


def kind(function: Kind) -> Kind:
    """Register a kind of constraints under the function's name."""
    KINDS[function.__name__] = function
    return function


def _count(number: int, what: str, least: int | None, most: int | None) -> str:
    if least is not None and number < least:
        return f"{number} {what}, fewer than {least}"
    if most is not None and number > most:
        return f"{number} {what}, more than {most}"
    return ""


# ---- length


@kind
def words(text: Text, least: int | None = None, most: int | None = None) -> str:
    """The number of words."""
    return _count(len(text.words), "words", least, most)


@kind
def sentences(text: Text, least: int | None = None, most: int | None = None) -> str:
    """The number of sentences: pieces that end in `.`, `!` or `?`, at an empty line, or before the next item of a list."""
    return _count(len(text.sentences), "sentences", least, most)


@kind
def paragraphs(text: Text, least: int | None = None, most: int | None = None) -> str:
    """The number of paragraphs, separated by empty lines."""
    return _count(len(text.paragraphs), "paragraphs", least, most)


@kind
def bullets(text: Text, least: int | None = None, most: int | None = None) -> str:
    """The number of lines that begin with `- `, `* ` or `• `."""
    return _count(len(re.findall(r"^[ \t]*[-*•][ \t]+\S", text.text, re.MULTILINE)), "bullets", least, most)


@kind
def numbered(text: Text, count: int) -> str:
    """Lines that begin with `1.`, `2.` and so on up to `count`, and no others."""
    numbers = [int(number) for number in re.findall(r"^[ \t]*(\d{1,4})[.)][ \t]+\S", text.text, re.MULTILINE)]
    return "" if numbers == list(range(1, count + 1)) else f"the numbers {numbers[:20]}, not 1 to {count}"


@kind
def sentence_words(text: Text, most: int) -> str:
    """No sentence has more than `most` words."""
    longest = max((len(_WORD.findall(sentence)) for sentence in text.sentences), default=0)
    return f"a sentence of {longest} words, more than {most}" if longest > most else ""


# ---- words and letters


@kind
def keywords(text: Text, words: list[str]) -> str:
    """Every word or phrase is there, as whole words."""
    missing = [word for word in words if not text.count(word)]
    return f"{short(missing[0])} is missing" if missing else ""


@kind
def forbidden(text: Text, words: list[str]) -> str:
    """None of the words or phrases is there, not even as a part of a word."""
    joined = " ".join(text.folded)
    there = [word for word in words if word.casefold() in joined or word.casefold() in text.text.casefold()]
    return f"{short(there[0])} is there" if there else ""


@kind
def frequency(text: Text, word: str, least: int | None = None, most: int | None = None) -> str:
    """How often a word or phrase occurs."""
    return _count(text.count(word), f"times {short(word)}", least, most)


@kind
def letter(text: Text, letter: str, least: int | None = None, most: int | None = None) -> str:
    """How often a letter occurs, small or capital."""
    return _count(text.text.casefold().count(letter.casefold()), f"letters {letter!r}", least, most)


@kind
def without(text: Text, characters: str) -> str:
    """None of the characters is there, such as `,`."""
    there = sorted(set(characters) & set(text.text))
    return f"{there[0]!r} is there" if there else ""


@kind
def first_word(text: Text, word: str) -> str:
    """The first word."""
    first = text.folded[0] if text.folded else ""
    return "" if first == word.casefold() else f"the first word is {short(first)}, not {short(word)}"


@kind
def last_word(text: Text, word: str) -> str:
    """The last word."""
    last = text.folded[-1] if text.folded else ""
    return "" if last == word.casefold() else f"the last word is {short(last)}, not {short(word)}"


@kind
def paragraph_first_word(text: Text, paragraph: int, word: str) -> str:
    """The first word of a paragraph, counted from 1."""
    if not 1 <= paragraph <= len(text.paragraphs):
        return f"there is no paragraph {paragraph}"
    return first_word(Text(text.paragraphs[paragraph - 1]), word)


@kind
def starts_with(text: Text, phrase: str) -> str:
    """The text starts with exactly this."""
    return (
        "" if text.text.startswith(phrase) else f"it starts with {short(text.text[: len(phrase)])}, not {short(phrase)}"
    )


@kind
def ends_with(text: Text, phrase: str) -> str:
    """The text ends with exactly this."""
    return "" if text.text.endswith(phrase) else f"it ends with {short(text.text[-len(phrase) :])}, not {short(phrase)}"


@kind
def varied(text: Text, percent: int) -> str:
    """At least `percent` % of the words are different."""
    share = 100 * len(set(text.folded)) / max(1, len(text.folded))
    return f"{share:.0f} % of the words are different, fewer than {percent} %" if share < percent else ""


@kind
def unique_words(text: Text) -> str:
    """No word occurs twice."""
    doubled = [word for word, count in Counter(text.folded).items() if count > 1]
    return f"{short(doubled[0])} occurs more than once" if doubled else ""


@kind
def word_length(text: Text, least: int | None = None, most: int | None = None) -> str:
    """The letters of every word."""
    wrong = (_count(len(word), f"letters in {short(word)}", least, most) for word in text.words)
    return next(filter(None, wrong), "")


@kind
def palindromes(text: Text, least: int, length: int = 3) -> str:
    """At least `least` different words of `length` letters or more read the same backwards."""
    palindromic = {word for word in text.folded if len(word) >= length and word == word[::-1] and len(set(word)) > 1}
    return _count(len(palindromic), "palindromes", least, None)


@kind
def alphabetical(text: Text) -> str:
    """The first words of the sentences are in alphabetical order."""
    first = [_WORD.findall(sentence)[0].casefold() for sentence in text.sentences]
    return "" if first == sorted(first) else f"the sentences begin with {', '.join(first)[:100]}"


# ---- casing


@kind
def uppercase(text: Text) -> str:
    """Every letter is a capital."""
    return "" if text.text == text.text.upper() else "not all letters are capitals"


@kind
def lowercase(text: Text) -> str:
    """No letter is a capital."""
    return "" if text.text == text.text.lower() else "there are capital letters"


@kind
def title_case(text: Text) -> str:
    """Every word begins with a capital letter."""
    small = [word for word in text.words if word[0].islower()]
    return f"{short(small[0])} begins with a small letter" if small else ""


@kind
def capital_words(text: Text, least: int | None = None, most: int | None = None) -> str:
    """The number of words all in capitals, of two letters or more."""
    number = sum(len(word) > 1 and word.isupper() for word in text.words)
    return _count(number, "words in capitals", least, most)


# ---- format


@kind
def json_format(text: Text) -> str:
    """The whole text is one JSON object or list; a fenced block may hold it."""
    inside = re.fullmatch(r"```(?:json)?[ \t]*\n(.*)\n```", text.text, re.DOTALL | re.IGNORECASE)
    try:
        value = json.loads(inside[1] if inside else text.text)
    except (ValueError, RecursionError):
        return "it is not JSON"
    return "" if isinstance(value, (dict, list)) and value else "it is not a JSON object or list, or it is empty"


@kind
def title(text: Text) -> str:
    """There is a title in double angle brackets, such as `<<poem of joy>>`."""
    return "" if any(map(_WORD.search, re.findall(r"<<([^<>\n]*)>>", text.text))) else "there is no title in << >>"


@kind
def sections(text: Text, marker: str, count: int) -> str:
    """Lines begin with the marker and 1, 2, … up to `count`, such as `Section 1`, and each has text below it."""
    pieces = re.split(rf"^[ \t#*]*{re.escape(marker)}[ \t]+(\d{{1,4}})\b", text.text, flags=re.MULTILINE)
    numbers = [int(number) for number in pieces[1::2]]
    if numbers != list(range(1, count + 1)):
        return f"the sections {numbers[:20]}, not 1 to {count}"
    return "" if all(_WORD.search(piece) for piece in pieces[2::2]) else "a section is empty"


@kind
def postscript(text: Text, marker: str = "P.S.") -> str:
    """The last paragraph or line begins with the marker, and text follows it."""
    at = [match.end() for match in re.finditer(rf"^[ \t]*{re.escape(marker)}", text.text, re.MULTILINE)]
    rest = text.text[at[-1] :] if at else ""
    return "" if _WORD.search(rest) and "\n\n" not in rest else f"no {marker} at the end"


@kind
def placeholders(text: Text, least: int) -> str:
    """At least so many different placeholders in square brackets, such as `[name]`."""
    names = {inside for inside in re.findall(r"\[([^\[\]\n]*)\]", text.text) if _WORD.search(inside)}
    return _count(len(names), "placeholders", least, None)


@kind
def highlights(text: Text, least: int) -> str:
    """At least so many different passages between asterisks, such as `*this*`."""
    passages = re.findall(r"(?<![*\w])\*{1,2}(?=[^\s*])([^*\n]+)(?<=[^\s*])\*{1,2}(?![*\w])", text.text)
    return _count(len({passage.casefold() for passage in passages if _WORD.search(passage)}), "highlights", least, None)


@kind
def quoted(text: Text) -> str:
    """The whole text is in double quotation marks."""
    inside = text.text[1:-1]
    whole = len(text.text) > 2 and text.text[0] in '"“' and text.text[-1] in '"”'
    return "" if whole and _WORD.search(inside) else "it isn't in double quotation marks"


@kind
def parts(text: Text, divider: str, count: int) -> str:
    """The divider on a line of its own parts the text into `count` different parts."""
    pieces = [
        piece.strip() for piece in re.split(rf"^[ \t]*{re.escape(divider)}[ \t]*$", text.text, flags=re.MULTILINE)
    ]
    if not all(_WORD.search(piece) for piece in pieces):
        return "a part is empty"
    return "two parts are the same" if len(set(pieces)) < len(pieces) else _count(len(pieces), "parts", count, count)


@kind
def repeat_prompt(text: Text, prompt: str = "") -> str:
    """The text begins with the prompt, word for word (default: the example's question), and then goes on."""
    prompt = (prompt or text.question).strip()
    if not text.text.startswith(prompt):
        return "it doesn't begin with the prompt"
    return "" if _WORD.search(text.text[len(prompt) :]) else "nothing follows the prompt"


@kind
def language(text: Text, code: str) -> str:
    """The language, by its code; only those of `language.LANGUAGES` are told apart."""
    detected = detect(text.text)
    return "" if detected == code else f"it looks like {detected or 'no language that is known'}, not {code}"


def check_parameters(name: str, parameters: dict[str, Any]) -> str:
    """What is wrong with the parameters of a constraint, beyond their types; or ""."""
    if {"least", "most"} <= set(KINDS[name].__annotations__) and not {"least", "most"} & set(parameters):
        return "least or most is missing"
    if name == "language" and parameters["code"] not in LANGUAGES:
        return f"code must be one of {', '.join(LANGUAGES)}"
    if name == "letter" and len(parameters["letter"]) != 1:
        return "letter must be one letter"
    values = [item for value in parameters.values() for item in (value if isinstance(value, list) else [value])]
    empty = any(isinstance(value, str) and not value.strip() for value in values) or [] in parameters.values()
    return "a text is empty" if empty else ""
