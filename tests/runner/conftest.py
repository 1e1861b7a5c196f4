"""`run`: the command line in this process. `warm`: in children of a process that has imported everything, for training."""

import itertools
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from rlvr.runner.cli import main
from rlvr.runner.evaluation.answers import Answered
from rlvr.runner.evaluation.summary import save, summarize
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig
from rlvr.runner.training.advantages import Advantages, Scored
from rlvr.tasks.pack import load_pack
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict


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


# ---- a pack of sums, and a run on it whose rollouts were scored

TASK = """name = "sums"
description = "sums"
license = "CC0-1.0"
[data]
generator = {sizes = {train = 10, test = 10}}
[verifier]
name = "VERIFIER"
[reward]
REWARD
"""
ANSWERS = ["#### 4", "4", "#### 5", "the answer is 4"]  # for number strict: correct, unparsed, incorrect, unparsed


@pytest.fixture
def write_pack() -> Callable[..., Path]:
    """write_pack(folder, verifier, reward): a pack without data."""

    def write_pack(folder: Path, verifier: str = "number", reward: str = "") -> Path:
        folder.mkdir(exist_ok=True)
        (folder / "task.toml").write_text(TASK.replace("VERIFIER", verifier).replace("REWARD", reward))
        (folder / "data.py").write_text("def generate(split, size, seed):\n    yield from ()\n")
        return folder

    return write_pack


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunFolder]:
    """make_run(pack, texts, groups, **config): a run of two steps, with `texts` as each group's completions."""

    def make_run(pack: Path, texts: list[str] = ANSWERS, groups: int = 3, **config: Any) -> RunFolder:
        """A run whose rollouts have the verdicts, rewards and advantages of `number` as it is."""
        loaded = load_pack(str(pack))
        extra = {"pack_folder": str(pack), "verifier": loaded.spec()}
        folder = RunFolder.create(tmp_path / "runs", "sums", "tiny", RunConfig(**config), extra)
        with Engine(workers=1) as engine:
            for step in (1, 2):
                rollouts = []
                for group in range(groups):
                    example = Example(f"train-{group}", "2+2?", "4", "even" if group % 2 else "odd")
                    verdicts = [
                        engine.verify(registry().verifier("number"), example, Completion(text)) for text in texts
                    ]
                    rewards = [Reward(float(v.status is Status.CORRECT), {"verdict": v.score}) for v in verdicts]
                    values = Advantages().compute([Scored("", r.value, r.parts) for r in rewards], len(texts))
                    rollouts += [
                        Rollout(example, "2+2?", Completion(text), verdict, paid, value, group, step)
                        for text, verdict, paid, value in zip(texts, verdicts, rewards, values, strict=True)
                    ]
                folder.add_rollouts(rollouts)
        return folder

    return make_run


# ---- a run that was evaluated

QUESTIONS = 200


@pytest.fixture
def evaluated_run(tmp_path: Path) -> Callable[..., Path]:
    """evaluated_run(before, after, **more): a run folder with evaluations of these accuracies, on 200 questions."""

    def evaluated_run(
        root: Path = tmp_path,
        before: float | None = 0.2,
        after: float | None = 0.6,
        *,
        seed: int = 0,
        first: int = 0,
        pack: str = "sums",
        steps: int = 10,
        name: str = "after",
        lenient: bool = True,
        error: float = 0.0,
        **config: Any,
    ) -> Path:
        """A run folder with evaluations of some accuracies. A question that was right stays right: that is what pairing uses."""
        folder = RunFolder.create(
            root, pack, "tiny", RunConfig(steps=10, seed=seed, **config), {"model": {"name": "tiny"}}
        )
        for step in range(1, steps + 1):
            folder.add_metrics({"step": step, "reward": step / 10, "verdicts/correct": step / 10, "time/step": 1.0})
        draw = random.Random(seed)
        hard = [draw.random() for _ in range(QUESTIONS)]
        for when, step, share in (("before", 0, before), (name, steps, after)):
            if share is None:
                continue
            answered = []
            for i, difficulty in enumerate(hard, first):
                example = Example(f"test-{i}", f"{i} + 1?", str(i + 1), "<b>even" if i % 2 == 0 else "odd")
                verdict = Verdict.of(difficulty < share, str(i))
                if draw.random() < error:
                    verdict = Verdict(Status.ERROR)
                answered.append(Answered(example, [Completion("x")], [verdict], [verdict] if lenient else []))
            save(folder.eval, when, replace(summarize(answered), step=step), answered)
        return folder.path

    return evaluated_run
