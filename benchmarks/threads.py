"""Seconds and processor seconds of a run whose OpenMP threads spin while they wait, and of one whose threads sleep.

    python benchmarks/threads.py --load 2

Both train SmolLM2-135M on `arithmetic` for two steps, with vLLM in the trainer's process; they alternate. `--load` busy
processes run beside them. Spinning is libgomp's default without OMP_WAIT_POLICY (GOMP_SPINCOUNT=300000, libgomp's manual,
section GOMP_SPINCOUNT); sleeping is rlvr's.
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ENVIRONMENTS = {"spin": {"GOMP_SPINCOUNT": "300000"}, "sleep": {"OMP_WAIT_POLICY": "PASSIVE"}}


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """As many processes that do nothing but compute."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def measure(environment: dict[str, str], steps: int) -> tuple[float, float, float]:
    """Seconds of a run, its processor seconds, and its median seconds a step."""
    with tempfile.TemporaryDirectory() as folder:
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(
            [Path(sys.executable).with_name("rlvr"), "run", "arithmetic", "--model", "smollm2-135m", "--steps", str(steps),
             "--eval-examples", "8", "--signal-check", "0", "--output", folder],
            env={**os.environ, **environment}, check=True, capture_output=True,
        )  # fmt: skip
        seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        [metrics] = Path(folder).glob("*/metrics.jsonl")
        rows = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, processor, statistics.median(row["time/step"] for row in rows if "time/step" in row)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--load", type=int, default=0, help="busy processes beside the runs (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each kind (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=2, help="steps of a run (default: %(default)s)")
    options = parser.parse_args()
    print("| threads | busy processes beside | s, whole run | processor s | s a step |\n|---|---:|---:|---:|---:|")
    for number in range(options.rounds):
        for name in sorted(ENVIRONMENTS, reverse=bool(number % 2)):
            with busy(options.load):
                seconds, processor, step = measure(ENVIRONMENTS[name], options.steps)
            print(f"| {name} | {options.load} | {seconds:.0f} | {processor:.0f} | {step:.1f} |", flush=True)


if __name__ == "__main__":
    main()
