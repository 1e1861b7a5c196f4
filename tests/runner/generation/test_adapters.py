"""A LoRA adapter evaluates, merges and trains on like the model that it makes of its base."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("peft")

import torch

from rlvr.errors import ConfigError
from rlvr.runner.generation import adapters, models, tiny_model

pytestmark = pytest.mark.train


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLVR_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def adapted(tmp_path: Path) -> tuple[Path, Any]:
    """(folder of an adapter on the tiny model, the adapted model)"""
    from peft import LoraConfig, get_peft_model

    base = tiny_model.save(tmp_path / "base")
    model = get_peft_model(
        models.load_for_training(models.resolve(str(base), print)),
        LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if "lora_B" in name:
                weights.normal_(std=0.3)
    model.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter", model


def test_an_adapter_gives_the_logits_of_the_adapted_model(adapted: tuple[Path, Any]) -> None:
    folder, model = adapted
    resolved = models.resolve(str(folder), print)
    ids = torch.arange(12)[None]
    with torch.no_grad():
        expected = model.eval()(input_ids=ids).logits
        merged = models.load_for_training(resolved).eval()(input_ids=ids).logits
        base = models.load_for_training(models.resolve(adapters.base_of(folder), print)).eval()(input_ids=ids).logits
    assert torch.allclose(merged, expected, atol=1e-5)
    assert not torch.allclose(base, expected, atol=1e-2)
    assert resolved.origin.startswith("adapter adapter on ")


def test_it_is_merged_once_and_again_if_it_changes(adapted: tuple[Path, Any]) -> None:
    folder, model = adapted
    said: list[str] = []
    first = models.resolve(str(folder), said.append).path
    assert models.resolve(str(folder), said.append).path == first
    assert len(said) == 1
    with torch.no_grad():
        next(w for n, w in model.named_parameters() if "lora_B" in n).add_(1)
    model.save_pretrained(folder)
    assert models.resolve(str(folder), said.append).path != first


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "adapter_model.safetensors").unlink(), "adapter_model.safetensors: no such file"),
        (
            lambda folder: (folder / "adapter_model.safetensors").write_bytes(b"x" * 100),
            "the adapter doesn't fit its base model",
        ),
        (lambda folder: (folder / "adapter_config.json").write_text("{"), "adapter_config.json: "),
        (lambda folder: (folder / "adapter_config.json").write_text("{}"), "no base_model_name_or_path"),
    ],
)
def test_a_spoilt_adapter_is_named(adapted: tuple[Path, Any], spoil: Any, message: str) -> None:
    spoil(adapted[0])
    with pytest.raises(ConfigError, match=message):
        models.resolve(str(adapted[0]), print)


def test_a_base_that_is_gone_is_named(adapted: tuple[Path, Any]) -> None:
    config = json.loads((adapted[0] / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "/no/such/model"
    (adapted[0] / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="--model /no/such/model: no such folder"):
        models.resolve(str(adapted[0]), print)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_merged_weights_are_those_of_merging_and_leave_the_model_alone(
    adapted: tuple[Path, Any], dtype: torch.dtype
) -> None:
    _, model = adapted
    for name, weight in model.named_parameters():
        if model.prefix not in name:
            weight.data = weight.data.to(dtype)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    merged = dict(adapters.merged_weights(model))
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name]), name
    base = model.merge_and_unload()
    expected = dict(base.named_parameters())
    assert merged.keys() == expected.keys()
    for name, weight in merged.items():
        assert weight.dtype == dtype
        assert torch.allclose(weight.float(), expected[name].float(), atol=0.02 if dtype == torch.bfloat16 else 1e-6), (
            name
        )


def test_merging_in_place_would_let_the_base_drift(adapted: tuple[Path, Any]) -> None:
    """Why `merged_weights` is there: the sums that are written back are rounded."""
    _, model = adapted
    weight = next(w for n, w in model.named_parameters() if "base_layer.weight" in n)
    for name, parameter in model.named_parameters():
        if model.prefix not in name:
            parameter.data = parameter.data.to(torch.bfloat16)
    before = weight.detach().clone()
    for _ in range(3):
        model.merge_adapter()
        model.unmerge_adapter()
    assert not torch.equal(weight, before)


def test_a_module_that_is_trained_whole_is_given_as_trained(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    base = models.load_for_training(models.resolve(str(tiny_model.save(tmp_path / "base")), print))
    names = {name for name, _ in base.named_parameters()}
    model = get_peft_model(
        base, LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["input_layernorm"], task_type="CAUSAL_LM")
    )
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "modules_to_save" in name:
                weight.fill_(7)
    merged = dict(adapters.merged_weights(model))
    assert merged.keys() == names
    assert {name for name, weight in merged.items() if (weight == 7).all()} == {
        n for n in names if "input_layernorm" in n
    }
