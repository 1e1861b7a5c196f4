"""`reasoning_gym`: the answer to a question of one of reasoning-gym's generators is right in full, or it is wrong.

`example.metadata["generator"]` names the generator. offered.py says how it is scored. If the library's own scorer decides,
an answer must match a pattern first, and only a full score counts.
"""

import re
from pathlib import Path

from rlvr.verifiers.symbolic.final_answer import last_code, last_match
from rlvr.verifiers.symbolic.reasoning_gym.offered import OFFERED, REFUSED, VERSION
from rlvr.verifiers.symbolic.reasoning_gym.questions import generate, near_misses, rows
from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import verifier

MAX_TEXT = 100_000
MAX_ANSWER = 20_000
_CLOSE = re.compile(r"</answer>", re.IGNORECASE)
_OPEN = re.compile(r"<answer>", re.IGNORECASE)


def preload() -> None:
    """Import reasoning-gym once for all workers."""
    from rlvr.verifiers.symbolic.reasoning_gym.questions import library

    library()


@verifier(
    "reasoning_gym",
    cases=Path(__file__).with_name("cases.jsonl"),
    generate=generate,
    near_misses=near_misses,
    preload=preload,
)
def reasoning_gym(example: Example, completion: Completion) -> Verdict:
    """The answer to a question of a reasoning-gym generator, right in full."""
    import json

    from rlvr.errors import ConfigError
    from rlvr.verifiers.symbolic.fields import field
    from rlvr.verifiers.symbolic.reasoning_gym.questions import rule, scorer, scorer_digest
    from rlvr.verifiers.symbolic.reasoning_gym.scorers import COMPARE

    name = field(example.metadata, "generator", str)
    entry = field(example.metadata, "entry", dict, {})
    try:
        scoring = rule(name)
    except ConfigError as error:
        return Verdict.error(str(error))
    if not example.gold.strip():
        return Verdict.error("the gold answer is empty")
    answer = final(completion.text)
    if answer is None:
        return Verdict.unparsed("no <answer>…</answer>, and no line 'Answer: …'")
    if len(answer) > MAX_ANSWER:
        return Verdict.unparsed(f"the answer has more than {MAX_ANSWER} characters")
    if not scoring.by_library:
        try:
            correct = COMPARE[scoring.compare](answer, example.gold, entry)
        except ValueError as error:
            return Verdict.unparsed(f"the answer {answer[:60]!r}: {error}")
        return Verdict.of(correct, answer, f"compared with the gold answer or the puzzle as {scoring.compare}")
    if scorer_digest(name) != scoring.digest:
        return Verdict.error(f"the scorer of {name!r} isn't the one of reasoning-gym {VERSION} that was checked")
    if not re.fullmatch(scoring.pattern, answer):
        return Verdict.unparsed(f"the answer {answer[:60]!r} isn't of the form that is asked for")
    options = json.dumps(dict(field(example.metadata, "options", dict, {})), sort_keys=True)
    score = scorer(name, options).score_answer(
        answer, {"answer": example.gold, "metadata": json.loads(json.dumps(entry))}
    )
    return Verdict.of(score == 1.0, answer, f"reasoning-gym's scorer gives {float(score):.3g}")


def final(text: str) -> str | None:
    """The content of the last `<answer>…</answer>`, in which every character counts, else of the last line `Answer: …`."""
    text = text[-MAX_TEXT:].rpartition("</think>")[2]
    closed = last_match(_CLOSE, text)
    if closed is not None:
        opened = last_match(_OPEN, text, closed.start())
        if opened is not None:
            return text[opened.end() : closed.start()].strip() or None
    return last_code(text, "", "text")


__all__ = ["OFFERED", "REFUSED", "VERSION", "final", "generate", "near_misses", "reasoning_gym", "rows"]
