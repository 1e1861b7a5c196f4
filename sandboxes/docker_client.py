"""Finds the Docker engine, and says in one line why there is none. docker-py is imported here, late."""

import os
from typing import Any

from rlvr.errors import ConfigError, PrerequisiteError, SandboxError

SECONDS = 30


def connect() -> Any:
    """A client whose engine answers. Raises PrerequisiteError or ConfigError with what to do."""
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
    """What went wrong with the engine, as an error of ours with one clear line."""
    where = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    text = str(error)
    if isinstance(error, (PrerequisiteError, ConfigError, SandboxError)):
        return error
    if "Permission denied" in text:
        return PrerequisiteError(
            f"no permission on the Docker engine at {where}: join the group docker, or run as root"
        )
    refused = ("Connection refused", "No such file", "Connection aborted", "Name or service", "timed out", "resolve")
    if any(word in text for word in refused):
        return PrerequisiteError(f"no Docker engine answers at {where}: start it, or set DOCKER_HOST")
    line = (text.strip().splitlines() or [type(error).__name__])[0][:300]
    return SandboxError(f"the Docker engine at {where}: {line}")


def answers() -> bool:
    """True where an engine can be used."""
    try:
        connect().close()
    except (PrerequisiteError, ConfigError, SandboxError):
        return False
    return True
