"""Connects to the Docker engine, or says in one line why it can't. docker-py is imported late, and only if it is needed."""

import os
from typing import Any

from rlvr.errors import ConfigError, PrerequisiteError, SandboxError

SECONDS = 30  # until a request to the engine fails


def connect() -> Any:
    """A client whose engine answers. Raises PrerequisiteError or ConfigError that says what to do, else SandboxError."""
    try:
        import docker
    except ImportError:
        raise PrerequisiteError("sandbox 'docker' needs docker-py: pip install 'rlvr[docker]'") from None
    where = os.environ.get("DOCKER_HOST", "")
    if where and where.partition("://")[0] not in ("unix", "tcp", "http"):
        raise ConfigError(f"DOCKER_HOST={where!r}: expected unix://PATH or tcp://HOST:PORT")
    try:
        client = docker.from_env(timeout=SECONDS)
        client.ping()
    except Exception as error:
        raise failure(error) from error
    return client


def failure(error: BaseException) -> Exception:
    """The error to raise for what went wrong with the engine: PrerequisiteError or SandboxError, in one line."""
    where = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    text = str(error)
    if isinstance(error, (PrerequisiteError, ConfigError, SandboxError)):
        return error
    if "Permission denied" in text:
        return PrerequisiteError(
            f"no permission on the Docker engine at {where}: join the group docker, or run as root"
        )
    unreachable = (
        "Connection refused",
        "No such file",
        "Connection aborted",
        "Name or service",
        "timed out",
        "resolve",
    )
    if any(word in text for word in unreachable):
        return PrerequisiteError(f"no Docker engine answers at {where}: start it, or set DOCKER_HOST")
    line = (text.strip().splitlines() or [type(error).__name__])[0][:300]
    return SandboxError(f"the Docker engine at {where}: {line}")


def answers() -> bool:
    """Whether an engine can be used."""
    try:
        connect().close()
    except (PrerequisiteError, ConfigError, SandboxError):
        return False
    return True
