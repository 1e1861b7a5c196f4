"""`warm`: the command line in children of one process that has imported everything, for tests that run it often."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


class Warm:
    """See warm_rlvr.py."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, itertools.count()
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warm_rlvr.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder,
        )  # fmt: skip

    def _ask(self, job: dict) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def start(
        self, *arguments: str, kill: Sequence = (), seconds: float = 0.0, cwd: Path | None = None
    ) -> tuple[int, Path]:
        """(pid, where its output goes)"""
        stem = self._folder / str(next(self._numbers))
        files = {"out": f"{stem}.out", "err": f"{stem}.err"}
        job = {"start": arguments, "kill": kill, "seconds": seconds, "cwd": str(cwd or self._folder), **files}
        return self._ask(job), stem

    def wait(self, started: tuple[int, Path]) -> Done:
        code = self._ask({"wait": started[0]})
        return Done(code, *(started[1].with_suffix(suffix).read_text() for suffix in (".out", ".err")))

    def __call__(self, *arguments: str, **options) -> Done:
        return self.wait(self.start(*arguments, **options))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    made = Warm(tmp_path_factory.mktemp("warm"))
    yield made
    made.close()
