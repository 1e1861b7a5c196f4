"""What a detector sees at one step."""

from dataclasses import dataclass
from enum import StrEnum

Place = tuple[int, int]  # of a rollout: its step, and its index among that step's


class Severity(StrEnum):
    """How bad it is."""

    WARNING = "warning"
    CRITICAL = "critical"  # on_alarm = "stop" ends the run


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition that holds, in one line with what to do about it; `rollouts` are some that show it."""

    severity: Severity
    message: str
    rollouts: tuple[Place, ...] = ()
