"""`choice`: the answer is one letter of a multiple-choice question.

One letter is decided before the gold answer is looked at. Where the completion names its answer (`Answer: B`,
`\\boxed{B}`, `the correct option is **C**`), the last such place counts; else a completion that is or begins with a
choice (`B`, `(B)`, `B. Paris`), its last line likewise, else the one letter in parentheses. Several letters in the
deciding place are hedging, and no answer.

`example.metadata["choices"]` may hold the choices: a list (lettered A, B, …) or a dict of letters. Then a choice's text
stands for its letter, and a letter followed by another choice's text is a contradiction, and no answer.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rlvr.verifiers.text.numerals import normalize
from rlvr.verifiers.text.questions import choice_near_misses, choice_rows
from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import verifier

MAX_TEXT = 100_000  # characters: of a longer completion the end is read
MAX_LINE = 400

_MARKER = re.compile(
    r"\b(?:answer|option|choice)(?: (?:is|would be|must be|should be))?(?:[ ]?[:=])?(?=[\s*_`:({\[\"'$\\])|\\boxed\{"
    r"|\bI (?:choose|pick|select)\b|^[ *]{0,4}A:",
    re.IGNORECASE | re.MULTILINE,
)
_FILLER = re.compile(
    r"(?:[\s:=*_`({\[\"'$<]|\\boxed\{|\\text(?:bf)?\{|(?:option|choice|is|the|letter|answer)\b)*+", re.IGNORECASE
)
_LETTER = re.compile(r"([A-Za-z])(?![A-Za-z0-9'’])([)\]}*_`\"'.,:;$>-]*)")
_ANOTHER = re.compile(
    r"\s?(?:[,/&+|;]|or\b|and\b|\\text)?\s?(?:(?:option|choice)\s)?[(\[*\"'{]{0,3}([A-Za-z])(?![A-Za-z0-9'’])",
    re.IGNORECASE,
)
_PARENTHESISED = re.compile(r"[(\[]([A-Za-z])[)\]]")
_QUOTES = " \t\n*_`\"'.()[]{}$:;,!-"


class Found(NamedTuple):
    letter: str | None  # None: no answer, and `rule` says why
    rule: str


@verifier(
    "choice",
    bounded=True,
    cases=Path(__file__).with_name("cases") / "choice.jsonl",
    generate=choice_rows,
    near_misses=choice_near_misses,
)
def VERIFIER(example: Example, completion: Completion, *, letters: str = "", match_text: bool = True) -> Verdict:
    """The letter of the right choice.

    `letters`: those allowed (default: those of the choices, else A to J); `match_text`: a choice's text stands for its
    letter.
    """
    choices = _choices(example)
    allowed = letters.upper() or "".join(choices) or "ABCDEFGHIJ"
    texts = {_plain(text): letter for letter, text in choices.items()} if match_text else {}
    if not example.gold.strip():
        return Verdict.error("the gold answer is empty")
    gold = example.gold.strip(_QUOTES).upper()
    if len(gold) != 1 or gold not in allowed:
        gold = texts.get(_plain(example.gold), "")
        if not gold:
            return Verdict.error(f"the gold answer {example.gold[:80]!r} is none of the letters {allowed}")
    found = _find(normalize(completion.text[-MAX_TEXT:]).strip(), allowed, texts)
    if found.letter is None:
        return Verdict.unparsed(found.rule)
    return Verdict.of(found.letter == gold, found.letter, f"{found.letter}, {found.rule}; the gold answer is {gold}")


def _find(text: str, allowed: str, texts: Mapping[str, str]) -> Found:
    if not text:
        return Found(None, "the completion is empty")
    if _plain(text) in texts:
        return Found(texts[_plain(text)], "the text of a choice")
    for marker in reversed(list(_MARKER.finditer(text))):
        line = text[marker.end() : marker.end() + MAX_LINE].lstrip().partition("\n")[0]
        found = _decide(line, allowed, texts, f"named by {marker[0].strip(' *')!r}", named=True)
        if found is not None:
            return found
    lines = text.split("\n")
    for line, where in ((lines[0], "the completion begins with it"), (lines[-1], "the last line begins with it")):
        found = _decide(line[:MAX_LINE], allowed, texts, where, named=False)
        if found is not None:
            return found
    inside = {letter.upper() for letter in _PARENTHESISED.findall(text)} & set(allowed)
    if len(inside) == 1:
        return Found(inside.pop(), "the only letter in parentheses")
    if inside:
        return Found(None, f"several letters: {', '.join(sorted(inside))}")
    return Found(None, "no choice found")


def _decide(line: str, allowed: str, texts: Mapping[str, str], rule: str, *, named: bool) -> Found | None:
    """What the beginning of `line` names, or None where it names nothing."""
    whole = texts.get(_plain(line))
    if whole is not None:
        return Found(whole, f"the text of a choice, {rule}")
    filler = _FILLER.match(line)
    start = filler.end() if filler else 0
    match = _LETTER.match(line, start)
    if match is None or match[1].upper() not in allowed:
        return None
    letter, rest = match[1].upper(), line[match.end() :]
    # "a" and "I" are words too ("the answer is a dog", "A cat"): a letter is marked off, or named in upper case.
    marked = bool(match[2]) or not rest.strip() or (start > 0 and line[start - 1] in "([{*")
    if not marked and not (named and match[1].isupper()) and not _ANOTHER.fullmatch(rest[:20]):
        return None
    others = {letter}
    tail = match[2].strip(")]}*_`\"'$>") + rest
    while (another := _ANOTHER.match(tail)) and (another[1].isupper() or another[1].upper() not in "AI"):
        if another[1].upper() in allowed:
            others.add(another[1].upper())
        tail = tail[another.end() :].lstrip(")]}*\"'")
    if len(others) > 1:
        return Found(None, f"hedging between {', '.join(sorted(others))}")
    meant = texts.get(_plain(rest), letter)
    if meant != letter:
        return Found(None, f"the letter {letter} with the text of {meant}")
    return Found(letter, rule)


def _choices(example: Example) -> dict[str, str]:
    given = example.metadata.get("choices")
    if isinstance(given, Mapping):
        if "text" in given and "label" in given:  # the shape of ARC and its like
            given = dict(zip(given["label"], given["text"], strict=False))
        return {str(letter).strip(_QUOTES).upper(): str(text) for letter, text in given.items()}
    if isinstance(given, (list, tuple)):
        return {chr(ord("A") + index): str(text) for index, text in enumerate(given[:26])}
    return {}


def _plain(text: str) -> str:
    """`text` as choices are compared: without case, markup and punctuation around it."""
    return " ".join(text[:1000].casefold().split()).strip(_QUOTES)
