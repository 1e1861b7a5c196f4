"""Measures the verifier `math` against Math-Verify in the same run, and prints a Markdown table.

    python benchmarks/math_verifier.py --cases ../shared/cases --data ../shared/data [--quick]

`--cases` holds math_cases.jsonl, math_attacks.jsonl and gsm8k_completions.jsonl; `--data` data sets whose gold answers
must equal themselves (openai/gsm8k, HuggingFaceH4/MATH-500, ChilleD/SVAMP). Both verifiers run in the engine. CPU time
is measured in this process, without the engine, on the same rows for both.
"""

import os
import sys

if sys.path[0] == os.path.dirname(os.path.abspath(__file__)):
    del sys.path[0]  # this file is called like a module of the standard library

import argparse
import json
import math
import platform
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rlvr.verifiers.audit import AuditCase, AuditRun, Label, Rate, measure, read_cases
from rlvr.verifiers.audit.summary import false_accepts, false_rejects
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.types import Completion, Example
from rlvr.verifiers.verifier import Verifier

NAMES = ("math", "math-verify")
CODE = "code-exec"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--cases", type=Path, required=True)
    arguments.add_argument("--data", type=Path)
    arguments.add_argument("--quick", action="store_true", help="fewer GSM8K completions, gold answers and timed rows")
    given = arguments.parse_args()
    verifiers = [registry().verifier(name) for name in NAMES]
    table = [row for part in (labelled, attacks, identity, completions, cpu) for row in part(verifiers, given)]
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}\n")
    print(f"| | {' | '.join(NAMES)} | target |\n|---|---|---|---|")
    for name, *cells, target in table:
        print(f"| {name} | {' | '.join(cells)} | {target} |")
    print(f"\n{reward_doctor('math_reward')}\n\n{reward_doctor('math_verify_reward')}")


Rows = list[list[str]]


def labelled(verifiers: list[Verifier], given: argparse.Namespace) -> Rows:
    """HardVerify-Math, and the other suites without labels that are a convention."""
    cases = [c for c in read_cases(given.cases / "math_cases.jsonl", verifiers[0]) if not c.convention]
    hard = [c for c in cases if c.source == "hardverify-math"]
    other = [c for c in cases if c.source != "hardverify-math"]
    out = []
    for name, group, targets in (
        ("HardVerify-Math", hard, (">= 80 %", "<= 1 %")),
        ("other suites", other, (">= 97 %", "<= 1.5 %")),
    ):
        runs = [_run(v, group) for v in verifiers]
        out.append([f"{name}: right accepted", *(_right(r) for r in runs), targets[0]])
        out.append([f"{name}: wrong accepted", *(str(false_accepts(r.outcomes)) for r in runs), targets[1]])
    return out


def attacks(verifiers: list[Verifier], given: argparse.Namespace) -> Rows:
    """Attacks, controls, code that must not run, and bombs."""
    cases = read_cases(given.cases / "math_attacks.jsonl", verifiers[0])
    canary = Path("/tmp/rlvr-canary")  # where the payloads of the collected attacks write
    ran, runs = [], []
    for v in verifiers:
        before = set(canary.iterdir()) if canary.exists() else set()
        canary.mkdir(exist_ok=True)
        runs.append(_run(v, cases))
        ran.append(len(set(canary.iterdir()) - before))
    bombs = sum(c.label is Label.NO_HANG for c in cases)

    def accepted(run: AuditRun, label: Label) -> str:
        outcomes = [o for o in run.outcomes if o.case.label is label]
        return str(Rate(sum(o.accepted for o in outcomes), len(outcomes)))

    def slow(run: AuditRun) -> str:
        late = sum(o.verdict.seconds > 2.5 for o in run.outcomes)
        stopped = sum(
            str(o.verdict.status) in ("timeout", "error") for o in run.outcomes if o.case.label is Label.NO_HANG
        )
        return f"{late} of {bombs} ({stopped} stopped by the engine)"

    return [
        ["attacks accepted", *(accepted(r, Label.WRONG) for r in runs), "0"],
        ["controls accepted", *(accepted(r, Label.RIGHT) for r in runs), "all"],
        ["code run", *(str(n) for n in ran), "0"],
        ["bombs over 2.5 s", *(slow(r) for r in runs), "0"],
        ["largest worker, MB", *(f"{r.peak_mb:.0f}" for r in runs), "<= 500"],
    ]


