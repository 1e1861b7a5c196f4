"""`run`: the command line in this process. `warm`: in children of a process that has imported everything, for training."""

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from rlvr.runner.cli import main
from rlvr.tasks.pack import load_pack


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


@pytest.fixture
def run(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Run a command line in an empty folder that has a pack `mine`; (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RLVR_HUB_MIRROR", raising=False)
    shutil.copytree(load_pack("addition").folder, tmp_path / "mine")

    def call(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments)])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return int(ended.value.code or 0), out, err

    return call
