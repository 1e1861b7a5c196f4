"""A run's folder: made once, readable at every moment, rewound for a resumed run, refused where another version made it."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from rlvr.runner.config import RunConfig
from rlvr.runner.run_folder import FORMAT, RunFolder, write_whole
from rlvr.sandboxes.errors import ConfigError
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict


def rollout(step: int, text: str = "#### 4", value: float | None = 1.0, **verdict: Any) -> Rollout:
    made = Verdict(**{"status": Status.CORRECT, "score": 1.0, "answer": "4", "parts": {"format": 1.0}, **verdict})
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
    assert environment["backend"] == "transformers"
    assert environment["packages"]
    assert (folder.metrics(), folder.rollouts(), folder.last_checkpoint()) == ([], [], None)


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
        (f"format = {FORMAT}\n", "", "a run folder of format None, this rlvr"),
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
    folder.add_rollouts([rollout(1), rollout(1, value=None, status=Status.ERROR, score=0.0, answer=None)])
    folder.add_metrics({"step": 2, "reward": None})
    assert folder.metrics() == [{"step": 1, "reward": 0.5}, {"step": 2, "reward": None}]
    first, second = folder.rollouts()
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
    assert [row["step"] for row in folder.rollouts()] == [1, 2]
    folder.add_rollouts([rollout(3)])
    folder.finish()
    assert [row["step"] for row in folder.rollouts()] == [1, 2, 3]


def test_rewind_of_nothing(folder: RunFolder) -> None:
    folder.rewind(0)
    assert (folder.metrics(), folder.rollouts()) == ([], [])


def test_finish(folder: RunFolder) -> None:
    folder.finish()  # nothing to turn into Parquet
    assert list((folder.path / "rollouts").iterdir()) == []
    folder.add_rollouts([rollout(1, value=None, answer=None), rollout(2, "\u2028 ü \U0001f600 </script>\x00\r\n")])
    before = folder.rollouts()
    folder.finish()
    assert [path.name for path in (folder.path / "rollouts").iterdir()] == ["rollouts.parquet"]
    assert folder.rollouts() == before
    folder.finish()
    assert folder.rollouts() == before


def test_text_that_is_no_text_does_not_end_a_run(folder: RunFolder) -> None:
    folder.add_rollouts([rollout(1, "half a pair: \ud83d.", reason="\udcff")])
    folder.finish()
    assert folder.rollouts()[0]["completion"] == "half a pair: ?."


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    write_whole(path, "before")

    def full(self: Path, *_: object, **__: object) -> None:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "after")
    assert path.read_text() == "before"


def test_the_last_checkpoint_is_the_last_complete_one(folder: RunFolder) -> None:
    for step, complete in ((9, True), (10, True), (11, False)):
        checkpoint = folder.checkpoints / f"checkpoint-{step}"
        checkpoint.mkdir(parents=True)
        if complete:
            (checkpoint / "trainer_state.json").write_text(json.dumps({}))
    found = folder.last_checkpoint()
    assert found is not None
    assert found.name == "checkpoint-10"