def identity(verifiers: list[Verifier], given: argparse.Namespace) -> Rows:
    """Every gold answer, in a box, equals itself."""
    if given.data is None:
        return []
    golds = list(dict.fromkeys(gold_answers(given.data)))[:: 10 if given.quick else 1]
    cases = [
        AuditCase(str(i), "identity", Example(str(i), "", g), Completion(f"So \\boxed{{{g}}}."), Label.RIGHT)
        for i, g in enumerate(golds)
    ]
    return [[f"identity ({len(golds)} different gold answers)", *(_right(_run(v, cases)) for v in verifiers), "100 %"]]


def gold_answers(folder: Path) -> Iterable[str]:
    import pyarrow.parquet

    for file in sorted(folder.glob("openai/gsm8k/main/*.parquet")):
        for answer in pyarrow.parquet.read_table(file).column("answer").to_pylist():
            yield answer.rpartition("####")[2].strip()
    for name, column in (("HuggingFaceH4/MATH-500", "answer"), ("ChilleD/SVAMP", "Answer")):
        with (folder / name / "test.jsonl").open(encoding="utf-8") as lines:
            yield from (str(json.loads(line)[column]) for line in lines)


def completions(verifiers: list[Verifier], given: argparse.Namespace) -> Rows:
    """GSM8K completions through the engine: how many a second, and how many verdicts agree with the published labels."""
    cases = read_cases(given.cases / "gsm8k_completions.jsonl", verifiers[0])[: 400 if given.quick else None]
    runs = [_run(v, cases) for v in verifiers]
    speed = [len(cases) / r.wall_s for r in runs]
    agree = [sum(o.accepted == (o.case.label is Label.RIGHT) for o in r.outcomes) for r in runs]
    return [
        [
            f"GSM8K completions a second ({len(cases)})",
            *(f"{s:,.0f}" for s in speed),
            f">= 20 times ({speed[0] / speed[1]:.0f})",
        ],
        ["… decided as labelled", *(f"{100 * n / len(cases):.1f} %" for n in agree), ""],
    ]


def cpu(verifiers: list[Verifier], given: argparse.Namespace) -> Rows:
    """CPU time of a verdict in one process, on cases that are not bombs."""
    cases = list(read_cases(given.cases / "math_cases.jsonl", verifiers[0]))[:: 4 if given.quick else 1]
    out = []
    for name, hard in (("HardVerify-Math", True), ("own cases of the suites", False)):
        group = [c for c in cases if (c.source == "hardverify-math") is hard]
        times = [_cpu_times(v, group) for v in verifiers]
        for share, words in ((0.5, "median"), (0.99, "p99")):
            values = [t[min(len(t) - 1, math.ceil(share * len(t)) - 1)] for t in times]
            out.append(
                [
                    f"{name}: CPU ms a verdict, {words}",
                    *(f"{1000 * v:.2f}" for v in values),
                    f"ratio <= 1 ({values[0] / values[1]:.2f})",
                ]
            )
    return out


def _cpu_times(verifier: Verifier, cases: list[AuditCase]) -> list[float]:
    if verifier.preload is not None:
        verifier.preload()
    times = []
    for case in cases:
        options = {**verifier.options, **case.options}
        start = time.process_time()
        _quietly(lambda case=case, options=options: verifier.verify(case.example, case.completion, **options))
        times.append(time.process_time() - start)
    return sorted(times)


def _quietly(call: Callable[[], Any]) -> None:
    try:
        call()
    except Exception:  # noqa: BLE001 - the other verifier may raise; its time counts all the same
        return


def _run(verifier: Verifier, cases: list[AuditCase]) -> AuditRun:
    with Engine() as engine:
        return measure(verifier, cases, engine)


def _right(run: AuditRun) -> str:
    rejected = false_rejects(run.outcomes)
    return str(Rate(rejected.total - rejected.count, rejected.total))


def reward_doctor(function: str) -> str:
    """What reward-doctor reports about a function in rlvr.verifiers.testing, in one line."""
    command = [sys.executable, "-m", "reward_doctor.cli", "audit", f"rlvr.verifiers.testing:{function}", "-f", "json"]
    try:
        report = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    except (OSError, ValueError):
        return "reward-doctor isn't installed (pip install reward-doctor==0.2.0)"
    return (
        f"reward-doctor {function}: {100 * report['false_positive_rate']:.0f} % false accepts, "
        f"{100 * report['false_negative_rate']:.0f} % false rejects, {report['n_cases']} cases"
    )


if __name__ == "__main__":
    main()
