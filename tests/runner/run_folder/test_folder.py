"""A run's folder: made once, readable at every moment, rewound for a resumed run, refused where another version made it."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from rlvr.errors import ConfigError
from rlvr.runner.run_folder.folder import FORMAT, RunFolder
from rlvr.runner.settings.run_config import RunConfig
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict


def rollout(step: int, text: str = "#### 4", value: float | None = 1.0, **verdict: Any) -> Rollout:
    made = Verdict(**{"status": Status.CORRECT, "score": 1.0, "extracted": "4", "parts": {"format": 1.0}, **verdict})
    example = Example("train-1", "2+2?", "4", "small", {"tests": [1, {"a": None}]})
    return Rollout(example, "2+2?", Completion(text, (1, 2)), made, Reward(value), 0.5, 0, step)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "sums", "a/model b", RunConfig(steps=3), {"backend": "transformers"})


def test_create_and_open(folder: RunFolder) -> None:
    assert re.fullmatch(r"sums-a-model-b-\d{8}-\d{6}", folder.path.name)
    opened, pack, config = RunFolder.open(folder.path)
    assert (opened.path, pack, config) == (folder.path, "sums", RunConfig(steps=3))
    environment = folder.environment()
    assert environment.backend == "transformers"
    assert environment.table["packages"]
    assert (folder.metrics(), folder.rollout_rows(), folder.last_checkpoint()) == ([], [], None)


def test_two_in_one_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "strftime", lambda *_: "20260101-120000")
    names = [RunFolder.create(tmp_path, "sums", "m", RunConfig(), {}).path.name for _ in range(3)]
    assert names == [f"sums-m-20260101-120000{suffix}" for suffix in ("", "-2", "-3")]


@pytest.mark.parametrize("inside", ["", "deeper"])
def test_a_file_in_place_of_the_folder(tmp_path: Path, inside: str) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(ConfigError, match=r"^--output .*runs.*: can't make a run folder there: Not a directory$"):
        RunFolder.create(tmp_path / "runs" / inside, "sums", "m", RunConfig(), {})


def test_what_is_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no config\.toml in this folder, so it is no run folder"):
        RunFolder.open(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (f"format = {FORMAT}", "format = 99", "a run folder of format 99, this rlvr"),
        (f"format = {FORMAT}\n", "", "its config.toml has no format, so it is no run folder"),
        ("steps = 3", "stepz = 3", "config.toml: stepz: unknown field; did you mean 'steps'?"),
        ("steps = 3", "steps = ", "config.toml: not valid TOML"),
    ],
)
def test_a_folder_of_another_version(folder: RunFolder, old: str, new: str, message: str) -> None:
    path = folder.path / "config.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=re.escape(message)):
        RunFolder.open(folder.path)


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "not valid JSON"), ("[]", "expected an object, found list"), (None, "No such file or directory")],
)
def test_a_spoilt_environment(folder: RunFolder, content: str | None, message: str) -> None:
    path = folder.path / "environment.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(ConfigError, match=f"{re.escape(str(path))}: {message}"):
        folder.environment()


def test_lines_are_there_at_once(folder: RunFolder) -> None:
    folder.add_metrics({"step": 1, "reward": 0.5})
    folder.add_rollouts([rollout(1), rollout(1, value=None, status=Status.ERROR, score=0.0, extracted=None)])
    folder.add_metrics({"step": 2, "reward": None})
    assert folder.metrics() == [{"step": 1, "reward": 0.5}, {"step": 2, "reward": None}]
    first, second = folder.rollout_rows()
    assert (first["metadata"], first["tokens"], first["reward"]) == ({"tests": [1, {"a": None}]}, 2, 1.0)
    assert (second["status"], second["reward"], second["extracted"]) == ("error", None, None)


def test_a_half_written_last_line_is_left_out(folder: RunFolder) -> None:
    folder.add_metrics({"step": 1})
    with (folder.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "rew')
    assert folder.metrics() == [{"step": 1}]
    folder.rewind(1)
    folder.add_metrics({"step": 2})
    assert folder.metrics() == [{"step": 1}, {"step": 2}]


@pytest.mark.parametrize("finished", [False, True])
def test_rewind(folder: RunFolder, finished: bool) -> None:
    for step in (1, 2, 3):
        folder.add_metrics({"step": step})
        folder.add_rollouts([rollout(step)])
    if finished:
        folder.finish()
    folder.rewind(2)
    assert [row["step"] for row in folder.metrics()] == [1, 2]
    assert [row["step"] for row in folder.rollout_rows()] == [1, 2]
    folder.add_rollouts([rollout(3)])
    folder.finish()
    assert [row["step"] for row in folder.rollout_rows()] == [1, 2, 3]


def test_rewind_of_nothing(folder: RunFolder) -> None:
    folder.rewind(0)
    assert (folder.metrics(), folder.rollout_rows()) == ([], [])


def test_no_room_for_a_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(ConfigError, match=r"^--output .*: can't make a run folder there: No space left on device$"):
        RunFolder.create(tmp_path, "sums", "m", RunConfig(), {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["metrics.jsonl", "rollouts/rollouts.jsonl"])
def test_a_spoilt_line_before_the_last_is_an_error_and_nothing_is_dropped(folder: RunFolder, name: str) -> None:
    text = '{"step": 1}\nspoilt\n{"step": 3}\n'
    (folder.path / name).write_text(text)
    with pytest.raises(ConfigError, match=rf"{name}:2: not valid JSON"):
        folder.rewind(2)
    assert (folder.path / name).read_text() == text
