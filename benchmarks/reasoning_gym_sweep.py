"""Every generator of reasoning-gym that is offered, against every attack; then the table of offered and refused ones.

python benchmarks/reasoning_gym_sweep.py --questions 5                 # sweep, and say what is wrong
python benchmarks/reasoning_gym_sweep.py --docs docs/verifiers/reasoning_gym.md   # write the table into the page
"""

import argparse
import statistics
import sys
from pathlib import Path

sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).parent.resolve()]

from rlvr.verifiers.engine.engine import Engine  # noqa: E402
from rlvr.verifiers.symbolic.reasoning_gym.offered import OFFERED, REFUSED  # noqa: E402
from rlvr.verifiers.symbolic.reasoning_gym.sweep import Swept, sweep  # noqa: E402

START, END = "<!-- table: benchmarks/reasoning_gym_sweep.py -->", "<!-- end of table -->"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("generators", nargs="*", help="default: all that are offered")
    parser.add_argument("--questions", type=int, default=3, help="of each generator")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--docs", type=Path, help="the page whose table is written; without a sweep")
    arguments = parser.parse_args()
    if arguments.docs:
        write(arguments.docs)
        return 0
    swept: list[Swept] = []
    with Engine(workers=2) as engine:
        for name in arguments.generators or sorted(OFFERED):
            swept.append(sweep(name, engine, arguments.questions, arguments.seed))
            for kind in ("gold_refused", "accepted", "unsettled"):
                for what in getattr(swept[-1], kind)[:5]:
                    print(f"{name}: {kind}: {what}", flush=True)
    seconds = [s for one in swept for s in one.seconds]
    print(
        f"{len(swept)} generators, {sum(s.questions for s in swept)} questions: "
        f"{sum(len(s.gold_refused) for s in swept)} gold answers refused, "
        f"{sum(len(s.accepted) for s in swept)} of {sum(s.attacks for s in swept)} attacks accepted "
        f"({sum(s.other_solutions for s in swept)} answers to other questions solve the puzzle too), "
        f"{sum(len(s.unsettled) for s in swept)} timeouts and errors; "
        f"median {statistics.median(seconds) * 1e3:.2f} ms, longest {max(seconds) * 1e3:.0f} ms"
    )
    return 0 if all(s.ok for s in swept) else 1


def table() -> str:
    lines = ["| Generator | Scored | |", "|---|---|---|"]
    for name, rule in sorted(OFFERED.items()):
        how = "by the library, after a pattern" if rule.by_library else f"by rlvr: {rule.compare}"
        lines.append(f"| `{name}` | {how} | {rule.note} |")
    lines += [f"| `{name}` | refused | {reason} |" for name, reason in sorted(REFUSED.items())]
    return "\n".join(lines)


def write(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{START}\n{table()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
