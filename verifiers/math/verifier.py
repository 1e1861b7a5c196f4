"""`math`: is the completion's answer the gold answer, as mathematics?

Extraction (which text is the answer) is separate from comparison (is it equal); the verdict names both. Model text is
only read by the parser in verifiers/expressions: nothing in it is evaluated as code.
"""

from pathlib import Path

from rlvr.verifiers.expressions.extract import Mode
from rlvr.verifiers.expressions.options import MathOptions, Percent, Rounding, Units
from rlvr.verifiers.math.questions import math_near_misses, math_rows
from rlvr.verifiers.math.shortcut import by_last_line
from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import verifier


def _shortcut(
    example: Example,
    completion: Completion,
    *,
    extract: Mode = "auto",
    bare: bool = False,
    rel_tol: float = 0.0,
    rounding: Rounding = "auto",
    **_: object,
) -> Verdict | None:
    """The verdict on a marked plain number, unless an option concerns it."""
    if bare or extract not in ("auto", "hash") or rel_tol or rounding == "gold":
        return None
    return by_last_line(example, completion)


def preload() -> None:
    """Import what comparing needs, once for all workers."""
    from rlvr.verifiers.math.decision import decide

    decide(r"\sqrt{2}", "1 < x", MathOptions())
    decide(r"\sqrt{2} + 1", r"\sin 1", MathOptions())


@verifier(
    "math",
    shortcut=_shortcut,
    memory_mb=400,
    cases=Path(__file__).with_name("cases.jsonl"),
    generate=math_rows,
    near_misses=math_near_misses,
    preload=preload,
)
def math(
    example: Example,
    completion: Completion,
    *,
    extract: Mode = "auto",
    bare: bool = False,
    rel_tol: float = 0.0,
    rounding: Rounding = "auto",
    percent: Percent = "either",
    units: Units = "lenient",
    rename: bool = True,
) -> Verdict:
    """The answer equals the gold answer as mathematics: numbers, expressions, sets, intervals, lists, matrices, units.

    extract: where the answer is: auto, boxed, hash ("#### 5"), answer ("the answer is 5"), bare (the whole text).
    bare: compare two bare answers, without extraction.
    rel_tol: the relative difference that still counts as equal.
    rounding: auto (a decimal equals the exact value that rounds to it), gold (to the gold answer's digits), exact.
    percent: either (50% is 0.5 or 50), value (only 0.5), ignore (only 50).
    units: lenient (a unit may be missing on one side; two must agree), required, ignore.
    rename: the integer parameter of a general solution may have another letter.
    """
    from rlvr.verifiers.expressions.extract import extract as extract_answer
    from rlvr.verifiers.expressions.extract import gold_answer
    from rlvr.verifiers.math.decision import decide

    gold = gold_answer(example.gold) if not bare else example.gold.strip(" \n")
    if not gold.strip():
        return Verdict.error("the gold answer is empty")
    answer = extract_answer(completion.text, "bare" if bare else extract)
    if answer is None:
        return Verdict.unparsed("no answer was found in the completion")
    decision = decide(gold, answer.text, MathOptions(rel_tol, rounding, percent, units, rename), answer.loose)
    return Verdict.of(
        decision.correct,
        answer.text,
        decision.rule,
        extraction=answer.how,
        gold=gold[:500],
        gold_type=decision.gold_type,
        answer_type=decision.answer_type,
    )
