"""A task pack: a folder with a task.toml and the files beside it.

task.toml       data, prompt, verifier, reward, run defaults (see schema.py)
fewshot.jsonl   few-shot examples: question, completion, gold
cases.jsonl     labelled completions: id, question, gold, completion, expected, why
data.py         optional: to_example(row) reshapes a row; generate(split, size, seed) makes rows
verifier.py     optional: verifiers of the pack's own
README.md       the card
"""

import functools
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from rlvr.errors import ConfigError
from rlvr.files import read_jsonl, read_toml, validate
from rlvr.tasks.reward import part_weights, reward
from rlvr.tasks.schema import RewardRule, TaskFile
from rlvr.verifiers.composite.composite import Composite, build, merge
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.plugins.registry import lookup, registry
from rlvr.verifiers.rows import Pair, Row, pair_from_row
from rlvr.verifiers.types import Completion, Example, Reward, Status, Verdict
from rlvr.verifiers.verifier import Verifier


@dataclass(frozen=True)
class Shot:
    """A few-shot example."""

    example: Example
    completion: str


@dataclass(frozen=True)
class Case:
    """A labelled completion: the verdict that the verifier must reach, and why. `line` is its line in cases.jsonl."""

    example: Example
    completion: Completion
    expected: Status
    score: float | None  # the expected score, if the label gives one
    why: str
    line: int


@dataclass(frozen=True)
class Split:
    """The examples of one split, and their `origin`: the source, and what identifies the data in it."""

    examples: list[Example]
    origin: Mapping[str, Any]

    @property
    def substituted(self) -> bool:
        """Whether any of the examples are from a substitute instead of the data that the pack names."""
        members = self.origin.get("packs", {}).values()
        return any(origin["source"] == "substitute" for origin in (self.origin, *members))


