"""`rlvr run` asks whether there is anything to learn: where the rewards never differ, it stops, unless told otherwise."""

import json
import shutil
from pathlib import Path

import pytest

from rlvr.tasks.pack import load_pack

pytest.importorskip("trl")
pytestmark = pytest.mark.train

SMALL = ["--model", "tiny", "--steps", "2", "--prompts-per-step", "4", "--group-size", "4", "--eval-examples", "0"]


@pytest.fixture
def unsolvable(tmp_path: Path) -> Path:
    """Addition with gold answers that no completion of one token equals."""
    folder = tmp_path / "unsolvable"
    shutil.copytree(load_pack("addition").folder, folder)
    file = folder / "data.py"
    file.write_text(
        file.read_text() + "\n_generate = generate\n\n\ndef generate(split, size, seed):\n"
        "    for row in _generate(split, size, seed):\n        yield row | {'gold': 'a long answer'}\n"
    )
    return folder


def test_without_a_learning_signal_a_run_stops_and_says_what_to_try(warm, unsolvable: Path, tmp_path: Path) -> None:
    done = warm("run", str(unsolvable), *SMALL, "--output", str(tmp_path / "runs"))
    assert done.returncode == 1, done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "no learning signal: in none of 32 groups do the rewards differ" in error
    for advice in (
        "--shots",
        "rlvr profile addition --model tiny --keep 0.1:0.9 --output FOLDER",
        "--temperature",
        "--force",
    ):
        assert advice in error
    (folder,) = (tmp_path / "runs").iterdir()
    names = {path.name for path in folder.iterdir()} - {".lock", "checkpoints"}
    assert names == {"config.toml", "environment.json", "signal.json", "rollouts"}
    assert not any((folder / "rollouts").iterdir())
    record = json.loads((folder / "signal.json").read_text())
    assert (record["groups"], record["varied"], error.removeprefix("error: ")) == (32, 0, record["stopped"])


@pytest.mark.parametrize(("flags", "says"), [
    (["--force"], "training goes on without a learning signal, because of --force"),
    (["--signal-check", "0"], ""),
    (["--reward", "constant"], ""),  # a control run has its reasons
])  # fmt: skip
def test_a_run_goes_on_if_it_is_told_to(warm, unsolvable: Path, tmp_path: Path, flags: list[str], says: str) -> None:
    done = warm("run", str(unsolvable), *SMALL, *flags, "--output", str(tmp_path / "runs"))
    assert done.returncode == 0, done.stderr
    assert says in done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    assert (folder / "signal.json").exists() == bool(says)
    assert ("before training, the rewards differ in 0 of 32 groups" in (folder / "report.html").read_text()) == bool(
        says
    )


def test_metrics_are_the_same_with_and_without_the_check(warm, tmp_path: Path) -> None:
    rows = {}
    for groups in ("0", "8"):
        done = warm("run", "addition", *SMALL, "--signal-check", groups, "--output", str(tmp_path / groups))
        assert done.returncode == 0, done.stderr
        assert ("learning signal: the rewards differ in " in done.stderr) == (groups == "8")
        (file,) = (tmp_path / groups).glob("*/metrics.jsonl")
        rows[groups] = [
            {name: value for name, value in json.loads(line).items() if "time" not in name}
            for line in file.read_text().splitlines()
        ]
    assert rows["0"] == rows["8"]


def test_a_resumed_run_is_not_checked_again(warm, unsolvable: Path, tmp_path: Path) -> None:
    assert warm("run", str(unsolvable), *SMALL, "--output", str(tmp_path / "runs")).returncode == 1
    (folder,) = (tmp_path / "runs").iterdir()
    done = warm("run", "--resume", str(folder))
    assert done.returncode == 0, done.stderr
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2
