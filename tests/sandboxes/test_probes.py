"""A probe holds only if it says so, ends well, and leaves the sandbox in order. The probes themselves run in test_testing.py."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rlvr.sandboxes.probes import PROBES, Probe, run_probe
from rlvr.sandboxes.types import End, ExecResult, Job, Limits

HELD = ExecResult(End.EXIT, 0, b"HELD\n", b"", 0.1)
AFTER = ExecResult(End.EXIT, 0, b"1\n", b"", 0.1)


class Sandbox:
    """Gives results of a list instead of running anything, and remembers the programs."""

    def __init__(self, *results: ExecResult) -> None:
        self.results, self.programs = list(results), list[bytes]()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator["Sandbox"]:
        yield self

    async def run(self, program: bytes, jobs: Sequence[Job], limits: Limits) -> list[ExecResult]:
        self.programs.append(program)
        return [self.results.pop(0)]


def finding(*results: ExecResult, probe: Probe = PROBES[0]) -> Any:
    return asyncio.run(run_probe(Sandbox(*results), probe))  # type: ignore[arg-type]


def test_isolation_held() -> None:
    assert (finding(HELD, AFTER).held, finding(HELD, AFTER).detail) == (True, "")


@pytest.mark.parametrize(
    ("result", "after", "detail"),
    [
        (ExecResult(End.EXIT, 0, b"BREACH unshare\nHELD\n", b"", 0.1), AFTER, "BREACH unshare"),
        (ExecResult(End.EXIT, 1, b"", b"PermissionError", 0.1), AFTER, "it ended with exit 1: PermissionError"),
        (ExecResult(End.TIMEOUT, None, b"HELD\n", b"", 20.0), AFTER, "it ended with timeout None: HELD"),
        (ExecResult(End.EXIT, 0, b"", b"", 0.1), AFTER, "it ended with exit 0: "),
        (HELD, ExecResult(End.EXIT, 1, b"", b"", 0.1), "the sandbox doesn't work after it"),
    ],
)
def test_isolation_did_not_hold(result: ExecResult, after: ExecResult, detail: str) -> None:
    found = finding(result, after)
    assert (found.held, found.detail) == (False, detail)


def test_the_earlier_program_runs_first() -> None:
    (probe,) = (probe for probe in PROBES if probe.before)
    sandbox = Sandbox(AFTER, HELD, AFTER)
    asyncio.run(run_probe(sandbox, probe))  # type: ignore[arg-type]
    assert sandbox.programs == [probe.before.encode(), probe.program.encode(), b"print(1)"]


def test_probes_have_names_of_their_own_and_programs_that_compile() -> None:
    assert len({probe.name for probe in PROBES}) == len(PROBES)
    for probe in PROBES:
        compile(probe.program, probe.name, "exec")
        assert "HELD" in probe.program
        assert "BREACH" in probe.program
