"""A task pack: a folder with a task.toml, and what stands beside it.

task.toml       data, prompt, verifier, reward, run defaults (see schema.py)
fewshot.jsonl   worked examples: question, completion, gold
cases.jsonl     labelled completions: id, question, gold, completion, expected, why
data.py         optional: to_example(row) reshapes a row; generate(split, size, seed) makes rows
verifier.py     optional: VERIFIER, a verifier of the pack's own
README.md       the card
"""

import functools
import importlib.util
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from rlvr.sandboxes.errors import ConfigError
from rlvr.tasks.files import read_jsonl, read_toml, validate
from rlvr.tasks.schema import TaskFile
from rlvr.verifiers.registry import lookup, registry
from rlvr.verifiers.types import Completion, Example, Status
from rlvr.verifiers.verifier import Verifier


@dataclass(frozen=True)
class Shot:
    """A worked example: what stands in a few-shot prompt."""

    example: Example
    completion: str


@dataclass(frozen=True)
class Case:
    """A labelled completion: what the verifier must say of it, and why. `line` is its place in cases.jsonl."""

    example: Example
    completion: Completion
    expected: Status
    score: float | None  # the expected score, where the label says one
    why: str
    line: int


@dataclass(frozen=True)
class Pack:
    folder: Path
    task: TaskFile

    @property
    def name(self) -> str:
        return self.task.name

    @functools.cached_property
    def shots(self) -> list[Shot]:
        """The worked examples. Raises ConfigError with file and line."""
        path = self.folder / "fewshot.jsonl"
        if not path.exists():
            return []
        return [
            Shot(self.example(row, f"fewshot-{number}", f"{path}:{number}"), _text(row, "completion", path, number))
            for number, row in read_jsonl(path)
        ]

    @functools.cached_property
    def cases(self) -> list[Case]:
        """The labelled completions. Raises ConfigError with file and line."""
        path = self.folder / "cases.jsonl"
        if not path.exists():
            return []
        return [self._case(row, path, number) for number, row in read_jsonl(path)]

    def _case(self, row: dict[str, Any], path: Path, number: int) -> Case:
        label = row.get("expected")
        if label not in [str(status) for status in Status]:
            known = ", ".join(Status)
            raise ConfigError(f"{path}:{number}: expected = {label!r}: expected one of {known}")
        score = row.get("score")
        if score is not None and (isinstance(score, bool) or not isinstance(score, (int, float))):
            raise ConfigError(f"{path}:{number}: field 'score' must be a number, not {score!r:.60}")
        finish = "length" if row.get("truncated") else "stop"
        completion = Completion(_text(row, "completion", path, number), finish_reason=finish)
        example = self.example(row, str(row.get("id", number)), f"{path}:{number}")
        return Case(example, completion, Status(label), score, str(row.get("why", "")), number)

    def example(self, row: Mapping[str, Any], id_: str, where: str) -> Example:
        """An Example from a row of fewshot.jsonl or cases.jsonl."""
        if "gold" not in row:
            raise ConfigError(f"{where}: no field 'gold'; found {', '.join(row)}")
        metadata = row.get("metadata", {})
        if not isinstance(metadata, dict):
            raise ConfigError(f"{where}: field 'metadata' must be an object, not {metadata!r:.60}")
        return Example(id_, str(row.get("question", "")), str(row["gold"]), str(row.get("category", "")), metadata)

    @functools.cached_property
    def verifier(self) -> Verifier:
        """The pack's verifier, options set."""
        return self._verifier({})

    @functools.cached_property
    def lenient(self) -> Verifier | None:
        """The verifier with the options of [lenient], or None where the pack has no lenient figure."""
        return self._verifier(self.task.lenient) if self.task.lenient else None

    def _verifier(self, changes: Mapping[str, Any]) -> Verifier:
        options = {**self.task.verifier, **changes}
        name = options.pop("name")
        if self.task.sandbox.packages:
            options.setdefault("packages", self.task.sandbox.packages)
        try:
            own = self._own_verifier()
            if own is not None and own.name == name:
                return own.with_options(**options)
            return registry().verifier(name, **options)
        except ConfigError as error:
            raise ConfigError(f"{self.folder / 'task.toml'}: {error}") from None

    def _own_verifier(self) -> Verifier | None:
        found = getattr(self.module("verifier"), "VERIFIER", None)
        if found is not None and not isinstance(found, Verifier):
            raise ConfigError("VERIFIER in verifier.py must be a Verifier: decorate a function with @rlvr.verifier")
        return found

    def module(self, name: str) -> ModuleType | None:
        """The pack's own data.py or verifier.py, or None where it has none. Raises ConfigError if it doesn't load."""
        path = self.folder / f"{name}.py"
        return _load_module(path) if path.exists() else None


@functools.cache
def _load_module(path: Path) -> ModuleType:
    import cloudpickle

    name = "rlvr_pack_" + re.sub(r"\W", "_", str(path.resolve().with_suffix("")))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ConfigError(f"{path}: {type(error).__name__}: {error}") from error
    cloudpickle.register_pickle_by_value(module)  # a worker can't import it by name
    return module


def load_pack(path_or_name: str) -> Pack:
    """The pack in a folder, if there is one at that path, else the installed pack of that name.

    Raises ConfigError for an unknown pack and for whatever is wrong in its task.toml.
    """
    folder = Path(path_or_name)
    if not (folder / "task.toml").is_file():
        if folder.is_dir() and ("/" in path_or_name or path_or_name in (".", "..")) and not _named(folder.name):
            raise ConfigError(f"{folder}: no task.toml in this folder, so it is no task pack")
        # `tasks/gsm8k` names the installed pack too, where the checkout's folder isn't there.
        name = folder.name if path_or_name.rstrip("/") == f"tasks/{folder.name}" else path_or_name
        folder = lookup("pack", packs(), name)
    file = folder / "task.toml"
    task = validate(TaskFile, read_toml(file), file)
    return Pack(folder.resolve(), task)


def _named(name: str) -> bool:
    return name in packs()


def packs() -> dict[str, Path]:
    """Every installed pack: ours, and those of plugins."""
    return {**own_packs(), **registry().packs}


@functools.cache
def own_packs() -> dict[str, Path]:
    found = {file.parent.name: file.parent for file in sorted(Path(__file__).parent.glob("*/task.toml"))}
    for name in found:
        registry().owners.setdefault(("pack", name), "rlvr")
        if registry().owners["pack", name] != "rlvr":
            from rlvr.verifiers.errors import PluginError

            raise PluginError(f"plugin {registry().owners['pack', name]!r} registers the pack {name!r}, which rlvr has")
    return found


def _text(row: Mapping[str, Any], field: str, path: Path, number: int) -> str:
    value = row.get(field)
    if not isinstance(value, str):
        raise ConfigError(f"{path}:{number}: field {field!r} must be text, not {value!r:.60}")
    return value
