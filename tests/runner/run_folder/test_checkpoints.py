"""Checkpoints: one of which a part is missing or cut off is skipped, and the newest complete one counts."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from rlvr.runner.run_folder.checkpoints import step_of
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig

FILES = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "rlvr_state.json", "trainer_state.json")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "sums", "a/model b", RunConfig(steps=3), {"backend": "transformers"})


def save(folder: RunFolder, step: int, *without: str) -> Path:
    """A checkpoint as TRL and we write it, without some of its files."""
    path = folder.checkpoints / f"checkpoint-{step}"
    path.mkdir(parents=True)
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    content = {"model.safetensors": len(header).to_bytes(8, "little") + header + bytes(4)}
    content |= dict.fromkeys(("config.json", "rlvr_state.json", "trainer_state.json"), b'{"a": [1]}')
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("data", "x" * 64)
    content |= dict.fromkeys(("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin"), archive.getvalue())
    for name, data in content.items():
        if name not in without:
            (path / name).write_bytes(data)
    return path


@pytest.mark.parametrize("name", FILES)
def test_a_checkpoint_without_one_of_its_files_is_none(folder: RunFolder, name: str) -> None:
    whole, spoilt = save(folder, 9), save(folder, 10, name)
    assert folder.last_checkpoint() == whole
    assert list(folder.damaged_checkpoints()) == [spoilt]
    assert folder.damaged_checkpoints()[spoilt].endswith(" is missing")


@pytest.mark.parametrize("name", [*FILES, "config.json", "training_args.bin"])
@pytest.mark.parametrize("left", [0, 5, -1])
def test_a_checkpoint_with_a_file_that_is_cut_off_is_none(folder: RunFolder, name: str, left: int) -> None:
    whole, spoilt = save(folder, 9), save(folder, 10)
    (spoilt / name).write_bytes((spoilt / name).read_bytes()[:left])
    assert folder.last_checkpoint() == whole
    assert folder.damaged_checkpoints() == {spoilt: f"{name} is cut off"}


def test_the_last_checkpoint_is_the_newest_by_number(folder: RunFolder) -> None:
    for step in (9, 10, 100):
        save(folder, step)
    (folder.checkpoints / "checkpoint-100-copy").mkdir()
    assert folder.last_checkpoint() == folder.checkpoints / "checkpoint-100"
    assert folder.damaged_checkpoints() == {}
    folder.rewind(10)
    assert folder.last_checkpoint() == folder.checkpoints / "checkpoint-10"


def test_checkpoints_of_the_model_alone_are_whole_where_the_run_wants_them(tmp_path: Path) -> None:
    for wanted in (False, True):
        config = RunConfig(trl={"save_only_model": wanted})
        folder = RunFolder.create(tmp_path, "sums", "m", config, {})
        save(folder, 5, "optimizer.pt", "scheduler.pt", "rng_state.pth")
        assert (folder.last_checkpoint() is not None) == wanted


def test_the_step_of_a_checkpoint() -> None:
    assert step_of(Path("run/checkpoints/checkpoint-120")) == 120
    assert step_of(None) == 0
