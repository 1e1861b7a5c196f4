"""Finds every verifier, sandbox provider and pack: ours, and those of installed plugins.

Each entry point of the group `rlvr` is loaded on its own: one that fails is reported by name and left out. A misspelt
hook and two plugins that claim one name are errors, because a run must not depend on which of them comes first.
"""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from rlvr.errors import ConfigError, PluginError
from rlvr.sandboxes import auto
from rlvr.text import did_you_mean
from rlvr.verifiers.plugins import builtin, hookspecs
from rlvr.verifiers.verifier import Verifier

GROUP = "rlvr"
_log = logging.getLogger("rlvr")
T = TypeVar("T")


@dataclass(frozen=True)
class Plugin:
    """An installed plugin: `problem` says why it was left out, and is empty where it works."""

    name: str
    distribution: str
    version: str
    problem: str = ""


@dataclass
class Registry:
    """Names -> what is registered under them. Made once per process by `registry()`."""

    manager: pluggy.PluginManager
    plugins: list[Plugin] = field(default_factory=list)
    verifiers: dict[str, Verifier] = field(default_factory=dict)
    sandboxes: dict[str, Callable[..., Any]] = field(default_factory=dict)
    packs: dict[str, Path] = field(default_factory=dict)
    owners: dict[tuple[str, str], str] = field(default_factory=dict)  # (kind, name) -> plugin

    def add(self, kind: str, table: dict[str, T], name: str, value: T, owner: str) -> None:
        """Put `value` into `table`. Raises PluginError that names both owners if the name is taken."""
        taken = self.owners.get((kind, name))
        if taken is not None:
            raise PluginError(
                f"two plugins register the {kind} {name!r}: {taken} and {owner}; uninstall one, or rename one"
            )
        table[name] = value
        self.owners[kind, name] = owner

    def verifier(self, name: str, **options: Any) -> Verifier:
        """The verifier called `name`, with options set. Raises ConfigError with a suggestion for an unknown name."""
        try:
            found = lookup("verifier", self.verifiers, name)
        except ConfigError as error:
            broken = "".join(f"; plugin {p.name!r} was left out: {p.problem}" for p in self.plugins if p.problem)
            raise ConfigError(f"{error}{broken}") from None
        return found.with_options(**options) if options else found


def lookup(kind: str, table: dict[str, T], name: str) -> T:
    """`table[name]`, or a ConfigError that suggests what was meant."""
    if name in table:
        return table[name]
    raise ConfigError(f"no {kind} is called {name!r}{did_you_mean(name, table)} (`rlvr list {kind}s` shows all)")


@functools.cache
def registry() -> Registry:
    """Everything that is installed, loaded once. Raises PluginError for misspelt hooks and colliding names."""
    made = Registry(pluggy.PluginManager("rlvr"))
    made.manager.add_hookspecs(hookspecs)
    made.manager.register(builtin, name="rlvr")
    problem = _register(made, builtin, "rlvr")
    if problem:
        raise PluginError(f"rlvr's own plugin: {problem}")
    for entry_point in _entry_points():
        _load(made, entry_point)
    for name, factory in made.sandboxes.items():
        auto.register(name, factory)
    return made


def _entry_points() -> list[metadata.EntryPoint]:
    """The entry points of plugins, by name. Raises PluginError where two packages use one name."""
    found: dict[str, metadata.EntryPoint] = {}
    for entry_point in metadata.entry_points(group=GROUP):
        other = found.setdefault(entry_point.name, entry_point)
        if other is not entry_point:
            raise PluginError(
                f"two packages have a plugin called {entry_point.name!r}: {_package(other)[0]} and "
                f"{_package(entry_point)[0]}; uninstall one"
            )
    return [found[name] for name in sorted(found)]


def _package(entry_point: metadata.EntryPoint) -> tuple[str, str]:
    return (entry_point.dist.name, entry_point.dist.version) if entry_point.dist else ("?", "?")


def _load(made: Registry, entry_point: metadata.EntryPoint) -> None:
    name, (distribution, version) = entry_point.name, _package(entry_point)
    try:
        module = entry_point.load()
        made.manager.register(module, name=name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a broken plugin must not take the host down
        problem = _describe(error)
    else:
        _check_hooks(made, module, name)
        problem = _register(made, module, name)
    if problem:
        # Left out whole: it may have observers and commands beside what failed.
        if made.manager.has_plugin(name) and name != "rlvr":
            made.manager.unregister(name=name)
        _log.warning("plugin %r (%s %s) was left out: %s", name, distribution, version, problem)
    made.plugins.append(Plugin(name, distribution, version, problem))


def _check_hooks(made: Registry, module: ModuleType, name: str) -> None:
    for caller in made.manager.get_hookcallers(module) or []:
        if not caller.has_spec():
            known = [hook for hook, value in vars(hookspecs).items() if hasattr(value, "rlvr_spec")]
            meant = did_you_mean(caller.name, known)
            raise PluginError(f"plugin {name!r} implements the unknown hook {caller.name!r}{meant}")


def _register(made: Registry, module: ModuleType, owner: str) -> str:
    """Take what `module` registers, all of it or nothing. Returns the problem, if there is one."""
    if not made.manager.get_hookcallers(module):
        return "it implements no hook; decorate its functions with @rlvr.hookimpl"
    verifiers: list[Any] = []
    sandboxes: list[tuple[Any, Any]] = []
    packs: list[Path] = []
    calls: dict[str, Callable[..., None]] = {
        "register_verifiers": verifiers.append,
        "register_sandboxes": lambda name, factory: sandboxes.append((name, factory)),
        "register_packs": lambda folder: packs.append(Path(folder)),
    }
    others = [plugin for plugin in made.manager.get_plugins() if plugin is not module]
    try:
        for hook, register in calls.items():
            made.manager.subset_hook_caller(hook, remove_plugins=others)(register=register)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - reported by name; the rest goes on
        return _describe(error)
    for value in verifiers:
        if not isinstance(value, Verifier):
            return (
                f"register_verifiers: {value!r:.200} is not a Verifier; decorate the function with @rlvr.verifier(name)"
            )
    for name, factory in sandboxes:
        if not (isinstance(name, str) and callable(factory)):
            return f"register_sandboxes: expected a name and a function, not {name!r:.100} and {factory!r:.100}"
    for folder in packs:
        if not (folder / "task.toml").is_file():
            return f"register_packs: {folder} has no task.toml"
    for verifier in verifiers:
        made.add("verifier", made.verifiers, verifier.name, verifier, owner)
    for name, factory in sandboxes:
        made.add("sandbox", made.sandboxes, name, factory, owner)
    for folder in packs:
        made.add("pack", made.packs, folder.name, folder, owner)
    return ""


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
