"""Takes the final answer out of a completion. The place is decided before the gold answer is looked at.

The last marker counts, and one answer only: whoever writes several candidates gains nothing.
"""

import importlib
import re
from typing import Any

from rlvr.errors import VerifierError
from rlvr.verifiers.code.extract import blocks

MAX_TEXT = 100_000  # characters: of a longer completion the end is read
# Possessive, so that no run of spaces makes them quadratic.
_LINE = re.compile(r"^[ \t>*_#]*+(?:final[ \t]++)?answer[ \t*_]*+[:=][ \t*_]*+(.*)$", re.IGNORECASE | re.MULTILINE)
_TAG = re.compile(r"<(/?)answer>", re.IGNORECASE)
_CODE_LINE = re.compile(
    r"^[ \t>*_#]*+(?:final[ \t]++)?answer[ \t]*+(?:\*\*|__)?[ \t]*+[:=](?:\*\*|__)?(.*)$", re.IGNORECASE | re.MULTILINE
)


def last_answer(text: str) -> str | None:
    """What stands in the last `<answer>…</answer>` or behind the last `Answer:` of a line, or None where neither is.

    Markdown's emphasis, code quotes and dollar signs around it are taken off. Thoughts don't count: text up to the last
    `</think>`, or from a `<think>` on that is never closed.
    """
    text = text[-MAX_TEXT:].rpartition("</think>")[2].partition("<think>")[0]
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


def last_block(text: str, *labels: str) -> str | None:
    """The content of the last fenced block with one of the labels (`""`: without a label), or None."""
    found = [content for label, content in blocks(text[-MAX_TEXT:]) if label in labels and content.strip()]
    return found[-1].strip("\n") if found else None


def load(module: str, package: str) -> Any:
    """An optional library. Raises VerifierError, which becomes a verdict `error`, with what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise VerifierError(f"{error}: this verifier needs {package}: pip install 'rlvr[symbolic]'") from None


def last_code(text: str, *labels: str) -> str | None:
    """An answer in which every character counts: a fenced block with one of the labels, or the rest of a line.

    The last `Answer:` of a line decides: what stands behind it on its line, without a code span's quotes, else the last
    block below it. Without such a line it is the last block. None where there is neither.
    """
    text = text[-MAX_TEXT:].rpartition("</think>")[2].partition("<think>")[0]
    last = None
    for last in _CODE_LINE.finditer(text):  # noqa: B007 - only the last one matters
        pass
    if last is None:
        return last_block(text, *labels)
    below, line = last_block(text[last.end() :], *labels), last[1].strip()
    if line and below is None:
        quotes = len(line) - len(line.lstrip("`"))
        if quotes and len(line) > 2 * quotes and line.endswith("`" * quotes):
            line = line[quotes:-quotes].strip()
        return line
    return below if not line else None  # a line and a block: two answers
