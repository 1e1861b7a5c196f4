r"""A formula of the question is no answer: `math` compares values, and \sqrt{242} is equal to 11\sqrt{2}."""

import re

from rlvr.verifiers.expressions.extract import extract
from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import verifier

LONGEST = 1000  # characters of an answer; a longer one is no formula of the question
_SPACE = re.compile(r"\\left(?![a-z])|\\right(?![a-z])|\\[,;:! ]|\\q?quad|\\displaystyle|[\s{}~]|[.,]+$")
_LABELS = re.compile(r"\\(?:text|mbox|mathrm)\{[^{}]*\}|\^\{?\\circ\}?|\\(?:%|pi|infty|emptyset)|(?<=[A-Za-z])_")
_NAME = re.compile(r"^\s*[A-Za-z](?:\([a-z]\))?\s*=")
_OPERATION = re.compile(r"[\\+*/^!_=|<>(]|(?<=.)-")


@verifier("not_copied", bounded=True, deadline_s=2.0)
def not_copied(example: Example, completion: Completion) -> Verdict:
    """The answer isn't a formula of the question, unless the gold answer is written like that.

    Numbers, words and names of variables may occur in both.
    """
    answer = extract(completion.text)
    if answer is None or len(answer.text) > LONGEST:
        return Verdict.of(True, reason="no formula")  # `math` decides
    text = _NAME.sub("", answer.text.strip(" $"))
    formula = _normal(text)
    if not _OPERATION.search(_LABELS.sub("", text).strip()) or formula == _normal(example.gold):
        return Verdict.of(True, answer.text, "no formula of the question")
    copied = re.search(rf"(?<![\w.]){re.escape(formula)}(?!\w)", _normal(example.question))
    return Verdict.of(
        copied is None, answer.text, "the question's own formula" if copied else "no formula of the question"
    )


def _normal(latex: str) -> str:
    """LaTeX without spaces, braces and sizes, so that two ways of typing a formula are one."""
    return _SPACE.sub("", re.sub(r"\\[dt]frac", r"\\frac", latex.strip()))
