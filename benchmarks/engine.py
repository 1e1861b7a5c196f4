"""Measures the engine against pebble's ProcessPool, which has deadlines too, in the same run; prints a Markdown table.

    python benchmarks/engine.py [--quick]

The same verifiers, the same rows, the same number of workers and the same deadline in both. Each figure is the median of
`--repeat` rounds, in which the competitors take turns, so that a busy machine is busy for all.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import pebble

from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.math.math_verify import math_verify
from rlvr.verifiers.types import Completion, Example, Status
from rlvr.verifiers.verifier import Verifier, verifier

CONTEXTS = ("spawn", "forkserver")
HANG = "hang"
Pair = tuple[Example, Completion]
Work = tuple[Verifier, Pair]
Measured = dict[str, list[float]]  # competitor -> a figure for each round


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="a tenth of the rows, one round")
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    given = arguments.parse_args()
    rows, rounds = (300, 1) if given.quick else (3000, given.repeat)
    print(
        f"Python {platform.python_version()}, pebble {_version('pebble')}, {given.workers} workers, {rounds} rounds\n"
    )
    print("| | " + " | ".join(["rlvr's engine", *(f"pebble, {name}" for name in CONTEXTS), "ratio"]) + " |")
    print("|---|" + "---:|" * (len(CONTEXTS) + 2))
    distinct = [(Example(str(i), "", str(i)), Completion(str(i))) for i in range(rows)]
    doubled = [distinct[i % (rows // 50)] for i in range(rows)]
    _print("verdicts/s, a trivial verifier", throughput(trivial, distinct, given.workers, rounds), "{:,.0f}", True)
    _print("the same verifier, each row 50 times", throughput(trivial, doubled, given.workers, rounds), "{:,.0f}", True)
    _print(
        "the same comparison, declared `bounded`",
        throughput(declared, distinct, given.workers, rounds),
        "{:,.0f}",
        True,
    )
    maths = [
        (Example(str(i), "", f"\\frac{{1}}{{{i + 2}}}"), Completion(f"$\\frac{{2}}{{{2 * i + 4}}}$"))
        for i in range(rows // 10)
    ]
    _print("verdicts/s, Math-Verify", throughput(PATIENT, maths, given.workers, rounds), "{:,.0f}", True)
    _print(
        "ms from a hung worker to the next verdict, trivial", replacement(trivial, distinct[0], rounds), "{:.1f}", False
    )
    _print(
        "ms from a hung worker to the next verdict, Math-Verify",
        replacement(PATIENT, maths[0], rounds),
        "{:.1f}",
        False,
    )


@verifier("trivial", deadline_s=1.0)
def trivial(example: Example, completion: Completion) -> bool:
    """Compares two strings, or hangs."""
    while completion.text == HANG:
        pass
    return completion.text == example.gold


@verifier("declared", bounded=True)
def declared(example: Example, completion: Completion) -> bool:
    """Compares two strings, and is declared to do no more: the engine runs it in the caller's thread."""
    return completion.text == example.gold


HUNG = (trivial, (Example("", "", ""), Completion(HANG)))


PATIENT = math_verify.with_options(deadline_s=60)  # a new worker of pebble's loads Math-Verify within its deadline
BY_NAME = {checked.name: checked for checked in (trivial, declared, PATIENT)}


def call(name: str, example: Example, completion: Completion) -> Any:
    """What pebble's workers call: it pickles a function by its module and name."""
    return BY_NAME[name](example, completion)


class Pebble:
    """ProcessPool with a deadline for each row, as one would write it."""

    def __init__(self, context: str, workers: int) -> None:
        self._pool = pebble.ProcessPool(workers, context=multiprocessing.get_context(context))

    def verify(self, checked: Verifier, pairs: Sequence[Pair]) -> list[Status]:
        return self.each([(checked, pair) for pair in pairs])

    def each(self, work: Sequence[Work]) -> list[Status]:
        futures = [
            self._pool.schedule(call, args=[checked.name, *pair], timeout=checked.deadline_s) for checked, pair in work
        ]
        return [self._status(future) for future in futures]

    def _status(self, future: Any) -> Status:
        try:
            outcome = future.result()
        except TimeoutError:
            return Status.TIMEOUT
        return Status.CORRECT if outcome is True or getattr(outcome, "score", 0) == 1 else Status.INCORRECT

    def __enter__(self) -> "Pebble":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()


class Ours:
    """The engine."""

    def __init__(self, workers: int) -> None:
        self._engine = Engine(workers)

    def verify(self, checked: Verifier, pairs: Sequence[Pair]) -> list[Status]:
        return [verdict.status for verdict in self._engine.verify_batch(checked, pairs)]

    def each(self, work: Sequence[Work]) -> list[Status]:
        futures = [self._engine.submit(checked, *pair) for checked, pair in work]
        return [future.result().status for future in futures]

    def __enter__(self) -> "Ours":
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.close()


def _in_turn(workers: int, rounds: int, measure: Callable[[Any], float]) -> Measured:
    """`measure` for each competitor, `rounds` times, in turn. Each is started once and warm when it is measured."""
    with ExitStack() as stack:
        competitors: dict[str, Any] = {"rlvr": stack.enter_context(Ours(workers))}
        for context in CONTEXTS:
            competitors[context] = stack.enter_context(Pebble(context, workers))
        for competitor in competitors.values():
            measure(competitor)
        figures: Measured = {name: [] for name in competitors}
        for _ in range(rounds):
            for name, competitor in competitors.items():
                figures[name].append(measure(competitor))
    return figures


def throughput(checked: Verifier, pairs: Sequence[Pair], workers: int, rounds: int) -> Measured:
    """Rows a second, all of them correct."""

    def measure(competitor: Any) -> float:
        start = time.perf_counter()
        statuses = competitor.verify(checked, pairs)
        seconds = time.perf_counter() - start
        assert set(statuses) == {Status.CORRECT}, set(statuses)
        return len(pairs) / seconds

    return _in_turn(workers, rounds, measure)


def replacement(checked: Verifier, honest: Pair, rounds: int) -> Measured:
    """Milliseconds from a hung worker's deadline to the next verdict; there is one worker."""

    def measure(competitor: Any) -> float:
        competitor.each([(checked, honest)])
        start = time.perf_counter()
        statuses = competitor.each([HUNG, (checked, honest)])
        seconds = time.perf_counter() - start - trivial.deadline_s
        assert statuses == [Status.TIMEOUT, Status.CORRECT], statuses
        return seconds * 1000

    return _in_turn(1, rounds, measure)


def _print(what: str, figures: Measured, form: str, more_is_better: bool) -> None:
    middle = {name: statistics.median(values) for name, values in figures.items()}
    ours, best = middle["rlvr"], (max if more_is_better else min)(middle[name] for name in CONTEXTS)
    ratio = ours / best if more_is_better else best / ours
    print(
        f"| {what} | " + " | ".join(form.format(value) for value in middle.values()) + f" | {ratio:.1f} |", flush=True
    )


def _version(package: str) -> str:
    from importlib import metadata

    return metadata.version(package)


if __name__ == "__main__":
    main()
