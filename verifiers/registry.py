"""Finds every verifier, sandbox provider and pack: ours, and those of installed plugins.

Each entry point of the group `rlvr` is loaded on its own: one that fails is reported by name and left out. A misspelt
hook and two plugins that claim one name are errors, because a run must not depend on which of them comes first.
"""

import difflib
import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pluggy

from rlvr.verifiers import builtin, hookspecs
from rlvr.verifiers.errors import ConfigError, PluginError
from rlvr.verifiers.verifier import Verifier

GROUP = "rlvr"
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
        found = lookup("verifier", self.verifiers, name)
        return found.with_options(**options) if options else found


def lookup(kind: str, table: dict[str, T], name: str) -> T:
    """`table[name]`, or a ConfigError that suggests what was meant."""
    if name in table:
        return table[name]
    raise ConfigError(f"no {kind} is called {name!r}{did_you_mean(name, table)} (`rlvr list {kind}s` shows all)")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """'; did you mean …?' with the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


@functools.cache
def registry() -> Registry:
    """Everything that is installed, loaded once. Raises PluginError for misspelt hooks and colliding names."""
    made = Registry(pluggy.PluginManager("rlvr"))
    made.manager.add_hookspecs(hookspecs)
    made.manager.register(builtin, name="rlvr")
    _register(made, builtin, "rlvr")
    for entry_point in sorted(metadata.entry_points(group=GROUP), key=lambda e: e.name):
        _load(made, entry_point)
    return made


def _load(made: Registry, entry_point: metadata.EntryPoint) -> None:
    distribution = entry_point.dist.name if entry_point.dist else "?"
    version = entry_point.dist.version if entry_point.dist else "?"
    problem = ""
    try:
        module = entry_point.load()
        made.manager.register(module, name=entry_point.name)
    except Exception as error:  # noqa: BLE001 - a broken plugin must not take the host down; it is reported by name
        problem = f"{type(error).__name__}: {error}"
    else:
        _check_hooks(made, module, entry_point.name)
        problem = _register(made, module, entry_point.name)
    made.plugins.append(Plugin(entry_point.name, distribution, version, problem))


def _check_hooks(made: Registry, module: ModuleType, name: str) -> None:
    for caller in made.manager.get_hookcallers(module) or []:
        if not caller.has_spec():
            known = [hook for hook, value in vars(hookspecs).items() if hasattr(value, "rlvr_spec")]
            hint = did_you_mean(caller.name, known)
            raise PluginError(f"plugin {name!r} implements the unknown hook {caller.name!r}{hint}")


def _register(made: Registry, module: ModuleType, owner: str) -> str:
    """Take what `module` registers, all of it or nothing. Returns the problem, if there is one."""
    verifiers: list[Verifier] = []
    sandboxes: list[tuple[str, Callable[..., Any]]] = []
    packs: list[Path] = []
    calls = {
        "register_verifiers": verifiers.append,
        "register_sandboxes": lambda name, factory: sandboxes.append((name, factory)),
        "register_packs": packs.append,
    }
    others = [plugin for plugin in made.manager.get_plugins() if plugin is not module]
    try:
        for hook, register in calls.items():
            made.manager.subset_hook_caller(hook, remove_plugins=others)(register=register)
        wrong = [value for value in verifiers if not isinstance(value, Verifier)]
        if wrong:
            return f"register_verifiers: {wrong[0]!r} is no Verifier; decorate the function with @rlvr.verifier(name)"
    except Exception as error:  # noqa: BLE001 - reported by name in `rlvr list plugins`; the rest goes on
        return f"{type(error).__name__}: {error}"
    for verifier in verifiers:
        made.add("verifier", made.verifiers, verifier.name, verifier, owner)
    for name, factory in sandboxes:
        made.add("sandbox", made.sandboxes, name, factory, owner)
    for folder in packs:
        made.add("pack", made.packs, Path(folder).name, Path(folder), owner)
    return ""


__all__ = ["ConfigError", "Plugin", "Registry", "did_you_mean", "lookup", "registry"]
