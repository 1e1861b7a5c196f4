"""How a sandbox is made: the same settings for every provider."""

import os
from dataclasses import dataclass, field

from rlvr.errors import ConfigError
from rlvr.sandboxes.limits import RESERVED_MB


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """What a provider makes its sandboxes of. Raises ConfigError for a number that is out of range."""

    workers: int = field(default_factory=processors)
    """How many programs run at a time."""
    packages: tuple[str, ...] = ()
    """Packages from PyPI that programs may import."""
    memory_mb: int = 2048
    """Memory of one sandbox in MiB; a run may ask for 32 less."""
    recycle: int = 500
    """After how many runs a sandbox is replaced."""
    runtime: str = ""
    """Another OCI runtime that the Docker engine knows, such as runsc (gVisor); only `docker` has runtimes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "packages", tuple(self.packages))
        for name, least in (("workers", 1), ("memory_mb", 64), ("recycle", 1)):
            value = getattr(self, name)
            if value < least:
                raise ConfigError(f"sandbox settings: {name} = {value}: expected a positive number, at least {least}")

    @property
    def largest_memory_limit_mb(self) -> int:
        """The most memory in MiB that a run may ask for."""
        return self.memory_mb - RESERVED_MB
