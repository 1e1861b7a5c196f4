"""Chooses a provider: Docker where an engine answers, then bubblewrap, else an error that says what to install.

Never falls back to a bare subprocess.
"""

from collections.abc import Callable, Mapping
from typing import Any

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.sandboxes.sandbox import Sandbox

Factory = Callable[..., Sandbox]


def docker(**options: Any) -> Sandbox:
    """Containers of a Docker engine."""
    from rlvr.sandboxes.container import Docker

    return Docker(**options)


def bubblewrap(**options: Any) -> Sandbox:
    """Namespaces made by bubblewrap, for machines without an engine."""
    from rlvr.sandboxes.bubblewrap import Bubblewrap

    return Bubblewrap(**options)


PROVIDERS: dict[str, Factory] = {"docker": docker, "bubblewrap": bubblewrap}


def choose() -> str:
    """The name of the provider that `auto` means on this machine. Raises PrerequisiteError."""
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


def make(name: str = "auto", providers: Mapping[str, Factory] = PROVIDERS, **options: Any) -> Sandbox:
    """A sandbox of the provider called `name`. Nothing is started until it is used."""
    name = choose() if name == "auto" else name
    if name not in providers:
        raise ConfigError(f"no sandbox is called {name!r} (there are: auto, {', '.join(providers)})")
    options = {key: value for key, value in options.items() if value not in ("", None, ())}
    try:
        return providers[name](**options)
    except TypeError as error:
        raise ConfigError(f"sandbox {name!r}: {error}") from None
