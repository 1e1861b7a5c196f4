"""A pack of the examples that a model solves sometimes, and the control that makes a comparison with it honest.

The control is as large, and drawn from all training examples: what training on the filtered pack gains over it is due to the
choice, not to the number of examples.
"""

import json
import random
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlvr.errors import ConfigError
from rlvr.files import read_toml
from rlvr.tasks.pack import Pack, Split
from rlvr.tasks.splits import load_split, split_names
from rlvr.verifiers.types import Example

TRAIN = "train"
_NOT_COPIED = ("task.toml", "README.md", "data.py", "__pycache__", "test_*.py")
SUBSTITUTE = "The data is a substitute: figures are not comparable with published ones."
_NAME = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Band:
    """Pass rates from `low` to `high`, both included."""

    low: float
    high: float

    @classmethod
    def parse(cls, text: str) -> "Band":
        """`0.1:0.9`. Raises ConfigError for anything else."""
        try:
            low, high = map(float, text.split(":"))
        except ValueError:
            low, high = 1.0, 0.0
        if not 0 <= low <= high <= 1:
            raise ConfigError(f"--keep {text}: expected two pass rates LOW:HIGH from 0 to 1, such as 0.1:0.9")
        return cls(low, high)

    def __contains__(self, rate: float | None) -> bool:
        return rate is not None and self.low <= rate <= self.high

    def __str__(self) -> str:
        return f"{self.low:g}:{self.high:g}"


def control_folder(folder: Path) -> Path:
    """Where the control of the filtered pack in `folder` goes: beside it."""
    return folder.with_name(f"{folder.name}-control")


def require_new(folder: Path) -> None:
    """Raises ConfigError if the filtered pack and its control can't be written there."""
    if not _NAME.fullmatch(folder.name):
        raise ConfigError(
            f"--output {folder}: the folder's name is the pack's: lower-case letters, digits, '-' and '_', starting with "
            "a letter"
        )
    for path in (folder, control_folder(folder)):
        if path.exists():
            raise ConfigError(f"--output {folder}: {path} exists already; nothing was written")


def write_filtered(pack: Pack, folder: Path, kept: Sequence[Example], how: str, seed: int, mirror: str | None) -> Path:
    """Write the pack with only the examples `kept` in its training split, and its control, drawn with the seed.

    `how` says in a sentence how they were chosen; the other splits stay as they are. Returns the control's folder. Raises
    ConfigError if one of the folders exists or can't be written, and what `load_split` raises.
    """
    require_new(folder)
    splits = {name: load_split(pack, name, mirror) for name in split_names(pack)}
    every = splits[TRAIN].examples
    drawn = set(random.Random(f"control-{seed}").sample(range(len(every)), len(kept)))
    control = [example for place, example in enumerate(every) if place in drawn]
    random_draw = (
        f"{len(control)} of the {len(every)} training examples, drawn at random (seed {seed}): the control of "
        f"{folder.name}, as large, to compare with."
    )
    _write(pack, folder, kept, how, splits)
    _write(pack, control_folder(folder), control, random_draw, splits)
    return control_folder(folder)


def _write(pack: Pack, folder: Path, train: Sequence[Example], how: str, splits: Mapping[str, Split]) -> None:
    """Write one pack, whole or not at all."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            work = Path(scratch) / folder.name
            shutil.copytree(
                pack.folder, work, ignore=shutil.ignore_patterns(*_NOT_COPIED, *pack.task.data.files.values())
            )
            examples = {name: train if name == TRAIN else split.examples for name, split in splits.items()}
            for name, rows in examples.items():
                lines = (json.dumps(_row(example), ensure_ascii=False) for example in rows)
                (work / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            provenance = [how, *(f"{name}: {_origin(split)}" for name, split in splits.items())]
            if any(split.substituted for split in splits.values()):
                provenance.insert(1, SUBSTITUTE)
            (work / "task.toml").write_text(_task(pack, folder.name, examples, provenance), encoding="utf-8")
            (work / "README.md").write_text(_card(pack, folder.name, provenance), encoding="utf-8")
            work.rename(folder)
    except OSError as error:
        raise ConfigError(f"--output {folder}: can't write there: {error.strerror}") from None


def _row(example: Example) -> dict[str, Any]:
    row = {"id": example.id, "question": example.question, "gold": example.gold, "category": example.category,
           "metadata": dict(example.metadata), "verifier": example.verifier}  # fmt: skip
    return {name: value for name, value in row.items() if value or name == "gold"}


def _task(pack: Pack, name: str, examples: Mapping[str, Sequence[Example]], provenance: Sequence[str]) -> str:
    """The pack's task.toml with its data in files; comments at its head say where they are from."""
    import tomli_w

    table = read_toml(pack.folder / "task.toml")
    table["name"] = name
    if SUBSTITUTE in provenance:  # such data is never used without a word
        table["description"] = f"{pack.task.description}. {SUBSTITUTE}"
    table["data"] = {"files": {split: f"{split}.jsonl" for split in examples}}
    if pack.task.categories:  # those of a substitute may have no entry
        used = sorted({example.category for rows in examples.values() for example in rows})
        table["categories"] = {category: category for category in used} | pack.task.categories
    comments = "".join(f"# {line}\n" for line in (f"Made from pack {pack.name} by `rlvr profile`.", *provenance))
    return f"{comments}\n{tomli_w.dumps(table)}"


def _card(pack: Pack, name: str, provenance: Sequence[str]) -> str:
    """A card that says where the pack is from, with the original's after it."""
    original = pack.folder / "README.md"
    text = original.read_text(encoding="utf-8") if original.exists() else "It has none.\n"
    facts = "".join(f"- {line}\n" for line in provenance)
    return (
        f"# {name}\n\nMade from the pack `{pack.name}` by `rlvr profile`.\n\n{facts}\n"
        f"Prompt, verifier, reward, few-shot examples and license are those of `{pack.name}`, whose card follows.\n\n"
        f"---\n\n{text}"
    )


def _origin(split: Split) -> str:
    return ", ".join(f"{key} {value}" for key, value in split.origin.items() if value is not None)
