"""Alarms: what goes wrong in a run while its curves still look smooth, each named, with the rollouts that show it.

`Alarms(settings).observe(row, rollouts, evaluations)` is called once a step; what it returns is new.
"""

from rlvr.runner.alarms.finding import Severity
from rlvr.runner.alarms.settings import AlarmSettings
from rlvr.runner.alarms.watch import Alarm, Alarms, replay

__all__ = ["Alarm", "AlarmSettings", "Alarms", "Severity", "replay"]
