"""The easy cases, decided in the caller's thread: a plain number on the last line, or the gold answer itself in a box.

It looks at the last few hundred characters only, and decides nothing (None) if anything more could matter.
"""

import re

from rlvr.verifiers.types import Completion, Example, Verdict

TAIL = 400
_LAST_LINE = re.compile(
    r"(?:####|A:|(?:\*\*)?(?:The )?(?:[Ff]inal )?[Aa]nswer(?: is)?:?)[ ]{0,2}"
    r"\$?(-?[0-9][0-9,]{0,30}(?:\.[0-9]{1,40})?)\$?\.?(?:\*\*)?"
)
_LAST_BOX = re.compile(r"\\boxed\{ ?(-?[0-9][0-9,]{0,30}(?:\.[0-9]{1,40})?) ?\}[\s$.)\]\\*]{0,8}")
_NUMBER = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,40})?")
_GROUPS = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]{1,40})?")


def plain_number(text: str) -> str | None:
    """A plain number in one spelling: 1,200.50 -> 1200.5; None for anything else."""
    if "," in text:
        if not _GROUPS.fullmatch(text):
            return None
        text = text.replace(",", "")
    elif not _NUMBER.fullmatch(text):
        return None
    sign = "-" if text[0] == "-" else ""
    whole, _, fraction = text.removeprefix("-").partition(".")
    whole, fraction = whole.lstrip("0"), fraction.rstrip("0")
    if not whole and not fraction:
        return "0"
    return f"{sign}{whole or '0'}.{fraction}" if fraction else f"{sign}{whole}"


def by_last_line(example: Example, completion: Completion) -> Verdict | None:
    """The verdict if the last line is a marked plain number and the gold answer is a plain number too, else None."""
    gold_text = example.gold
    if len(gold_text) > TAIL:
        gold_text = gold_text[-TAIL:]
    mark = gold_text.rfind("####")
    gold = plain_number((gold_text[mark + 4 :] if mark >= 0 else gold_text).strip())
    if gold is None or (mark < 0 and len(example.gold) > TAIL):
        return None
    if "<|" in completion.text:  # a chat's markers: extraction cuts there
        return None
    tail = completion.text[-TAIL:].rstrip()
    marked = _LAST_LINE.fullmatch(tail[tail.rfind("\n") + 1 :])
    if marked is None and (box := tail.rfind("\\boxed{")) >= 0 and tail.find("\\boxed", max(0, box - 100), box) < 0:
        marked = _LAST_BOX.fullmatch(tail[box:])
    if marked is None:
        return None
    number = plain_number(marked[1])
    if number is None:
        return None
    if number == gold:
        return Verdict.of(True, marked[1], "the same number")
    if "." in number and "." in gold:
        return None  # rounding is the worker's business
    return Verdict.of(False, marked[1], "another number")
