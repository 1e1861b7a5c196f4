"""A run's rollouts: the same rows as JSONL and as Parquet, whatever completions hold."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rlvr.errors import ConfigError
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict


def rollout(step: int, text: str = "#### 4", value: float | None = 1.0, **verdict: Any) -> Rollout:
    made = Verdict(**{"status": Status.CORRECT, "score": 1.0, "extracted": "4", "parts": {"format": 1.0}, **verdict})
    example = Example("train-1", "2+2?", "4", "small", {"tests": [1, {"a": None}]})
    return Rollout(example, "2+2?", Completion(text, (1, 2)), made, Reward(value), 0.5, 0, step)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "sums", "a/model b", RunConfig(steps=3), {"backend": "transformers"})


def test_finish(folder: RunFolder) -> None:
    folder.finish()  # nothing to turn into Parquet
    assert list((folder.path / "rollouts").iterdir()) == []
    folder.add_rollouts([rollout(1, value=None, extracted=None), rollout(2, "\u2028 ü \U0001f600 </script>\x00\r\n")])
    before = folder.rollout_rows()
    folder.finish()
    assert [path.name for path in (folder.path / "rollouts").iterdir()] == ["rollouts.parquet"]
    assert folder.rollout_rows() == before
    folder.finish()
    assert folder.rollout_rows() == before


@pytest.mark.parametrize("finished", [False, True])
def test_some_of_the_rollouts(folder: RunFolder, finished: bool) -> None:
    assert (folder.rollout_steps(), folder.rollout_rows([])) == ([], [])
    folder.add_rollouts([rollout(1, "a"), rollout(1, "b")])
    folder.add_rollouts([rollout(2, "c")])
    if finished:
        folder.finish()
    assert folder.rollout_steps() == [1, 1, 2]
    assert folder.rollout_rows([0, 2]) == [folder.rollout_rows()[0], folder.rollout_rows()[2]]
    assert [row["completion"] for row in folder.rollout_rows([0, 2])] == ["a", "c"]


def test_a_number_that_is_none_is_null(folder: RunFolder) -> None:
    folder.add_rollouts([rollout(1, parts={"length": float("nan"), "format": 1})])
    json.loads((folder.path / "rollouts" / "rollouts.jsonl").read_text(), parse_constant=pytest.fail)
    for _ in range(2):
        assert folder.rollout_rows()[0]["parts"] == {"length": None, "format": 1}
        folder.finish()


def test_text_that_is_no_text_does_not_end_a_run(folder: RunFolder) -> None:
    folder.add_rollouts([rollout(1, "half a pair: \ud83d.", reason="\udcff")])
    folder.finish()
    assert folder.rollout_rows()[0]["completion"] == "half a pair: ?."


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "can't be read as Parquet"),
        (lambda path: path.write_bytes(b""), "can't be read as Parquet"),
        (lambda path: pq.write_table(pa.table({"x": [1]}), path), "has no column 'step', so it holds no rollouts"),
    ],
)
def test_a_spoilt_parquet_file(folder: RunFolder, spoil: Callable[[Path], Any], says: str) -> None:
    folder.add_rollouts([rollout(1)])
    folder.finish()
    spoil(folder.path / "rollouts" / "rollouts.parquet")
    with pytest.raises(ConfigError, match=rf"rollouts\.parquet: {says}"):
        folder.rollout_rows()


@pytest.mark.parametrize("finished", [False, True])
def test_rows_become_rollouts_again(folder: RunFolder, finished: bool) -> None:
    written = [rollout(1), rollout(2, value=None, status=Status.ERROR, score=0.0, extracted=None, parts={})]
    folder.add_rollouts(written)
    if finished:
        folder.finish()
    read = folder.rollouts()
    assert [one.completion.text for one in read] == ["#### 4", "#### 4"]
    assert [(one.verdict, one.reward, one.example) for one in read] == [
        (one.verdict, one.reward, one.example) for one in written
    ]


def test_a_row_that_holds_no_rollout(folder: RunFolder) -> None:
    (folder.path / "rollouts" / "rollouts.jsonl").write_text('{"step": 1}\n{"step": 2}\n')
    assert folder.rollout_steps() == [1, 2]
    with pytest.raises(ConfigError, match="rollouts: no column"):
        folder.rollouts()
