"""How a run ends: with its last step, or after the current one because of Ctrl-C, an alarm or early stopping."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from enum import StrEnum

from rlvr.runner.process.processes import Processes


class Ending(StrEnum):
    """Why a run ended; of several reasons, the later one here counts."""

    DONE = "done"  # all steps, or early_stop
    ALARM = "alarm"  # a critical alarm, with on_alarm = stop
    INTERRUPTED = "interrupted"  # Ctrl-C: saved, to be resumed


class StopFlag:
    """Shared by the signal handler, the alarms and early stopping; once set, the run saves and ends after its step."""

    def __init__(self) -> None:
        self.ending: Ending | None = None

    def request(self, ending: Ending) -> None:
        """End the run after the current step, for this reason."""
        order = list(Ending)
        if self.ending is None or order.index(ending) > order.index(self.ending):
            self.ending = ending

    def agreed(self, processes: Processes) -> bool:
        """Whether the run ends now: the main process decides, so that all end with the same step."""
        self.ending = processes.from_main(lambda: self.ending)
        return self.ending is not None


@contextlib.contextmanager
def stopping_on_interrupt(stop: StopFlag, say: Callable[[str], None]) -> Iterator[None]:
    """The first Ctrl-C sets `stop`; the second raises KeyboardInterrupt. Outside the main thread, nothing changes."""

    def handle(*_: object) -> None:
        if stop.ending is Ending.INTERRUPTED:
            raise KeyboardInterrupt
        stop.request(Ending.INTERRUPTED)
        say("stopping after this step and saving it; press Ctrl-C again to stop at once")

    try:
        before = signal.signal(signal.SIGINT, handle)
    except ValueError:  # not the main thread: whoever runs us handles signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
