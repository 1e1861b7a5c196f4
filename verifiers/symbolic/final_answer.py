"""Takes the final answer out of a completion. The place is decided before the gold answer is looked at.

The last marker counts, and one answer only: writing several candidates gains nothing.
"""

import importlib
import re
from typing import Any

from rlvr.errors import VerifierError
from rlvr.verifiers.code.extract import blocks

MAX_TEXT = 100_000  # characters; of a longer completion, the end is read
# Possessive, so that no run of spaces makes them quadratic.
_LINE = re.compile(r"^[ \t>*_#]*+(?:final[ \t]++)?answer[ \t*_]*+[:=][ \t*_]*+(.*)$", re.IGNORECASE | re.MULTILINE)
_TAG = re.compile(r"<(/?)answer>", re.IGNORECASE)
_CODE_LINE = re.compile(
    r"^[ \t>*_#]*+(?:final[ \t]++)?answer[ \t]*+(?:\*\*|__)?[ \t]*+[:=](?:\*\*|__)?(.*)$", re.IGNORECASE | re.MULTILINE
)


def last_answer(text: str) -> str | None:
    """The content of the last `<answer>…</answer>` or of the last line `Answer: …`, whichever is later; None without any.

    Markdown's emphasis, code quotes and dollar signs around it are removed. Thoughts don't count: text up to the last
    `</think>`, or from a `<think>` that is never closed.
    """
    text = without_thoughts(text)
    start, answer = -1, ""
    for match in _LINE.finditer(text):
        start, answer = match.start(), match[1]
    opened: re.Match[str] | None = None
    for match in _TAG.finditer(text):
        if not match[1]:
            opened = match
        elif opened is not None:
            if opened.start() > start:
                start, answer = opened.start(), text[opened.end() : match.start()]
            opened = None
    return answer.strip().strip("*_`$").strip() or None


def without_thoughts(text: str) -> str:
    """The end of `text` without the model's thoughts: after the last `</think>`, up to a `<think>` that isn't closed."""
    return text[-MAX_TEXT:].rpartition("</think>")[2].partition("<think>")[0]


def last_match(pattern: re.Pattern[str], text: str, end: int | None = None) -> re.Match[str] | None:
    """The last match of `pattern` in `text`, or in its first `end` characters."""
    match = None
    for match in pattern.finditer(text, 0, len(text) if end is None else end):  # noqa: B007 - the last one is wanted
        pass
    return match


def last_block(text: str, *labels: str) -> str | None:
    """The content of the last fenced block with one of the labels (`""`: without a label), or None."""
    contents = [content for label, content in blocks(text[-MAX_TEXT:]) if label in labels and content.strip()]
    return contents[-1].strip("\n") if contents else None


def load(module: str, package: str) -> Any:
    """Import an optional library. Raises VerifierError, which becomes a verdict `error`, with what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise VerifierError(f"{error}: this verifier needs {package}: pip install 'rlvr[symbolic]'") from None


def last_code(text: str, *labels: str) -> str | None:
    """An answer in which every character counts: a fenced block with one of the labels, or the rest of a line.

    The last line `Answer: …` decides: the rest of the line, without a code span's quotes, else the last block below it.
    Without such a line it is the last block. None without either, and for a line with a block below it.
    """
    text = without_thoughts(text)
    last = last_match(_CODE_LINE, text)
    if last is None:
        return last_block(text, *labels)
    below, line = last_block(text[last.end() :], *labels), last[1].strip()
    if line and below is None:
        quotes = len(line) - len(line.lstrip("`"))
        if quotes and len(line) > 2 * quotes and line.endswith("`" * quotes):
            line = line[quotes:-quotes].strip()
        return line
    return below if not line else None  # a line and a block: two answers