@dataclass(frozen=True)
class Pack:
    """A task pack. Its verifiers, few-shot examples and cases are read and built when they are first needed.

    `examples` (by split) and `given_verifiers` replace the data and the verifiers that `task` names: see `Pack.of`.
    """

    folder: Path
    task: TaskFile
    examples: Mapping[str, Sequence[Example]] | None = None
    given_verifiers: Mapping[str, Verifier] | None = None

    @classmethod
    def of(
        cls,
        task: TaskFile,
        verifier: Verifier | None = None,
        examples: Mapping[str, Sequence[Example]] | None = None,
    ) -> "Pack":
        """A pack without a folder, with `examples` as its splits. `verifier` decides instead of the one that `task` names."""
        return cls(Path(task.name), task, examples, None if verifier is None else {"": verifier})

    def checked(self) -> "Pack":
        """This pack, with its verifiers built. Raises ConfigError for what is wrong with one of them."""
        _ = self.verifiers, self.lenients  # built here, and kept
        return self

    @property
    def name(self) -> str:
        """The pack's name in task.toml."""
        return self.task.name

    @functools.cached_property
    def members(self) -> dict[str, "Pack"]:
        """Name -> pack, if this one draws its examples from other packs (a mixture); otherwise empty.

        Fields that this pack's [prompt] sets apply to all of them. Raises ConfigError for an unknown or broken member, for
        a member that is a mixture, and for two of the same name.
        """
        if self.task.data.packs is None:
            return {}
        members: dict[str, Pack] = {}
        changes = {name: getattr(self.task.prompt, name) for name in self.task.prompt.model_fields_set}
        for path_or_name in self.task.data.packs.shares:
            sibling = self.folder / path_or_name
            try:
                pack = load_pack(str(sibling) if (sibling / "task.toml").is_file() else path_or_name)
            except ConfigError as error:
                raise ConfigError(f"{self.folder / 'task.toml'}: data.packs.shares: {error}") from None
            if pack.task.data.packs is not None:
                raise ConfigError(
                    f"{self.folder / 'task.toml'}: data.packs.shares: {path_or_name!r} is a mixture itself"
                )
            if pack.name in members:
                raise ConfigError(f"{self.folder / 'task.toml'}: data.packs.shares: two packs are called {pack.name!r}")
            task = pack.task.model_copy(update={"prompt": pack.task.prompt.model_copy(update=changes)})
            members[pack.name] = replace(pack, task=task)
        return members

    def member(self, example: Example) -> "Pack":
        """The pack that an example was drawn from; this one if it is no mixture. Raises ConfigError for an unknown pack."""
        return lookup("pack", self.members, example.pack) if self.members else self

    @functools.cached_property
    def shots(self) -> list[Shot]:
        """The few-shot examples; of a mixture, those of all members. Raises ConfigError with file and line."""
        if self.members:
            return [
                Shot(replace(shot.example, pack=name), shot.completion)
                for name, pack in self.members.items()
                for shot in pack.shots
            ]
        path = self.folder / "fewshot.jsonl"
        if not path.exists():
            return []
        pairs = [self._pair(row, f"fewshot-{number}", f"{path}:{number}") for number, row in read_jsonl(path)]
        return [Shot(example, completion.text) for example, completion in pairs]

    @functools.cached_property
    def cases(self) -> list[Case]:
        """The labelled completions. Raises ConfigError with file and line."""
        path = self.folder / "cases.jsonl"
        if not path.exists():
            return []
        return [self._case(row, path, number) for number, row in read_jsonl(path)]

    def _case(self, row: Row, path: Path, number: int) -> Case:
        label = row.get("expected")
        if label not in [str(status) for status in Status]:
            raise ConfigError(f"{path}:{number}: expected = {label!r}: expected one of {', '.join(Status)}")
        score = row.get("score")
        if score is not None and (isinstance(score, bool) or not isinstance(score, (int, float))):
            raise ConfigError(f"{path}:{number}: column 'score' must be a number, not {score!r:.60}")
        example, completion = self._pair(row, str(row.get("id", number)), f"{path}:{number}")
        return Case(example, completion, Status(label), score, str(row.get("why", "")), number)

    def _pair(self, row: Row, id_: str, where: str) -> Pair:
        """The example and the completion in a row of fewshot.jsonl or cases.jsonl. Raises ConfigError with file and line."""
        example, completion = pair_from_row(row, where)
        self.check_verifier(example, lambda: where)
        return replace(example, id=id_), completion

    def check_verifier(self, example: Example, where: Callable[[], str]) -> None:
        """Raises ConfigError, which begins with `where()`, for an example of no verifier or no member of this pack."""
        for column, value, names in (
            ("pack", example.pack, [*self.members]),
            ("verifier", example.verifier, [*self.task.verifiers]),
        ):
            if names and value not in names:
                raise ConfigError(f"{where()}: column {column!r} must be one of {', '.join(names)}, not {value!r:.60}")

    @property
    def verifier(self) -> Verifier:
        """The pack's only verifier, options set. Raises ConfigError if it has several: use `verifier_for`."""
        if self.members or self.task.verifiers:
            raise ConfigError(f"pack {self.name!r} has several verifiers: {', '.join(self.verifiers)}")
        return self.verifiers[""]

    @property
    def lenient(self) -> Verifier | None:
        """`verifier` with the options of [lenient], or None if the pack has no lenient figure."""
        return self.lenients.get("") if self.verifier else None

    @functools.cached_property
    def verifiers(self) -> dict[str, Verifier]:
        """Every verifier, options set, by its name in [verifiers] or its pack's name; a pack's only verifier by "".

        Raises ConfigError for what is wrong with one of them.
        """
        if self.given_verifiers is not None:
            return dict(self.given_verifiers)
        if self.members:
            return _by_member({name: pack.verifiers for name, pack in self.members.items()})
        tables = self.task.verifiers or {"": self.task.verifier}
        return {name: self._verifier(table, name) for name, table in tables.items()}

    @functools.cached_property
    def lenients(self) -> dict[str, Verifier]:
        """Those of `verifiers` that [lenient] changes, with its changes; empty if there is no lenient figure.

        Raises ConfigError for a [lenient] table of no verifier, and for what is wrong with one of them.
        """
        if self.members:
            return _by_member({name: pack.lenients for name, pack in self.members.items()})
        tables, changes = self.task.verifiers or {"": self.task.verifier}, self.task.lenient
        if not self.task.verifiers:
            changes = {"": changes} if changes else {}
        unknown = [name for name in changes if name not in tables or not isinstance(changes[name], dict)]
        if unknown:
            raise ConfigError(
                f"{self.folder / 'task.toml'}: lenient.{unknown[0]}: expected tables for {', '.join(tables)}"
            )
        return {name: self._verifier(tables[name], name, changed) for name, changed in changes.items()}

    def verifier_for(self, example: Example, *, lenient: bool = False) -> Verifier:
        """The verifier that decides about an example; with `lenient`, the one that [lenient] changes, if it does.

        Raises ConfigError for an example that names no verifier of the pack.
        """
        pack = self.member(example)
        name = example.verifier if pack.task.verifiers else ""
        lenient_verifier = pack.lenients.get(name) if lenient else None
        return lenient_verifier or lookup("verifier", pack.verifiers, name)

    def submit(
        self, engine: Engine, example: Example, completion: Completion, *, lenient: bool = False
    ) -> "Future[Verdict]":
        """Start the verification of a completion by the example's verifier; as `Engine.submit`."""
        return engine.submit(self.verifier_for(example, lenient=lenient), example, completion)

    def verify_batch(
        self, engine: Engine, pairs: Iterable[tuple[Example, Completion]], *, lenient: bool = False
    ) -> list[Verdict]:
        """The verdicts of many completions, each by its example's verifier; as `Engine.verify_batch`."""
        return engine.verify_each((self.verifier_for(e, lenient=lenient), e, c) for e, c in pairs)

    def reward_rule(self, example: Example) -> RewardRule:
        """The [reward] table for an example: its member's, or this pack's own for an example of no member."""
        return self.members.get(example.pack, self).task.reward

    def reward(self, example: Example, completion: Completion, verdict: Verdict) -> Reward:
        """The reward that the example's pack pays for a verdict on a completion, None if masked; see `rlvr.tasks.reward`."""
        return reward(self.reward_rule(example), completion, verdict)

    def part_weights(self, example: Example) -> dict[str, float]:
        """Part -> weight in an example's reward, as its pack says."""
        return part_weights(self.reward_rule(example))

    def spec(self) -> dict[str, Any]:
        """The verifier as a run records it (`Verifier.spec`); if there are several, name -> spec."""
        specs = {name: verifier.spec() for name, verifier in self.verifiers.items()}
        return specs[""] if list(specs) == [""] else specs

    def _verifier(self, table: Mapping[str, Any], name: str, changes: Mapping[str, Any] | None = None) -> Verifier:
        packages = self.task.sandbox.packages
        field = f"verifiers.{name}: " if name else ""
        try:
            if changes:
                # The name of another verifier: its table is complete, and nothing of the first applies.
                table = changes if changes.get("name", table["name"]) != table["name"] else merge(table, changes)
            verifier = build(table, self._find, {"packages": packages} if packages else {})
        except ConfigError as error:
            raise ConfigError(f"{self.folder / 'task.toml'}: {field}{error}") from None
        leaves = verifier.leaves if isinstance(verifier, Composite) else [verifier]
        if packages and not self.task.verifiers and not any("packages" in leaf.options for leaf in leaves):
            raise ConfigError(
                f"{self.folder / 'task.toml'}: sandbox.packages: verifier {verifier.name!r} runs no programs"
            )
        return verifier

    def _find(self, name: str) -> Verifier:
        return self._own_verifiers().get(name) or registry().verifier(name)

    def _own_verifiers(self) -> dict[str, Verifier]:
        """Name -> verifier, of those in the pack's verifier.py. Raises ConfigError if it has none."""
        module = self.module("verifier")
        if module is None:
            return {}
        own = {value.name: value for value in vars(module).values() if isinstance(value, Verifier)}
        if not own:
            raise ConfigError("verifier.py holds no verifier: decorate a function with @rlvr.verifier")
        return own

    def module(self, name: str) -> ModuleType | None:
        """The pack's data.py or verifier.py as a module, or None if it has none. Raises ConfigError if it doesn't load."""
        path = self.folder / f"{name}.py"
        return _load_module(path) if path.exists() else None


