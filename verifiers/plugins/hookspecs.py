"""The hooks of a plugin.

A plugin implements any of them in the module that its entry point in the group `rlvr` names.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from rlvr.sandboxes.auto import Factory
from rlvr.verifiers.types import Rollout
from rlvr.verifiers.verifier import Verifier

if TYPE_CHECKING:
    from cyclopts import App

hookspec = pluggy.HookspecMarker("rlvr")
hookimpl = pluggy.HookimplMarker("rlvr")


@hookspec
def register_verifiers(register: Callable[[Verifier], None]) -> None:
    """Call `register(verifier)` for each verifier."""


@hookspec
def register_sandboxes(register: Callable[[str, Factory], None]) -> None:
    """Call `register(name, factory)` for each sandbox provider; `factory(settings)` returns a Sandbox."""


@hookspec
def register_packs(register: Callable[[Path], None]) -> None:
    """Call `register(folder)` for each task pack: a folder with a task.toml."""


@hookspec
def register_commands(app: "App") -> None:
    """Add commands to the command line: `app` is its cyclopts.App."""


@hookspec
def rollout_scored(rollout: Rollout) -> None:
    """Observe one rollout once it has its reward and advantage. An exception here is reported, not fatal."""


@hookspec
def step_finished(step: int, metrics: Mapping[str, float]) -> None:
    """Observe the metrics of one finished training step. An exception here is reported, not fatal."""
