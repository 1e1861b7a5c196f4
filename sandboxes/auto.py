"""Chooses a provider: Docker if an engine answers, else bubblewrap, else an error that says what to install.

Never falls back to a bare subprocess.
"""

from collections.abc import Callable
from typing import Any

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.sandboxes.sandbox import Sandbox
from rlvr.sandboxes.settings import SandboxSettings

Factory = Callable[[SandboxSettings], Sandbox]


def docker(settings: SandboxSettings) -> Sandbox:
    """Containers of a Docker engine."""
    from rlvr.sandboxes.container import Docker

    return Docker(settings)


def bubblewrap(settings: SandboxSettings) -> Sandbox:
    """Namespaces made by bubblewrap, for machines without an engine. Raises PrerequisiteError and ConfigError."""
    from rlvr.sandboxes.bubblewrap import Bubblewrap

    return Bubblewrap(settings)


PROVIDERS: dict[str, Factory] = {"docker": docker, "bubblewrap": bubblewrap}


def register(name: str, factory: Factory) -> None:
    """Add a provider, or replace the one of this name: `make(name)` calls the factory with the settings."""
    PROVIDERS[name] = factory


def choose() -> str:
    """The name of the provider that `auto` means on this machine. Raises PrerequisiteError if none works."""
    from rlvr.sandboxes import bubblewrap as without_engine
    from rlvr.sandboxes import docker_client

    if docker_client.answers():
        return "docker"
    try:
        without_engine.find()
    except PrerequisiteError:
        raise PrerequisiteError(
            "no sandbox: start a Docker engine (and pip install 'rlvr[docker]'), or pip install 'rlvr[bubblewrap]'"
        ) from None
    return "bubblewrap"


def make(name: str = "auto", **options: Any) -> Sandbox:
    """A sandbox of the provider called `name`. Nothing is started until it is used.

    `options` are fields of SandboxSettings; one that is empty or None keeps its default. Raises ConfigError for an
    unknown provider, option or value, and PrerequisiteError if the provider doesn't work here.
    """
    name = choose() if name == "auto" else name
    if name not in PROVIDERS:
        raise ConfigError(f"no sandbox is called {name!r} (there are: auto, {', '.join(PROVIDERS)})")
    try:
        settings = SandboxSettings(**{key: value for key, value in options.items() if value not in ("", None, ())})
    except TypeError as error:
        raise ConfigError(f"sandbox {name!r}: {error}") from None
    return PROVIDERS[name](settings)
