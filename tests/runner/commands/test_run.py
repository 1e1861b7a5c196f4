"""`rlvr run` end to end on the tiny model: it learns, it stops, it resumes. No download, no network."""

import importlib.util
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("trl")
pytestmark = pytest.mark.train

RUN = [sys.executable, "-m", "rlvr.runner.cli", "run"]
SMALL = ["--prompts-per-step", "4", "--group-size", "4", "--eval-examples", "20", "--signal-check", "0"]
OFTEN = ["--save-every", "4"]


def run(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([*RUN, *arguments], capture_output=True, text=True, check=False, timeout=280, **options)


def metrics(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


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
        (["addition", "--shots", "0->99"], 2, "99 shots asked for, but pack 'addition' has"),
        (["addition", "--eval-shots", "99"], 2, "99 shots asked for, but pack 'addition' has"),
        (["addition", "--shots", "8->"], 2, "shots = '8->': expected a number, or a schedule such as '8->0'"),
        (["addition", "--model", "smol"], 2, "did you mean 'smollm2"),
        (["addition", "--model", "."], 2, "so it holds no model"),
        (["addition", "--max-completion-length", "500"], 2, "more than the context of 128"),
        (["addition", "--shots", "8", "--max-completion-length", "100"], 2, "more than the context of 128"),
        (["addition", "--group-size", "1"], 2, "group_size: Input should be greater than or equal to 2"),
        (["addition", "--prompts-per-step", "5000"], 2,
         "prompts_per_step = 5000, but the training split has 4000 examples"),
        (["addition", "--profile", "fast"], 2, "no such profile"),
        (["addition", "-c", "quota.toml"], 2,
         "category_weights: no example has the category 'tow'; did you mean 'two'? (there are: three, two)"),
        (["addition", "-c", "shadow.toml"], 2, "no verifier is called 'exactt'; did you mean 'exact'?"),
        (["addition", "-c", "trl.toml"], 2, "[trl] betta: TRL's GRPOConfig has no such field; did you mean 'beta'?"),
        (["addition", "-c", "trl.toml", "--dry-run"], 2, "[trl] betta: TRL's GRPOConfig has no such field"),
        (["addition", "-c", "both.toml"], 2, "[trl]: At most one of fp16 and bf16 can be True, but not both"),
        (["./long"], 2, "the longest prompt has 200 tokens; with 1 for the completion that is 73 more than the context"),
        (["./long", "--eval-examples", "0", "--dry-run"], 0, ""),
        (["addition", "--report-to", "tensorbord"], 2,
         "report_to: unknown tracker 'tensorbord'; did you mean 'tensorboard'?"),
        (["--resume", "nowhere"], 2, "no run folder"),
        (["--resume", "nowhere", "--seed", "1"], 2, "of the other arguments only --steps goes with it"),
        (["gsm8k", "--hub-mirror", "/nowhere"], 2, "hub mirror '/nowhere' has no folder 'openai/gsm8k'"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(warm, tmp_path: Path, flags: list[str], code: int, says: str) -> None:
    (tmp_path / "quota.toml").write_text("category_weights = { tow = 1.0 }")
    (tmp_path / "shadow.toml").write_text('shadow_verifier = { name = "exactt" }')
    (tmp_path / "trl.toml").write_text("[trl]\nbetta = 0.1")
    (tmp_path / "both.toml").write_text("[trl]\nbf16 = true\nfp16 = true")
    long_questions_in_the_test(tmp_path / "long")
    done = warm("run", *flags, cwd=tmp_path)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == code, done.stderr
    assert len(errors) == (code != 0)
    assert says in "".join(errors)
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def long_questions_in_the_test(pack: Path) -> None:
    """A pack whose training prompts fit the tiny model's context, and whose evaluation prompts don't."""
    pack.mkdir()
    (pack / "task.toml").write_text(
        'name = "long"\ndescription = "Long questions"\nlicense = "CC0-1.0"\n'
        'data.files = { train = "train.jsonl", test = "test.jsonl" }\nverifier.name = "exact"\n'
        '[prompt]\nstyle = "plain"\n[run]\nmodel = "tiny"\nmax_completion_length = 1\n'
    )
    (pack / "train.jsonl").write_text("".join(f'{{"question": "{n}+1=", "answer": "{n + 1}"}}\n' for n in range(8)))
    (pack / "test.jsonl").write_text(f'{{"question": "{"1" * 200}", "answer": "1"}}\n')


@pytest.mark.parametrize("tracker", ["tensorboard", "trackio", "wandb", "mlflow"])
def test_a_tracker_gets_the_metrics_or_is_named_as_missing(warm, tmp_path: Path, tracker: str) -> None:
    done = warm(
        "run", "addition", "--steps", "1", *SMALL, "--report-to", tracker, "--output", str(tmp_path / "runs"),
        cwd=tmp_path,
    )  # fmt: skip
    if importlib.util.find_spec(tracker) is None:
        assert done.returncode == 3
        assert f"error: report_to: {tracker} is not installed: pip install {tracker}" in done.stderr
        assert not (tmp_path / "runs").exists()
        return
    if tracker != "tensorboard":
        pytest.skip("would need a server or a login")
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "runs").rglob("events.out.tfevents*"))


# ---- schedules and control rewards


def test_shots_on_a_schedule_over_a_run(warm, tmp_path: Path) -> None:
    done = warm("run", "addition", "--steps", "6", *SMALL, "--shots", "2->0", "--draw-shots", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.iterdir()
    assert [row["shots"] for row in metrics(folder)] == [2, 2, 1, 1, 0, 0]
    from rlvr.runner.run_folder.folder import RunFolder

    for row in RunFolder(folder).rollout_rows():
        assert row["prompt"].count("=") == 1 + {1: 2, 2: 2, 3: 1, 4: 1, 5: 0, 6: 0}[row["step"]]
    for name in ("before", "after"):
        assert json.loads((folder / f"eval/{name}.json").read_text())["shots"] == 0


def test_under_random_rewards_nothing_is_learnt(warm, tmp_path: Path) -> None:
    """The same run, with the verifier's reward and with a coin's."""
    after = {}
    for arm in ("verifier", "random"):
        done = warm(
            "run", "addition", "--steps", "100", "--prompts-per-step", "32", "--learning-rate", "4e-3", "--reward", arm,
            "--json", "--output", str(tmp_path / arm),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        after[arm] = json.loads(done.stdout)["accuracy"]["strict"]["after"]
    assert after["verifier"]["interval"][0] > after["random"]["interval"][1], after
    assert after["random"]["accuracy"] < 0.25  # chance is a tenth