def _by_member(tables: Mapping[str, Mapping[str, Verifier]]) -> dict[str, Verifier]:
    return {f"{name}/{key}" if key else name: v for name, table in tables.items() for key, v in table.items()}


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


def load_pack(path_or_name: str, *, check: bool = False) -> Pack:
    """The pack in a folder, if there is one at that path, else the installed pack of that name.

    Raises ConfigError for an unknown pack and for what is wrong in its task.toml; with `check`, also for what is wrong with
    its verifiers, which are otherwise built when they are first needed.
    """
    folder = Path(path_or_name)
    if not (folder / "task.toml").is_file():
        if folder.is_dir() and ("/" in path_or_name or path_or_name in (".", "..")) and not _named(folder.name):
            raise ConfigError(f"{folder}: no task.toml in this folder, so it is no task pack")
        # `tasks/gsm8k` also names the installed pack, for those who have no checkout.
        name = folder.name if path_or_name.rstrip("/") == f"tasks/{folder.name}" else path_or_name
        folder = lookup("pack", packs(), name)
    file = folder / "task.toml"
    task = validate(TaskFile, read_toml(file), file)
    pack = Pack(folder.resolve(), task)
    return pack.checked() if check else pack


def _named(name: str) -> bool:
    return name in packs()


def packs() -> dict[str, Path]:
    """Every installed pack, rlvr's own and those of plugins: name -> folder."""
    return {**own_packs(), **registry().packs}


@functools.cache
def own_packs() -> dict[str, Path]:
    """The packs that come with rlvr: name -> folder. Raises PluginError if a plugin has a pack of the same name."""
    folders = {file.parent.name: file.parent for file in sorted(Path(__file__).parent.glob("*/task.toml"))}
    for name, folder in folders.items():
        if registry().packs.get(name) != folder:
            registry().add("pack", registry().packs, name, folder, "rlvr")
    return folders
