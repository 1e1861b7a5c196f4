"""Every offered generator of reasoning-gym against every attack; and the table of offered and refused generators.

python benchmarks/reasoning_gym_sweep.py --questions 5                            # sweep, and report what is wrong
python benchmarks/reasoning_gym_sweep.py --docs docs/verifiers/reasoning_gym.md   # write the table into the page

The gold answer must be accepted; garbage, nothing, a part of the answer, other questions' answers, code and bombs must
not. The tests run it too, with one question a generator.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).parent.resolve()]

from rlvr.verifiers.engine.engine import Engine  # noqa: E402
from rlvr.verifiers.symbolic.reasoning_gym.offered import OFFERED, REFUSED  # noqa: E402
from rlvr.verifiers.symbolic.reasoning_gym.questions import rows  # noqa: E402
from rlvr.verifiers.symbolic.reasoning_gym.scorers import normal  # noqa: E402
from rlvr.verifiers.symbolic.reasoning_gym.verifier import reasoning_gym  # noqa: E402
from rlvr.verifiers.types import Completion, Example, Status, Verdict  # noqa: E402

START, END = "<!-- table: benchmarks/reasoning_gym_sweep.py -->", "<!-- end of table -->"
OTHERS = 10  # questions whose answers are tried for each question
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
    """What became of one generator's questions. `seconds` has the time of each verdict."""

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
    """One generator: `questions` of its questions, each with its gold answer and all attacks."""
    swept = Swept(name)
    rule = OFFERED[name]
    many_solutions = rule.by_library or rule.compare in MANY_SOLUTIONS
    drawn = list(rows(name, questions + OTHERS, seed))
    for index, row in enumerate(drawn[:questions]):
        swept.questions += 1
        example = Example(f"{name}-{index}", row["question"], row["gold"], name, row["metadata"])
        others = [other["gold"] for other in drawn if other["question"] != row["question"]]
        texts = list(attacks(row["gold"], others))
        completions = [Completion(f"<answer>\n{text}\n</answer>") for text in (row["gold"], *texts)]
        completions += [
            Completion(""),
            Completion(row["gold"] + " " + row["gold"]),
            Completion("<answer></answer>"),
        ]
        gold, *verdicts = engine.verify_batch(reasoning_gym, [(example, completion) for completion in completions])
        swept.seconds.append(gold.seconds)
        if gold.status is not Status.CORRECT:
            swept.gold_refused.append(f"{row['gold'][:80]!r}: {gold.status}: {gold.reason[:120]}")
        for completion, verdict in zip(completions[1:], verdicts, strict=True):
            swept.attacks += 1
            elsewhere = completion.text in {f"<answer>\n{other}\n</answer>" for other in others}
            count(swept, row["gold"], completion.text, verdict, may_solve=many_solutions and elsewhere)
    return swept


def count(swept: Swept, gold: str, text: str, verdict: Verdict, *, may_solve: bool) -> None:
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


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("generators", nargs="*", help="default: all that are offered")
    parser.add_argument("--questions", type=int, default=3, help="of each generator")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--docs", type=Path, help="write the table into this page, without a sweep")
    arguments = parser.parse_args()
    if arguments.docs:
        write(arguments.docs)
        return 0
    all_swept: list[Swept] = []
    with Engine(workers=2) as engine:
        for name in arguments.generators or sorted(OFFERED):
            swept = sweep(name, engine, arguments.questions, arguments.seed)
            all_swept.append(swept)
            for kind in ("gold_refused", "accepted", "unsettled"):
                for problem in getattr(swept, kind)[:5]:
                    print(f"{name}: {kind}: {problem}", flush=True)
    seconds = [s for swept in all_swept for s in swept.seconds]
    print(
        f"{len(all_swept)} generators, {sum(s.questions for s in all_swept)} questions: "
        f"{sum(len(s.gold_refused) for s in all_swept)} gold answers refused, "
        f"{sum(len(s.accepted) for s in all_swept)} of {sum(s.attacks for s in all_swept)} attacks accepted "
        f"({sum(s.other_solutions for s in all_swept)} answers to other questions solve the puzzle too), "
        f"{sum(len(s.unsettled) for s in all_swept)} timeouts and errors; "
        f"median {statistics.median(seconds) * 1e3:.2f} ms, longest {max(seconds) * 1e3:.0f} ms"
    )
    return 0 if all(swept.ok for swept in all_swept) else 1


def table() -> str:
    """The table of the documentation: each generator, and how its answers are scored or why it is refused."""
    lines = ["| Generator | Scored | |", "|---|---|---|"]
    for name, rule in sorted(OFFERED.items()):
        how = "by the library, after a pattern" if rule.by_library else f"by rlvr: {rule.compare}"
        lines.append(f"| `{name}` | {how} | {rule.note} |")
    lines += [f"| `{name}` | refused | {reason} |" for name, reason in sorted(REFUSED.items())]
    return "\n".join(lines)


def write(page: Path) -> None:
    """Replace the table in `page`."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{START}\n{table()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
