"""Which checkpoints of a run are whole. A kill, a full disk or a lost disk cache can leave one of which a part is missing."""

import json
import re
import zipfile
from pathlib import Path

_NAME = re.compile(r"checkpoint-([0-9]+)")
# What a checkpoint consists of, each in the forms that TRL, DeepSpeed and FSDP give it. The last is written last.
_MODEL = ("*.safetensors", "pytorch_model*", "adapter_model*", "global_step*")
_TRAINING = ("optimizer*", "global_step*"), ("scheduler.pt", "global_step*"), ("rng_state*",)
_STATES = ("rlvr_state.json",), ("trainer_state.json",)


def step_of(checkpoint: Path | None) -> int:
    """The step after which it was saved; 0 for none."""
    return int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0


def checkpoints(folder: Path) -> list[Path]:
    """Those in `folder`, the newest first, whole or not."""
    return sorted((p for p in folder.glob("checkpoint-*") if _NAME.fullmatch(p.name)), key=step_of, reverse=True)


def damage(checkpoint: Path, only_model: bool = False) -> str:
    """What is missing or cut off, in words; empty if it is complete. `only_model`: without optimizer, on purpose."""
    for forms in (_MODEL, *(() if only_model else _TRAINING), *_STATES):
        if not any(any(checkpoint.glob(form)) for form in forms):
            return f"{forms[0].strip('*')} is missing"
    for path in sorted(checkpoint.iterdir()):
        if path.is_file() and not _whole(path):
            return f"{path.name} is cut off"
    return ""


def _whole(path: Path) -> bool:
    try:
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix in (".pt", ".pth", ".bin"):
            return zipfile.is_zipfile(path)  # its directory is at the end
        elif path.suffix == ".safetensors":
            return _safetensors(path)
    except (OSError, ValueError):
        return False
    return True


def _safetensors(path: Path) -> bool:
    """Whether the file is as long as its header says."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(min(length, 100_000_000)))
    ends = (tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__")
    return path.stat().st_size == 8 + length + max(ends, default=0)
