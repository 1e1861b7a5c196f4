"""What a schedule is made of; shared by the check in Python and by z3's."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """Times are whole numbers of one unit. `after` names the tasks that must have ended; `uses` maps resources to amounts."""

    duration: int
    after: list[str]
    uses: Mapping[str, int]
    release: int
    deadline: int
