"""Runs cases through the engine as training would, and records each verdict, the time and the memory."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rlvr.verifiers.audit.cases import AuditCase
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.types import Completion, Status, Verdict
from rlvr.verifiers.verifier import Verifier, option_types

CHUNK = 256
SAMPLE_SECONDS = 0.02


@dataclass(frozen=True)
class AuditOutcome:
    """A case and its verdict."""

    case: AuditCase
    verdict: Verdict

    @property
    def accepted(self) -> bool:
        """Whether the verdict is `correct`."""
        return self.verdict.status is Status.CORRECT


@dataclass
class AuditRun:
    """One verifier on all cases.

    `wall_s` is the time that the batches took, in seconds; `peak_mb` the largest resident memory of a worker, in MiB;
    `deadline_s` the longest deadline that applied, since packs may set their own.
    """

    verifier: Verifier
    outcomes: list[AuditOutcome] = field(default_factory=list)
    wall_s: float = 0.0
    peak_mb: float = 0.0
    deadline_s: float = 0.0

    def __post_init__(self) -> None:
        self.deadline_s = self.deadline_s or self.verifier.deadline_s


def measure(
    verifier: Verifier,
    cases: Sequence[AuditCase],
    engine: Engine,
    advance: Callable[[int], None] = lambda _: None,
) -> AuditRun:
    """Verify every case. Cases of one verifier with equal options go through the engine in batches.

    `advance` is called with the number of cases that are done. Raises ConfigError for a case with a wrong option.
    """
    run = AuditRun(verifier)
    groups: dict[Any, list[AuditCase]] = {}
    for case in cases:
        groups.setdefault((id(case.verifier), repr(sorted(case.options.items()))), []).append(case)
    with _Memory() as memory:
        for group in groups.values():
            chosen = _verifier_of(group[0], verifier)
            run.deadline_s = max(run.deadline_s, chosen.deadline_s)
            _warm_up(engine, chosen, group[0])
            for at in range(0, len(group), CHUNK):
                chunk = group[at : at + CHUNK]
                start = time.perf_counter()
                verdicts = engine.verify_batch(chosen, [(c.example, c.completion) for c in chunk])
                run.wall_s += time.perf_counter() - start
                run.outcomes += [AuditOutcome(c, v) for c, v in zip(chunk, verdicts, strict=True)]
                advance(len(chunk))
    run.peak_mb = memory.peak_mb
    return run


def _verifier_of(case: AuditCase, verifier: Verifier) -> Verifier:
    if case.verifier is not None and case.verifier.name == verifier.name:
        return case.verifier
    types = option_types(verifier.verify)  # a case may have options of another verifier
    options = {name: value for name, value in case.options.items() if name in types}
    return verifier.with_options(**options) if options else verifier


def _warm_up(engine: Engine, verifier: Verifier, case: AuditCase) -> None:
    """Start every worker, which isn't part of the time measured."""
    if not verifier.is_async and not verifier.bounded:
        texts = [f"{case.completion.text} {n}" for n in range(2 * engine.workers)]
        engine.verify_batch(replace(verifier, shortcut=None), [(case.example, Completion(t)) for t in texts])
    engine.verify(verifier, case.example, case.completion)


class _Memory:
    """Watches the resident memory of all descendants of this process."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="rlvr-audit-memory", daemon=True)

    def __enter__(self) -> "_Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            for pid in _below(os.getpid()):
                self.peak_mb = max(self.peak_mb, _peak_mb(pid))


def _below(pid: int) -> list[int]:
    """The descendants of a process."""
    descendants: list[int] = []
    todo = [pid]
    while todo:
        try:
            tasks = list(Path(f"/proc/{todo.pop()}/task").iterdir())
            children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
        except (OSError, ValueError):
            continue
        descendants += children
        todo += children
    return descendants


def _peak_mb(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().split("\n"):
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except (OSError, ValueError):
        pass
    return 0.0
