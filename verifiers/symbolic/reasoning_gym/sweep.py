"""Every generator against every attack: what `benchmarks/reasoning_gym_sweep.py` and the tests run.

The gold answer must be right; garbage, nothing, a part of the answer, other questions' answers, code and bombs must not.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.symbolic.reasoning_gym.offered import OFFERED
from rlvr.verifiers.symbolic.reasoning_gym.questions import rows
from rlvr.verifiers.symbolic.reasoning_gym.scorers import normal
from rlvr.verifiers.symbolic.reasoning_gym.verifier import reasoning_gym
from rlvr.verifiers.types import Completion, Example, Status, Verdict

OTHERS = 10
MANY_SOLUTIONS = frozenset({"queens", "sudoku", "survo", "countdown"})
GARBAGE = (
    "lorem ipsum dolor sit amet",
    "?!#%",
    "((((",
    "\x00\x01\x02",
    "ｘｙｚ",
    "-",
    "…",
    "<answer>",
    "I don't know.",
)
CODE = (
    "__import__('os').system('false')",
    "().__class__.__base__.__subclasses__()",
    "exec('raise SystemExit')",
    "lambda: open('/etc/passwd').read()",
    "Symbol('x').func",
    "{0.__class__}",
    "[i for i in range(10**9)]",
)
BOMBS = (
    "9**9**9",
    "9**9**9**9**9",
    "2**(10**10)",
    "factorial(10**9)",
    "1e999999999",
    "9" * 15_000,
    "(" * 5_000,
    "[" * 10_000,
    "{" * 5_000 + "}" * 5_000,
    "1/" * 5_000 + "3",
    "1+" * 5_000 + "1",
    "A → " * 4_000,
    "U9999999",
    "a" * 500_000,
)


@dataclass
class Swept:
    """What became of one generator's questions."""

    generator: str
    questions: int = 0
    gold_refused: list[str] = field(default_factory=list)
    attacks: int = 0
    accepted: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)  # timeouts and errors
    other_solutions: int = 0  # other questions' answers that solve this puzzle too
    seconds: list[float] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not (self.gold_refused or self.accepted or self.unsettled)


def sweep(name: str, engine: Engine, questions: int, seed: int) -> Swept:
    """One generator: `questions` of it, each with its gold answer and all attacks."""
    swept = Swept(name)
    rule = OFFERED[name]
    many = rule.by_library or rule.compare in MANY_SOLUTIONS
    made = list(rows(name, questions + OTHERS, seed))
    for index, row in enumerate(made[:questions]):
        swept.questions += 1
        example = Example(f"{name}-{index}", row["question"], row["answer"], name, row["metadata"])
        others = [other["answer"] for other in made if other["question"] != row["question"]]
        texts = list(attacks(row["answer"], others))
        completions = [Completion(f"<answer>\n{text}\n</answer>") for text in (row["answer"], *texts)]
        completions += [
            Completion(""),
            Completion(row["answer"] + " " + row["answer"]),
            Completion("<answer></answer>"),
        ]
        gold, *verdicts = engine.verify_batch(reasoning_gym, [(example, completion) for completion in completions])
        swept.seconds.append(gold.seconds)
        if gold.status is not Status.CORRECT:
            swept.gold_refused.append(f"{row['answer'][:80]!r}: {gold.status}: {gold.reason[:120]}")
        for completion, verdict in zip(completions[1:], verdicts, strict=True):
            swept.attacks += 1
            elsewhere = completion.text in {f"<answer>\n{other}\n</answer>" for other in others}
            _judge(swept, row["answer"], completion.text, verdict, many and elsewhere)
    return swept


def _judge(swept: Swept, gold: str, text: str, verdict: Verdict, may_solve: bool) -> None:
    swept.seconds.append(verdict.seconds)
    if verdict.score > 0 and may_solve:
        swept.other_solutions += 1
    elif verdict.score > 0:
        swept.accepted.append(f"{text[:80]!r} for {gold[:80]!r}")
    elif verdict.status not in (Status.INCORRECT, Status.UNPARSED):
        swept.unsettled.append(f"{text[:60]!r}: {verdict.status}: {verdict.reason[:120]}")


def attacks(gold: str, others: list[str]) -> Iterator[str]:
    """Texts that aren't the answer."""
    yield from GARBAGE
    yield from CODE
    yield from BOMBS
    yield f"{gold} and something else"
    yield f"{gold} if 1 else __import__('os')"
    if len(gold) > 3 and "." not in gold:
        yield gold[: len(gold) // 2]
    plain = normal(gold).casefold()
    yield from [other for other in dict.fromkeys(others) if normal(other).casefold() != plain][:OTHERS]
