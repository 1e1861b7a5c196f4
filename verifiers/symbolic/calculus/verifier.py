"""`calculus`: the answer itself satisfies the problem, whichever form it has.

`example.metadata["kind"]` says what the problem is; docs/verifiers/calculus.md lists the fields of each. An
antiderivative is differentiated, a root or a solution of a differential equation is substituted into the equation, two
expressions are compared as functions: at points drawn from the texts, to 60 digits, or 400 if digits cancel. Model
text is only read by the parser in verifiers/expressions.
"""

from pathlib import Path

from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import verifier


def preload() -> None:
    """Import what comparing needs, once for all workers."""
    import mpmath  # noqa: F401

    from rlvr.verifiers.symbolic.calculus import kinds  # noqa: F401


@verifier("calculus", memory_mb=400, cases=Path(__file__).with_name("cases.jsonl"), preload=preload)
def calculus(example: Example, completion: Completion, *, constant: bool = False, real: bool = False) -> Verdict:
    """An antiderivative, derivative, root, limit, integral, simplification or ODE solution satisfies its problem.

    constant: an antiderivative must have its constant of integration.
    real: an antiderivative must be real wherever the integrand is: ln|x|, not ln x, if x may be negative.
    """
    from rlvr.verifiers.expressions.extract import extract
    from rlvr.verifiers.symbolic.calculus.kinds import KINDS
    from rlvr.verifiers.symbolic.calculus.points import Lost, ProblemError
    from rlvr.verifiers.symbolic.calculus.problem import Problem
    from rlvr.verifiers.symbolic.fields import Unreadable

    kind = example.metadata.get("kind")
    if kind not in KINDS:
        return Verdict.error(f"metadata['kind'] = {kind!r:.40}: expected one of {', '.join(KINDS)}")
    extracted = extract(completion.text)
    if extracted is None:
        return Verdict.unparsed("no answer was found in the completion")
    options = {"constant": constant, "real": real} if kind == "antiderivative" else {}
    try:
        correct, reason = KINDS[kind](Problem(example.metadata), extracted.text, **options)
    except ProblemError as error:
        return Verdict.error(str(error))
    except Unreadable as error:
        return Verdict.unparsed(f"the answer {extracted.text[:80]!r}: {error}")
    except Lost as error:
        return Verdict.of(False, extracted.text, str(error))
    return Verdict.of(correct, extracted.text, reason, extraction=extracted.how)
