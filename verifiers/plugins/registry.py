"""Finds every verifier, sandbox provider and pack: rlvr's own, and those of installed plugins.

Each entry point in the group `rlvr` is loaded on its own: one that fails is reported by name and left out. A misspelt
hook and two plugins that claim one name are errors, because a run must not depend on which of them comes first.
"""

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from rlvr.errors import ConfigError, PluginError
from rlvr.sandboxes import auto
from rlvr.text import did_you_mean
from rlvr.verifiers.composite.composite import Composite
from rlvr.verifiers.plugins import builtin, hookspecs
from rlvr.verifiers.verifier import Verifier

GROUP = "rlvr"
_log = logging.getLogger("rlvr")
T = TypeVar("T")


@dataclass(frozen=True)
class Plugin:
    """An installed plugin. `problem` says why it was left out; it is empty if the plugin works."""

    name: str
    distribution: str
    version: str
    problem: str = ""


@dataclass
class Registry:
    """Names -> what is registered under them. `registry()` returns the one of this process."""

    manager: pluggy.PluginManager
    plugins: list[Plugin] = field(default_factory=list)
    verifiers: dict[str, Verifier] = field(default_factory=dict)
    sandboxes: dict[str, auto.Factory] = field(default_factory=dict)
    packs: dict[str, Path] = field(default_factory=dict)
    owners: dict[tuple[str, str], str] = field(default_factory=dict)  # (kind, name) -> plugin

    def add(self, kind: str, table: dict[str, T], name: str, value: T, owner: str) -> None:
        """Put `value` into `table`. Raises PluginError that names both owners if the name is taken."""
        other = self.owners.get((kind, name))
        if other is not None:
            raise PluginError(
                f"two plugins register the {kind} {name!r}: {other} and {owner}; uninstall one, or rename one"
            )
        table[name] = value
        self.owners[kind, name] = owner

    def verifier(self, name: str, **options: Any) -> Verifier:
        """The verifier called `name`, with options set.

        Raises ConfigError for an unknown name, with a suggestion, and for an unknown option or a wrong value.
        """
        try:
            verifier = lookup("verifier", self.verifiers, name)
        except ConfigError as error:
            broken = "".join(f"; plugin {p.name!r} was left out: {p.problem}" for p in self.plugins if p.problem)
            raise ConfigError(f"{error}{broken}") from None
        return verifier.with_options(**options) if options else verifier

    def register(self, module: ModuleType, owner: str) -> str:
        """Take what `module`, a plugin of the manager, registers: all of it or nothing.

        Returns the problem, or an empty string. Raises PluginError for a name that another plugin has.
        """
        if not self.manager.get_hookcallers(module):
            return "it implements no hook; decorate its functions with @rlvr.hookimpl"
        verifiers: list[Verifier] = []  # these are the types that hooks should register: `_problem` checks them
        sandboxes: list[tuple[str, auto.Factory]] = []
        folders: list[Path] = []
        collect: dict[str, Callable[..., None]] = {
            "register_verifiers": verifiers.append,
            "register_sandboxes": lambda name, factory: sandboxes.append((name, factory)),
            "register_packs": lambda folder: folders.append(Path(folder)),
        }
        others = [plugin for plugin in self.manager.get_plugins() if plugin is not module]
        try:
            for hook, register in collect.items():
                self.manager.subset_hook_caller(hook, remove_plugins=others)(register=register)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - reported by name; the other plugins still load
            return _describe(error)
        problem = _problem(verifiers, sandboxes, folders)
        if problem:
            return problem
        for verifier in verifiers:
            bound = replace(verifier, find=self.verifier) if isinstance(verifier, Composite) else verifier
            self.add("verifier", self.verifiers, bound.name, bound, owner)
        for name, factory in sandboxes:
            self.add("sandbox", self.sandboxes, name, factory, owner)
        for folder in folders:
            self.add("pack", self.packs, folder.name, folder, owner)
        return ""

    def load(self, entry_point: metadata.EntryPoint) -> None:
        """Load a plugin; one that fails is left out, with a warning. Raises PluginError for a misspelt hook or a taken name."""
        name, (distribution, version) = entry_point.name, _package(entry_point)
        try:
            module = entry_point.load()
            self.manager.register(module, name=name)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a broken plugin must not take the host down
            problem = _describe(error)
        else:
            self._check_hooks(module, name)
            problem = self.register(module, name)
        if problem:
            # Left out whole: it may have observers and commands beside what failed.
            if self.manager.has_plugin(name) and name != "rlvr":
                self.manager.unregister(name=name)
            _log.warning("plugin %r (%s %s) was left out: %s", name, distribution, version, problem)
        self.plugins.append(Plugin(name, distribution, version, problem))

    def _check_hooks(self, module: ModuleType, name: str) -> None:
        for caller in self.manager.get_hookcallers(module) or []:
            if not caller.has_spec():
                hooks = [hook for hook, value in vars(hookspecs).items() if hasattr(value, "rlvr_spec")]
                suggestion = did_you_mean(caller.name, hooks)
                raise PluginError(f"plugin {name!r} implements the unknown hook {caller.name!r}{suggestion}")


def _problem(verifiers: Sequence[object], sandboxes: Sequence[tuple[object, object]], folders: list[Path]) -> str:
    """What is wrong with what a plugin registers, or an empty string."""
    for verifier in verifiers:
        if not isinstance(verifier, Verifier):
            return (
                f"register_verifiers: {verifier!r:.200} is not a Verifier; "
                "decorate the function with @rlvr.verifier(name)"
            )
    for name, factory in sandboxes:
        if not (isinstance(name, str) and callable(factory)):
            return f"register_sandboxes: expected a name and a function, not {name!r:.100} and {factory!r:.100}"
    for folder in folders:
        if not (folder / "task.toml").is_file():
            return f"register_packs: {folder} has no task.toml"
    return ""


def lookup(kind: str, table: dict[str, T], name: str) -> T:
    """`table[name]`. Raises ConfigError for an unknown name, with a suggestion."""
    if name in table:
        return table[name]
    raise ConfigError(f"no {kind} is called {name!r}{did_you_mean(name, table)} (`rlvr list {kind}s` shows all)")


@functools.cache
def registry() -> Registry:
    """Everything that is installed, loaded once. Raises PluginError for misspelt hooks and colliding names."""
    installed = Registry(pluggy.PluginManager("rlvr"))
    installed.manager.add_hookspecs(hookspecs)
    installed.manager.register(builtin, name="rlvr")
    problem = installed.register(builtin, "rlvr")
    if problem:
        raise PluginError(f"rlvr's own plugin: {problem}")
    for entry_point in _entry_points():
        installed.load(entry_point)
    for name, factory in installed.sandboxes.items():
        auto.register(name, factory)
    return installed


def _entry_points() -> list[metadata.EntryPoint]:
    """The entry points of plugins, by name. Raises PluginError if two packages use one name."""
    by_name: dict[str, metadata.EntryPoint] = {}
    for entry_point in metadata.entry_points(group=GROUP):
        other = by_name.setdefault(entry_point.name, entry_point)
        if other is not entry_point:
            raise PluginError(
                f"two packages have a plugin called {entry_point.name!r}: {_package(other)[0]} and "
                f"{_package(entry_point)[0]}; uninstall one"
            )
    return [by_name[name] for name in sorted(by_name)]


def _package(entry_point: metadata.EntryPoint) -> tuple[str, str]:
    return (entry_point.dist.name, entry_point.dist.version) if entry_point.dist else ("?", "?")


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
