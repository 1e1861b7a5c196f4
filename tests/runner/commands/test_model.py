"""`rlvr model`: which models there are, where they are put, and adapters that become models."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("transformers")
pytestmark = pytest.mark.train

Run = Callable[..., tuple[int, str, str]]


def test_the_tiny_model_is_made(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLVR_CACHE", str(tmp_path / "cache"))
    code, out, _ = run("model", "pull", "tiny")
    assert code == 0
    assert Path(out.strip()).is_relative_to(tmp_path / "cache")
    assert (Path(out.strip()) / "config.json").is_file()
    code, text, _ = run("model", "pull", "tiny", "--json")
    model = json.loads(text)
    assert (code, model["name"], model["path"]) == (0, "tiny", out.strip())
    assert "random weights" in model["origin"]


def test_a_folder_that_is_no_model(run: Run) -> None:
    code, out, err = run("model", "pull", "mine")
    assert (code, out) == (2, "")
    assert "mine: the folder has neither config.json nor adapter_config.json, so it holds no model" in err


def test_the_list_says_what_is_known_of_each_model(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLVR_CACHE", str(tmp_path / "cache"))
    code, out, _ = run("model", "list", "--json")
    listed = {model["name"]: model for model in json.loads(out)["models"]}
    coder = listed["qwen2.5-coder-0.5b"]
    assert code == 0
    assert (coder["hub"], coder["license"]) == ("Qwen/Qwen2.5-Coder-0.5B-Instruct", "Apache-2.0")
    assert (coder["parameters"], coder["download_megabytes"], coder["cached"]) == (494, 491, None)
    complete = tmp_path / "cache" / "models" / "Qwen2.5-Coder-0.5B-Instruct" / "complete"
    complete.parent.mkdir(parents=True)
    complete.touch()
    _, out, _ = run("model", "list", "--json")
    assert {m["name"]: m for m in json.loads(out)["models"]}["qwen2.5-coder-0.5b"]["cached"] == str(complete.parent)
    code, out, err = run("model", "list")
    assert (code, out) == (0, "")
    assert all(name in err for name in listed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["mine"], "mine: no adapter_config.json, so there is no adapter to merge (was it run with --lora-rank?)"),
    ],
)
def test_what_cannot_be_merged_is_named(run: Run, arguments: list[str], message: str) -> None:
    code, out, err = run("model", "merge", *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_a_lora_run_is_a_model_and_gives_the_same_answers_when_merged(warm, tmp_path: Path) -> None:
    settings = [
        "--steps",
        "2",
        "--lora-rank",
        "4",
        "--learning-rate",
        "0.05",
        "--backend",
        "transformers",
        "--seed",
        "1",
    ]
    small = ["--prompts-per-step", "4", "--group-size", "4", "--eval-examples", "30"]
    done = warm("run", "addition", *settings, *small, "--output", str(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)["folder"]
    done = warm("model", "merge", run, "--output", str(tmp_path / "merged"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"path": str(tmp_path / "merged")}
    answers = []
    for number, model in enumerate((run, f"{run}/best", str(tmp_path / "merged"))):
        output = tmp_path / f"eval-{number}.json"
        done = warm(
            "eval", "addition", "--model", model, "-n", "30", "--backend", "transformers", "--output", str(output)
        )
        assert done.returncode == 0, done.stderr
        rows = output.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
        answers.append([(row["id"], row["completion"]) for row in map(json.loads, rows)])
    assert answers[0] == answers[1] == answers[2]
    assert len(answers[0]) == 30
    assert warm("model", "merge", run, "--output", str(tmp_path / "merged")).returncode == 2  # it exists already
