"""Several processes (CPU, gloo) make one run, and the same as one process makes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl")


pytestmark = [pytest.mark.train, pytest.mark.timeout(600)]

TOLD = str(Path(__file__).with_name("told_completions.py"))
SMALL = [
    "--steps", "3", "--prompts-per-step", "4", "--group-size", "4", "--eval-examples", "7", "--save-every", "3",
    "--backend", "transformers",
]  # fmt: skip


def launch(processes: int, *script: str) -> subprocess.CompletedProcess:
    start = [sys.executable]
    if processes > 1:
        # accelerate starts several processes on a CPU by its launcher for GPUs (or by MPI); they find out what there is.
        start += ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", str(processes)]
        start += [
            "--num_machines",
            "1",
            "--mixed_precision",
            "no",
            "--dynamo_backend",
            "no",
            "--main_process_port",
            "0",
        ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([*start, *script], capture_output=True, text=True, check=False, timeout=500, env=environment)


def only(output: Path) -> Path:
    (folder,) = output.iterdir()
    return folder


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_two_processes_make_one_run(tmp_path: Path) -> None:
    done = launch(
        2, "-m", "rlvr.runner.cli", "run", "addition", *SMALL, "--eval-every", "2", "--resample-rounds", "1", "--json",
        "--output", str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = only(tmp_path)
    result = json.loads(done.stdout)  # one process speaks
    assert Path(result["folder"]) == folder
    assert [row["step"] for row in rows(folder / "metrics.jsonl")] == [1, 2, 3]
    from rlvr.runner.run_folder.folder import RunFolder

    rollouts = RunFolder(folder).rollout_rows()
    for step in (1, 2, 3):
        assert [row["group"] for row in rollouts if row["step"] == step] == [i // 4 for i in range(16)]
    for name in ("before", "step-000002", "after"):
        assert json.loads((folder / f"eval/{name}.json").read_text())["questions"] == 7
        answered = rows(folder / f"eval/{name}.jsonl")
        assert len({row["id"] for row in answered}) == len(answered) == 7
    assert (folder / "best/best.json").exists()
    assert (folder / "report.html").exists()


METRICS = (
    "loss", "reward", "reward_std", "frac_reward_zero_std", "num_tokens", "grad_norm", "completions/mean_length",
    "completions/max_length", "completions/clipped_ratio", "verdicts/correct", "verdicts/incorrect",
    "verdicts/unparsed", "tokens/generated", "tokens/useful", "groups/no_variance", "category/two/reward",
)  # fmt: skip


@pytest.mark.parametrize("lora", [False, True])
def test_two_processes_learn_what_one_learns(tmp_path: Path, lora: bool) -> None:
    from safetensors.torch import load_file

    config = tmp_path / "run.toml"
    config.write_text(
        "max_completion_length = 3\ncategory_weights = 'balanced'\npass_rate_band = [0.1, 0.9]\ncategory_baseline = 0.25\n"
        + ("lora_rank = 4\n" if lora else "")
        # Adam would make whole steps of the rounding where a gradient is all but 0.
        + "learning_rate = 0.1\n[trl]\noptim = 'sgd'\n"
    )
    folders = {}
    for count in (1, 2):
        done = launch(count, TOLD, "run", "addition", *SMALL, "-c", str(config), "--output", str(tmp_path / str(count)))
        assert done.returncode == 0, done.stderr
        folders[count] = only(tmp_path / str(count))
    file = "adapter_model.safetensors" if lora else "model.safetensors"
    weights = [load_file(folder / "checkpoints/checkpoint-3" / file) for folder in folders.values()]
    assert set(weights[0]) == set(weights[1])
    worst = max((weights[0][name] - weights[1][name]).abs().max().item() for name in weights[0])
    assert worst < 1e-5
    for one, two in zip(*(rows(folder / "metrics.jsonl") for folder in folders.values()), strict=True):
        assert {name: one[name] for name in METRICS} == pytest.approx({name: two[name] for name in METRICS}, abs=1e-4)
    from rlvr.runner.run_folder.folder import RunFolder

    kept = ("step", "group", "id", "completion", "status", "reward", "advantage")
    one, two = (
        [{name: row[name] for name in kept} for row in RunFolder(folder).rollout_rows()] for folder in folders.values()
    )
    for first, second in zip(one, two, strict=True):
        assert first == pytest.approx(second, abs=1e-5)
    for name in ("before", "after"):
        first, second = (json.loads((folder / f"eval/{name}.json").read_text()) for folder in folders.values())
        assert first["strict"] == second["strict"]
