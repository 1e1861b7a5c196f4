"""A LoRA adapter is a model: merged into its base once, it is a folder of weights like any other."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.paths import cache_folder

if TYPE_CHECKING:
    import torch
    from peft import PeftModel

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def is_adapter(folder: Path) -> bool:
    """Whether the folder holds a PEFT adapter rather than a whole model."""
    return (folder / CONFIG).is_file()


def base_of(adapter: Path) -> str:
    """The base model that the adapter was trained on: a folder or a hub id. Raises ConfigError if it doesn't say."""
    try:
        base = json.loads((adapter / CONFIG).read_text(encoding="utf-8")).get("base_model_name_or_path")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{adapter / CONFIG}: {error}") from None
    if not isinstance(base, str) or not base:
        raise ConfigError(f"{adapter / CONFIG}: no base_model_name_or_path, so it is not known which model it changes")
    return base


def merged(adapter: Path, base: Callable[[], Path], say: Callable[[str], None]) -> Path:
    """The folder in the cache with the adapter merged into the model that `base` gives, made once for these weights.

    Raises ConfigError for a base that isn't there any more and for an adapter that doesn't fit it, PrerequisiteError
    without peft.
    """
    folder = cache_folder() / "merged" / _fingerprint(adapter)
    if not (folder / "complete").is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".merge-") as scratch:
            target = Path(scratch) / "model"
            say(f"merging {adapter} into its base model (once)")
            merge(adapter, base(), target)
            (target / "complete").touch()
            shutil.rmtree(folder, ignore_errors=True)
            try:
                target.rename(folder)
            except OSError:
                if not (folder / "complete").is_file():  # another process may have made it meanwhile
                    raise
    return folder


def merge(adapter: Path, base: Path, target: Path) -> None:
    """Write the model `base` with the adapter's changes, and its tokenizer, to `target`, in the base's own dtype.

    The sum is computed in float32. Raises ConfigError for an adapter that doesn't fit the base, PrerequisiteError without
    peft.
    """
    try:
        import torch
        from peft import PeftModel
        from safetensors import SafetensorError
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise PrerequisiteError(f"an adapter needs {error.name}: pip install 'rlvr[train]'") from None
    dtype = getattr(AutoConfig.from_pretrained(base), "dtype", None) or torch.float32
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    try:
        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"{adapter}: the adapter doesn't fit its base model {base}: {reason:.200}") from None
    model.to(dtype).save_pretrained(target)
    tokenizer = adapter if (adapter / "tokenizer_config.json").is_file() else base
    AutoTokenizer.from_pretrained(tokenizer).save_pretrained(target)


def merged_weights(model: "PeftModel") -> "Iterator[tuple[str, torch.Tensor]]":
    """(name in the base model, weight) of every parameter as merging would leave it; the model itself stays as it is.

    `merge_adapter` and `unmerge_adapter` write into the base weights and back. In bfloat16 that rounds them differently
    each time, so that over a run the base drifts. Here the sum of a base weight (M, N) and the adapter's change
    is computed in float32, one layer at a time, and given in the base's dtype.
    """
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer

    changed: dict[str, torch.Tensor] = {}  # name of a base layer -> the adapter's change of its weight
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, BaseTunerLayer) and hasattr(module, "get_delta_weight"):
                changes = [module.get_delta_weight(adapter).float() for adapter in module.active_adapters]
                changed[f"{name}.base_layer.weight"] = torch.stack(changes).sum(0) if len(changes) > 1 else changes[0]
        for name, parameter in model.named_parameters():
            if model.prefix in name or "original_module" in name:
                continue
            plain = (
                name.removeprefix("base_model.model.")
                .replace(".base_layer", "")
                .replace("modules_to_save.default.", "")
            )
            weight = parameter.data
            if name in changed:
                weight = (weight.float() + changed.pop(name).to(weight.device)).to(weight.dtype)
            yield plain, weight


def _fingerprint(adapter: Path) -> str:
    """Of the adapter's weights and configuration: another adapter is another model."""
    digest = hashlib.sha256()
    for name in (CONFIG, WEIGHTS):
        path = adapter / name
        if not path.is_file():
            raise ConfigError(f"{path}: no such file; the adapter is incomplete")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
