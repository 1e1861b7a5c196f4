"""`choice`: the answer is one letter of a multiple-choice question.

The letter is extracted before the gold answer is looked at. If the completion names its answer (`Answer: B`,
`\\boxed{B}`, `the correct option is **C**`), the last such place counts; else a completion that is or begins with a
choice (`B`, `(B)`, `B. Paris`), else a last line that does, else the only letter in parentheses. Several letters in the
place that counts are hedging, which is no answer.

`example.metadata["choices"]` may hold the choices: a list (lettered A, B, …) or a dict of letters. Then a choice's text
counts as its letter, and a letter followed by another choice's text is a contradiction, which is no answer.
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
_PARENTHESIZED = re.compile(r"[(\[]([A-Za-z])[)\]]")
_QUOTES = " \t\n*_`\"'.()[]{}$:;,!-"


class Choice(NamedTuple):
    """What was extracted, and by which rule. `letter` is None if there is no answer, and `rule` says why."""

    letter: str | None
    rule: str


@verifier(
    "choice",
    bounded=True,
    cases=Path(__file__).with_name("cases") / "choice.jsonl",
    generate=choice_rows,
    near_misses=choice_near_misses,
)
def choice(example: Example, completion: Completion, *, letters: str = "", match_text: bool = True) -> Verdict:
    """The letter of the right choice.

    `letters`: those allowed (default: those of the choices, else A to J); `match_text`: a choice's text counts as its
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
    chosen = _extract(normalize(completion.text[-MAX_TEXT:]).strip(), allowed, texts)
    if chosen.letter is None:
        return Verdict.unparsed(chosen.rule)
    return Verdict.of(
        chosen.letter == gold, chosen.letter, f"{chosen.letter}, {chosen.rule}; the gold answer is {gold}"
    )


def _extract(text: str, allowed: str, texts: Mapping[str, str]) -> Choice:
    if not text:
        return Choice(None, "the completion is empty")
    if _plain(text) in texts:
        return Choice(texts[_plain(text)], "the text of a choice")
    for marker in reversed(list(_MARKER.finditer(text))):
        line = text[marker.end() : marker.end() + MAX_LINE].lstrip().partition("\n")[0]
        chosen = _decide(line, allowed, texts, f"named by {marker[0].strip(' *')!r}", named=True)
        if chosen is not None:
            return chosen
    lines = text.split("\n")
    for line, where in ((lines[0], "the completion begins with it"), (lines[-1], "the last line begins with it")):
        chosen = _decide(line[:MAX_LINE], allowed, texts, where, named=False)
        if chosen is not None:
            return chosen
    inside = {letter.upper() for letter in _PARENTHESIZED.findall(text)} & set(allowed)
    if len(inside) == 1:
        return Choice(inside.pop(), "the only letter in parentheses")
    if inside:
        return Choice(None, f"several letters: {', '.join(sorted(inside))}")
    return Choice(None, "no choice found")


def _decide(line: str, allowed: str, texts: Mapping[str, str], rule: str, *, named: bool) -> Choice | None:
    """What the beginning of `line` names, or None if it names nothing."""
    letter_of_text = texts.get(_plain(line))
    if letter_of_text is not None:
        return Choice(letter_of_text, f"the text of a choice, {rule}")
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
    letters = {letter}
    tail = match[2].strip(")]}*_`\"'$>") + rest
    while (another := _ANOTHER.match(tail)) and (another[1].isupper() or another[1].upper() not in "AI"):
        if another[1].upper() in allowed:
            letters.add(another[1].upper())
        tail = tail[another.end() :].lstrip(")]}*\"'")
    if len(letters) > 1:
        return Choice(None, f"hedging between {', '.join(sorted(letters))}")
    letter_of_rest = texts.get(_plain(rest), letter)
    if letter_of_rest != letter:
        return Choice(None, f"the letter {letter} with the text of {letter_of_rest}")
    return Choice(letter, rule)


def _choices(example: Example) -> dict[str, str]:
    """Letter -> text of the example's choices; empty if it has none."""
    choices = example.metadata.get("choices")
    if isinstance(choices, Mapping):
        if "text" in choices and "label" in choices:  # the form of ARC and similar data sets
            choices = dict(zip(choices["label"], choices["text"], strict=False))
        return {str(letter).strip(_QUOTES).upper(): str(text) for letter, text in choices.items()}
    if isinstance(choices, (list, tuple)):
        return {chr(ord("A") + index): str(text) for index, text in enumerate(choices[:26])}
    return {}


def _plain(text: str) -> str:
    """`text` in the form in which choices are compared: without case, and without markup and punctuation around it."""
    return " ".join(text[:1000].casefold().split()).strip(_QUOTES)
