"""`rlvr run` end to end on the tiny model: it learns, it stops, it resumes. No download, no network."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("trl")
pytestmark = pytest.mark.train

RUN = [sys.executable, "-m", "rlvr.runner.cli", "run"]
SMALL = ["--prompts-per-step", "4", "--generations", "4", "--eval-questions", "20"]
OFTEN = ["--save-every", "4"]


def run(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([*RUN, *arguments], capture_output=True, text=True, check=False, timeout=280, **options)


def metrics(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def without_times(rows: list[dict]) -> list[dict]:
    timed = ("time/", "step_time", "train_runtime")
    return [{k: v for k, v in row.items() if not k.startswith(timed)} for row in rows]


def test_addition_is_learnt_without_collapse(tmp_path: Path) -> None:
    done = run("addition", "--json", "--eval-every", "200", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    folder = Path(result["folder"])
    rows = metrics(folder)
    assert [row["step"] for row in rows] == list(range(1, 401))
    tenth = len(rows) // 10
    means = [sum(r["reward"] for r in rows[i : i + tenth]) / tenth for i in range(0, len(rows), tenth)]
    assert means[-1] >= 3 * means[0]
    assert means[-1] >= 0.9 * max(means), means  # a collapsed run falls back
    assert all(row["verdicts/error"] == 0 for row in rows)
    for name in ("config.toml", "environment.json", "report.html", "eval/before.json", "eval/after.json"):
        assert (folder / name).stat().st_size > 0
    rollouts = folder / "rollouts" / "rollouts.parquet"
    import pyarrow.parquet

    assert pyarrow.parquet.read_metadata(rollouts).num_rows == 400 * 64 * 8
    held_out = result["accuracy"]["strict"]
    assert held_out["before"]["accuracy"] < 0.2
    assert held_out["after"]["accuracy"] >= 0.85  # sums that training never showed
    best = json.loads((folder / "best" / "best.json").read_text())
    assert best["accuracy"] >= held_out["after"]["accuracy"]
    assert "strict" in done.stderr
    assert str(folder) in done.stderr


def test_a_killed_run_resumes_to_exactly_the_same_metrics(tmp_path: Path) -> None:
    whole = run("addition", "--steps", "12", *SMALL, *OFTEN, "--output", str(tmp_path / "whole"))
    assert whole.returncode == 0, whole.stderr
    process = subprocess.Popen(
        [*RUN, "addition", "--steps", "12", *SMALL, *OFTEN, "--output", str(tmp_path / "killed")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        if list((tmp_path / "killed").glob("*/checkpoints/checkpoint-4/trainer_state.json")):
            break
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (folder,) = (tmp_path / "killed").iterdir()
    resumed = run("--resume", str(folder))
    assert resumed.returncode == 0, resumed.stderr
    (other,) = (tmp_path / "whole").iterdir()
    assert without_times(metrics(folder)) == without_times(metrics(other))
    assert (
        json.loads((folder / "eval/after.json").read_text())["strict"]
        == (json.loads((other / "eval/after.json").read_text())["strict"])
    )
    again = run("--resume", str(folder))
    assert (again.returncode, "all 12 steps are done" in again.stderr) == (5, True)


def test_ctrl_c_leaves_a_run_that_can_be_resumed_and_says_how(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*RUN, "addition", "--steps", "100000", *SMALL, *OFTEN, "--output", str(tmp_path)],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and not list(tmp_path.glob("*/metrics.jsonl")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    (folder,) = tmp_path.iterdir()
    assert f"rlvr run --resume {folder}" in err
    assert list((folder / "checkpoints").glob("checkpoint-*"))
    done = len(metrics(folder))
    resumed = run("--resume", str(folder), "--steps", str(done + 2))
    assert resumed.returncode == 0, resumed.stderr
    assert [row["step"] for row in metrics(folder)] == list(range(1, done + 3))
    assert (folder / "report.html").exists()


def test_dry_run_shows_the_configuration_and_a_prompt_and_makes_nothing(tmp_path: Path) -> None:
    done = run("addition", "--dry-run", "--shots", "2", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["config"]["steps"] == 400
    assert shown["prompt"].count("=") == 3
    assert list(tmp_path.iterdir()) == []


def test_lora_trains_an_adapter(tmp_path: Path) -> None:
    done = run("addition", "--steps", "2", *SMALL, "--save-every", "2", "--lora-rank", "4", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("*/checkpoints/checkpoint-2/adapter_model.safetensors"))


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (["addition", "--shots", "99"], 2, "99 shots asked for, but pack 'addition' has"),
        (["addition", "--model", "smol"], 2, "did you mean 'smollm2"),
        (["addition", "--model", "."], 2, "no config.json"),
        (["addition", "--max-completion-length", "500"], 2, "more than the context of 128"),
        (["addition", "--generations", "1"], 2, "generations: Input should be greater than or equal to 2"),
        (["addition", "--profile", "fast"], 2, "no such profile"),
        (["--resume", "nowhere"], 2, "no run folder"),
        (["gsm8k", "--hub-mirror", "/nowhere"], 2, "hub mirror '/nowhere' has no folder 'openai/gsm8k'"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, flags: list[str], code: int, says: str) -> None:
    done = run(*flags, cwd=tmp_path)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == code, done.stderr
    assert len(errors) == 1
    assert says in errors[0]
    assert "Traceback" not in done.stderr
