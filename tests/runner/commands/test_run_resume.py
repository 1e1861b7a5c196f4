"""A run that is killed, at any moment and again and again, goes on to exactly what it would have been."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")
pytestmark = pytest.mark.train

# Everything that a run keeps between its steps is on.
CONFIG = """
model = "tiny"
backend = "transformers"
steps = 8
prompts_per_step = 4
group_size = 4
save_every = 3
keep_checkpoints = 2
shots = "2->0"
draw_shots = true
category_weights = "balanced"
category_boost_below = 0.1
pass_rate_band = [0.1, 0.9]
resample_rounds = 2
category_baseline = 0.3
category_scale = true
shadow_verifier = { name = "number" }
eval_examples = 6
eval_every = 2
eval_samples = 2
learning_rate = 2e-3
"""
VOLATILE = ("time/", "step_time", "train_runtime")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "run.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def whole(warm, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    output = tmp_path_factory.mktemp("whole")
    done = warm("run", "addition", "-c", str(config), "--output", str(output))
    assert done.returncode == 0, done.stderr
    return only(output)


def only(output: Path) -> Path:
    (folder,) = output.iterdir()
    return folder


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def what_it_did(folder: Path) -> dict[str, Any]:
    """All that a run writes, without what clocks say."""
    from safetensors.torch import load_file

    from rlvr.runner.run_folder.folder import RunFolder

    assert not (folder / "rollouts/rollouts.jsonl").exists()
    assert (folder / "report.html").stat().st_size > 0
    metrics = [{k: v for k, v in row.items() if not k.startswith(VOLATILE)} for row in rows(folder / "metrics.jsonl")]
    rollouts = [{k: v for k, v in row.items() if k != "seconds"} for row in RunFolder(folder).rollout_rows()]
    evaluations = {
        path.name: {k: v for k, v in json.loads(path.read_text()).items() if k not in ("seconds", "tokens_per_second")}
        for path in sorted((folder / "eval").glob("*.json"))
    }
    answers = {path.name: rows(path) for path in sorted((folder / "eval").glob("*.jsonl"))}
    weights = {
        name: {key: value.tolist() for key, value in load_file(folder / name / "model.safetensors").items()}
        for name in ("best", "checkpoints/checkpoint-8")
    }
    best = json.loads((folder / "best/best.json").read_text())
    return {
        "metrics": metrics, "rollouts": rollouts, "evaluations": evaluations, "answers": answers, "weights": weights,
        "best": best,
    }  # fmt: skip


def assert_same(folder: Path, whole: Path) -> None:
    ours, theirs = what_it_did(folder), what_it_did(whole)
    for name, value in theirs.items():
        assert ours[name] == value, name


TRAINER, FOLDER = "rlvr.runner.training.trainer:Trainer", "rlvr.runner.run_folder.folder:RunFolder"
PHASES = {
    "before the first step": ("rlvr.runner.training.periodic_evaluation:save", 1, "before"),
    "generating": (f"{TRAINER}._generate_single_turn", 2, "before"),
    "verifying": ("rlvr.tasks.pack:Pack.submit", 60, "before"),
    "between rollouts and metrics": (f"{FOLDER}.add_rollouts", 2, "after"),
    "updating": (f"{TRAINER}.training_step", 3, "after"),
    "evaluating": ("rlvr.runner.training.periodic_evaluation:save", 1, "before"),
    "saving: our state": ("rlvr.runner.training.rollouts:write_whole", 1, "after"),
    "saving: the weights": (f"{TRAINER}._save_optimizer_and_scheduler", 1, "before"),
    "saving: the optimizer": (f"{TRAINER}._save_rng_state", 1, "before"),
    "saving: the trainer's state": ("transformers.trainer_callback:TrainerState.save_to_json", 1, "before"),
    "saved": ("transformers.trainer_callback:TrainerState.save_to_json", 1, "after"),
    "generating again": (f"{TRAINER}._generate_single_turn", 4, "after"),
    "removing old checkpoints": ("transformers.trainer:rotate_checkpoints", 2, "before"),
}


def test_killed_in_every_phase_again_and_again(warm, config: Path, whole: Path, tmp_path: Path) -> None:
    """One run, killed in one phase after the other, each time resumed."""
    arguments = ["run", "addition", "-c", str(config), "--output", str(tmp_path)]
    for phase, kill in PHASES.items():
        done = warm(*arguments, kill=kill)
        assert done.returncode == -signal.SIGKILL, (phase, done.stderr)
        arguments = ["run", "--resume", str(only(tmp_path))]
    done = warm(*arguments)
    assert done.returncode == 0, done.stderr
    assert_same(only(tmp_path), whole)


ENDS = {
    "before the last checkpoint": (f"{TRAINER}._save_checkpoint", 3, "before"),
    "before the last evaluation": ("rlvr.runner.training.periodic_evaluation:PeriodicEvaluation.after", 1, "before"),
    "while the best model is replaced": ("rlvr.runner.training.periodic_evaluation:best_of", 1, "after"),
    "before the rollouts are put together": (f"{FOLDER}.finish", 1, "before"),
    "before the report": (f"{FOLDER}.finish", 1, "after"),
}


@pytest.mark.parametrize("phase", ENDS)
def test_killed_at_its_end(warm, config: Path, whole: Path, tmp_path: Path, phase: str) -> None:
    done = warm("run", "addition", "-c", str(config), "--output", str(tmp_path), kill=ENDS[phase])
    assert done.returncode == -signal.SIGKILL, done.stderr
    folder = only(tmp_path)
    done = warm("run", "--resume", str(folder))
    assert done.returncode in (0, 5), done.stderr  # 5: only the report was missing
    assert_same(folder, whole)
    again = warm("run", "--resume", str(folder))
    assert (again.returncode, "all 8 steps are done" in again.stderr) == (5, True)


def test_killed_at_random_times(warm, config: Path, whole: Path, tmp_path: Path) -> None:
    draw = random.Random()
    times = [draw.uniform(0.5, 4.0) for _ in range(4)]
    arguments = ["run", "addition", "-c", str(config), "--output", str(tmp_path)]
    for seconds in times:
        done = warm(*arguments, seconds=seconds)
        assert done.returncode in (-signal.SIGALRM, 0, 5), (times, done.stderr)
        if list(tmp_path.glob("*/environment.json")):
            arguments = ["run", "--resume", str(only(tmp_path))]
        else:  # killed before there was anything to resume
            for left in tmp_path.iterdir():
                shutil.rmtree(left)
    done = warm(*arguments)
    assert done.returncode in (0, 5), (times, done.stderr)
    assert_same(only(tmp_path), whole)


# ---- a checkpoint that is half there, and other things that a resumed run meets


@pytest.fixture
def stopped(warm, config: Path, tmp_path: Path) -> Path:
    """A run that was killed after step 7, with checkpoints of steps 3 and 6."""
    done = warm(
        "run", "addition", "-c", str(config), "--output", str(tmp_path), kill=(f"{FOLDER}.add_metrics", 7, "after")
    )
    assert done.returncode == -signal.SIGKILL
    return only(tmp_path)


def errors(stderr: str) -> list[str]:
    assert "Traceback" not in stderr
    return [line for line in stderr.splitlines() if line.startswith("error: ")]


SPOILT = [  # a file of the last checkpoint, the share of it that is left, and what is said
    ("trainer_state.json", 0.5, "trainer_state.json is cut off"),
    ("rlvr_state.json", None, "rlvr_state.json is missing"),
    ("optimizer.pt", 0.5, "optimizer.pt is cut off"),
    ("model.safetensors", 0.0, "model.safetensors is cut off"),
]


@pytest.mark.parametrize(("name", "left", "says"), SPOILT)
def test_a_spoilt_checkpoint_is_none_and_the_one_before_it_takes_its_place(
    warm, whole: Path, stopped: Path, name: str, left: float | None, says: str
) -> None:
    file = stopped / "checkpoints/checkpoint-6" / name
    content = file.read_bytes()
    file.unlink()
    if left is not None:
        file.write_bytes(content[: int(left * len(content))])
    done = warm("run", "--resume", str(stopped))
    assert done.returncode == 0, done.stderr
    assert f"{file.parent}: {says}, so this checkpoint is skipped\nresuming {stopped} after step 3\n" in done.stderr
    assert_same(stopped, whole)


@pytest.mark.parametrize("finished", [False, True])
def test_a_run_without_its_checkpoints_never_begins_again(
    warm, whole: Path, stopped: Path, tmp_path: Path, finished: bool
) -> None:
    folder = shutil.copytree(whole, tmp_path / "copy") if finished else stopped
    shutil.rmtree(folder / "checkpoints")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}
    done = warm("run", "--resume", str(folder), "--steps", "9")
    (error,) = errors(done.stderr)
    steps = 8 if finished else 7
    assert done.returncode == 2
    assert f"no checkpoint is complete, though {steps} steps were logged, which starting over would drop" in error
    assert {path: path.read_bytes() for path in before} == before


def test_a_run_that_stopped_early_is_done(warm, config: Path, tmp_path: Path) -> None:
    flags = ["--early-stop", "1", "--eval-every", "1", "--learning-rate", "1e-12", "--output", str(tmp_path)]
    done = warm("run", "addition", "-c", str(config), *flags)
    assert done.returncode == 0, done.stderr
    folder = only(tmp_path)
    made = len(rows(folder / "metrics.jsonl"))
    again = warm("run", "--resume", str(folder))
    assert (again.returncode, f"early_stop ended it after step {made}; give more" in again.stderr) == (5, True)
    assert warm("run", "--resume", str(folder), "--steps", "8").returncode == 0
    assert len(rows(folder / "metrics.jsonl")) > made


def test_two_cannot_write_to_one_run_and_the_lock_dies_with_its_process(warm, config: Path, tmp_path: Path) -> None:
    first = warm.start("run", "addition", "-c", str(config), "--steps", "100000", "--output", str(tmp_path))
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(tmp_path.glob("*/checkpoints/checkpoint-3/trainer_state.json")):
        time.sleep(0.05)
    folder = only(tmp_path)
    second = warm("run", "--resume", str(folder))
    os.kill(first[0], signal.SIGKILL)
    assert warm.wait(first).returncode == -signal.SIGKILL
    assert second.returncode == 2
    assert errors(second.stderr) == [
        f"error: {folder}: process {first[0]} is writing to this run; wait until it has ended"
    ]
    done = warm("run", "--resume", str(folder), "--steps", "3")
    assert done.returncode == 0, done.stderr


def test_a_verifier_that_changed_is_refused(warm, stopped: Path) -> None:
    path = stopped / "environment.json"
    environment = json.loads(path.read_text())
    environment["verifier"]["version"] = "0"
    path.write_text(json.dumps(environment))
    before = (stopped / "metrics.jsonl").read_text()
    done = warm("run", "--resume", str(stopped))
    (error,) = errors(done.stderr)
    assert done.returncode == 2
    assert '"version": "0"' in error
    assert "rlvr rescore" in error
    assert (stopped / "metrics.jsonl").read_text() == before


def test_other_data_is_refused(warm, config: Path, tmp_path: Path) -> None:
    pack = shutil.copytree(Path(__file__).parents[3] / "tasks/addition", tmp_path / "pack")
    kill = (f"{FOLDER}.add_metrics", 4, "after")
    warm("run", str(pack), "-c", str(config), "--output", str(tmp_path / "runs"), kill=kill)
    task = pack / "task.toml"
    task.write_text(task.read_text().replace("train = 4000", "train = 3000"))
    done = warm("run", "--resume", str(only(tmp_path / "runs")))
    assert done.returncode == 2
    assert errors(done.stderr)[0].endswith("its checkpoint was made with 4000: the pack or its data changed")


def test_steps_can_be_added_to_a_run_that_is_done(warm, config: Path, tmp_path: Path) -> None:
    done = warm("run", "addition", "-c", str(config), "--steps", "3", "--eval-examples", "0", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    folder = only(tmp_path)
    assert warm("run", "--resume", str(folder)).returncode == 5
    assert warm("run", "--resume", str(folder), "--steps", "4").returncode == 0
    assert [row["step"] for row in rows(folder / "metrics.jsonl")] == [1, 2, 3, 4]


# ---- a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """2 MB: a checkpoint and a half."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_stops_the_run_and_loses_nothing(warm, config: Path, whole: Path, small_disk: Path) -> None:
    done = warm("run", "addition", "-c", str(config), "--output", str(small_disk))
    assert done.returncode == 2, done.stderr
    (error,) = errors(done.stderr)
    assert "No space left on device; what was written is kept. When that is fixed: rlvr run --resume" in error
    folder = only(small_disk)
    before = rows(folder / "metrics.jsonl")
    assert before
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    done = warm("run", "--resume", str(folder))
    assert done.returncode == 0, done.stderr
    assert_same(folder, whole)
