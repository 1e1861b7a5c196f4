"""`number`: the answer is one number, as in GSM8K. Exact values, bounded input, no floats.

The value is extracted before the gold answer is looked at, and it is always one value, so writing many candidates gains
nothing.

`strict`: the last `####` counts, and only a number with its currency sign or unit may follow it on its line.
`#### Step 15 … 99` is therefore no answer. Of several `####` lines the last counts, because a model that corrects itself
means that one; a right answer before it is ignored.

`lenient`, for comparison with other evaluations: the strict answer if there is one; else what the last of `answer is`,
`Answer:`, `A:` or `\\boxed{}` names; else the last number in the text.

A percent sign is a unit: `25%` equals a gold answer of 25 and not one of 0.25.
"""

import functools
import re
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple

from rlvr.verifiers.text import numerals
from rlvr.verifiers.text.questions import number_near_misses, number_rows
from rlvr.verifiers.types import Completion, Example, Status, Verdict
from rlvr.verifiers.verifier import verifier

MAX_TEXT = 100_000  # characters: of a longer completion the end is read
_NEAR = 400  # characters at the end; the last number is nearly always among them
_SHOWN = 80  # characters of an extract in `reason`

_MARKER = re.compile(r"(?:[Aa]nswer|ANSWER)(?:\*\*)?(?: is| IS|:)|\\boxed\{|^[ *]{0,4}A:", re.MULTILINE)
_OPENING = re.compile(r"(?:[\s:=*_`({\[~≈]|\\[(\[]|\\boxed\{|\$(?=[^0-9]))*+")
_HEDGE = re.compile(r"[\s*$%]{0,4}(?:or|and|to)\b[^0-9.\n]{0,20}[0-9]|[\s*$%]{0,4},?\s?[0-9]")
_SUM = re.compile(r"\s?(?:[-+*/×÷=]|\\times|\\div)")


class Extracted(NamedTuple):
    """What was extracted, and by which rule. `value` is None if there is no answer, and `rule` says why."""

    value: Fraction | None
    text: str
    rule: str


@verifier(
    "number",
    bounded=True,
    cases=Path(__file__).with_name("cases") / "number.jsonl",
    generate=number_rows,
    near_misses=number_near_misses,
)
def number(example: Example, completion: Completion, *, mode: Literal["strict", "lenient"] = "strict") -> Verdict:
    """The number after the last `####` equals the gold number, exactly.

    `mode`: lenient also accepts a number without `####`. The verdict's parts are `format`, whether there is a number after
    `####`, and `lenient`, whether the number is right, be it without `####`.
    """
    gold = _gold(example.gold) if len(example.gold) <= numerals.MAX_LENGTH else _read_gold(example.gold)
    if gold is None:
        if not example.gold.strip():
            return Verdict.error("the gold answer is empty")
        return Verdict.error(f"the gold answer {_short(example.gold)} is not a number")
    text = numerals.normalize(_end(completion.text))
    extracted = _strict(text)
    parts = {"format": 0.0 if extracted.value is None else 1.0, "lenient": float(extracted.value == gold)}
    if extracted.value is None and (mode == "lenient" or "####" not in text):
        elsewhere = _lenient(text)
        # What is written after #### counts, be it unreadable: no hedge there is made good by a number elsewhere.
        parts["lenient"] = float(elsewhere.value == gold and "####" not in text)
        extracted = elsewhere if mode == "lenient" else extracted
    if extracted.value is None:
        return Verdict(Status.UNPARSED, 0.0, None, extracted.rule, parts)
    correct = extracted.value == gold
    relation = "equals" if correct else "differs from"
    reason = f"{_short(extracted.text)}, {extracted.rule}, {relation} {_short(example.gold)}"
    return Verdict(Status.CORRECT if correct else Status.INCORRECT, float(correct), extracted.text, reason, parts)


def _strict(text: str) -> Extracted:
    start = text.rfind("####")
    if start < 0:
        return Extracted(None, "", "no #### line")
    if text[start - 1 : start] == "#":
        return Extracted(None, "", "the last #### is part of a longer row of #")
    line = text[start + 4 : start + 5 + numerals.MAX_LENGTH].partition("\n")[0].strip()
    value = numerals.read(line)
    if value is None:
        return Extracted(None, "", f"after the last #### is {_short(line)}, not just a number")
    return Extracted(value, line, "from the last #### line")


def _lenient(text: str) -> Extracted:
    marker = None
    for marker in _MARKER.finditer(text):  # noqa: B007 - only the last one matters
        pass
    if marker is not None:
        extracted = _named(text, marker)
        if extracted is not None:
            return extracted
    for window in (text[-_NEAR:], text):
        for match in reversed(list(numerals.NUMERAL.finditer(window))):
            if match.start() < 2 and len(window) < len(text):
                break  # perhaps cut in two by the window
            signed = _unary(window, match)
            value = None if numerals.glued(window, match) else numerals.value_of(match)
            if value is not None:
                return Extracted(
                    value if signed else abs(value),
                    match[0] if signed else match[0].lstrip("+-"),
                    "the last number of the text",
                )
    return Extracted(None, "", "no number in the text")


def _named(text: str, marker: re.Match[str]) -> Extracted | None:
    """The number that a marker such as `The answer is` names; None if it names none."""
    rule = f"named by {marker[0].strip(' *')!r}"
    if marker[0] == "\\boxed{":
        inside = text[marker.end() : marker.end() + numerals.MAX_LENGTH]
        content = inside[: _closing(inside)]
        value = numerals.read(content)
        return None if value is None else Extracted(value, content.strip(), rule)
    line = text[marker.end() : marker.end() + numerals.MAX_LENGTH].lstrip().partition("\n")[0]
    opening = _OPENING.match(line)
    start = opening.end() if opening else 0
    if line[start : start + 2] == "- ":
        line = line[:start] + "-" + line[start + 2 :]
    matches = [m for m in numerals.NUMERAL.finditer(line) if not numerals.glued(line, m)]
    if not matches:
        return None
    match, rest = matches[0], line[matches[0].end() :]
    if match.start() > start or _SUM.match(rest):  # words or a calculation come first: its result comes last
        match = matches[-1]
    elif _HEDGE.match(rest):
        return Extracted(None, "", f"the answer names several numbers: {_short(line)}")
    value = numerals.value_of(match)
    if value is None:
        return None
    if match.start() > start and not _unary(line, match):
        return Extracted(abs(value), match[0].lstrip("+-"), rule)
    return Extracted(value, match[0], rule)


def _unary(text: str, match: re.Match[str]) -> bool:
    """Whether the sign of `match` belongs to it, and isn't the minus or hyphen between two terms."""
    return match.start() == 0 or not (text[match.start() - 1].isalnum() or text[match.start() - 1] in ")]}%")


def _closing(text: str) -> int:
    """The index of the brace that closes the one before `text`; the length of `text` if none does."""
    depth = 1
    for index, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return index
    return len(text)


def _end(text: str) -> str:
    """The last MAX_TEXT characters, from the first white space on, so that no number is cut in two."""
    return text if len(text) <= MAX_TEXT else "".join(text[-MAX_TEXT:].split(None, 1)[1:])


def _read_gold(text: str) -> Fraction | None:
    """The value of a gold answer, which may be GSM8K's whole worked solution."""
    return numerals.read(text.rpartition("####")[2].strip())


_gold = functools.lru_cache(maxsize=4096)(_read_gold)


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
