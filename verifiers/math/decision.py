"""From two texts to a decision: normalized text first, then the trees in each way that they can be read."""

import re
from dataclasses import dataclass

from rlvr.verifiers.expressions import normalize
from rlvr.verifiers.expressions.errors import NoValue, ParseError
from rlvr.verifiers.expressions.options import MathOptions
from rlvr.verifiers.expressions.parser import parse
from rlvr.verifiers.expressions.syntax import Node
from rlvr.verifiers.math.compare import match


@dataclass(frozen=True, slots=True)
class MathDecision:
    """Whether the answer is the gold answer, by which rule, and as which types they were read."""

    correct: bool
    rule: str
    gold_type: str = ""
    answer_type: str = ""


_DECIMAL_COMMA = re.compile(r"-?(?:\d{1,9},\d{2}|0,\d{3,12})")
_WORD_TAIL = re.compile(r"[^\x00-\xff]+$|\s+(?!(?:or|and)\b)[a-zA-Z$][a-zA-Z ,$'()-]*$")


def decide(gold: str, answer: str, options: MathOptions, loose: bool = False) -> MathDecision:
    """Compare an answer's text with the gold answer's. `loose`: words after the answer may be the rest of a sentence."""
    if normalize.key(gold) == normalize.key(answer):
        return MathDecision(True, "the same text", "text", "text")
    gold_words = normalize.words(gold)
    if gold_words is not None and gold_words == normalize.words(answer):
        return MathDecision(True, "the same words", "text", "text")
    if len(answer) > normalize.MAX_CHARS or len(gold) > normalize.MAX_CHARS:
        return MathDecision(False, "too long to be read as mathematics, and not the same text")
    golds = _readings(gold)
    answers = _readings(answer)
    if not answers and loose:
        shorter = _WORD_TAIL.sub("", answer)
        answers = _readings(shorter) if shorter != answer and re.search(r"\d", shorter) else []
    if not golds:
        return MathDecision(
            False, "the gold answer is text, and the answer is another", "text", kind(answers[0]) if answers else "text"
        )
    if not answers:
        return MathDecision(
            False, "the answer can't be read as mathematics, and isn't the same text", kind(golds[0]), "text"
        )
    for g in golds:
        for a in answers:
            try:
                rule = match(g, a, options)
            except (NoValue, RecursionError):
                rule = None
            if rule:
                return MathDecision(True, rule, kind(g), kind(a))
    return MathDecision(False, "not equal", kind(golds[0]), kind(answers[0]))


def _readings(text: str) -> list[Node]:
    """The ways to read `text`: 1,234 is a number, or else two."""
    clean = normalize.latex(normalize.PHRASES.get(normalize.words(text) or "", text))
    texts = [clean]
    if _DECIMAL_COMMA.fullmatch(clean):
        texts.append(clean.replace(",", "."))
    out: list[Node] = []
    for index, candidate in enumerate(texts):
        for thousands in (True, False) if index == 0 and re.search(r"\d[, ]\d{3}", candidate) else (True,):
            try:
                node = parse(candidate, thousands)
            except ParseError:
                continue
            if node not in out:
                out.append(node)
    return out


def kind(node: Node) -> str:
    """The type of an answer, in a word."""
    head = node.head
    if head == "num":
        value, places = node.args
        return "decimal" if places is not None else "integer" if value.denominator == 1 else "rational"
    if head == "neg":
        return kind(node.args[0])
    if head == "div" and all(a.head == "num" for a in node.args):
        return "rational"
    names = {"unit": "quantity", "percent": "percent", "rel": "relation", "builder": "set", "union": "set", "inter": "set",
             "minus": "set", "mixed": "mixed number", "sym": "symbol", "pm": "list", "or": "list", "ratio": "ratio",
             "based": "number in a base"}  # fmt: skip
    return names.get(head, head if head in ("set", "list", "tuple", "interval", "matrix", "text") else "expression")
