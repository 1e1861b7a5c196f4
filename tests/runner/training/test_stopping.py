"""How a run ends: the first Ctrl-C asks for it, the second insists, and all processes end with the same step."""

import os
import signal
import threading
from typing import Any

import pytest

from rlvr.runner.process.processes import ALONE, Processes
from rlvr.runner.training.stopping import Ending, StopFlag, stopping_on_interrupt


def test_the_first_interruption_asks_and_the_second_insists() -> None:
    stop, said = StopFlag(), []
    before = signal.getsignal(signal.SIGINT)
    with stopping_on_interrupt(stop, said.append):
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.ending is Ending.INTERRUPTED
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert said == ["stopping after this step and saving it; press Ctrl-C again to stop at once"]
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    inside: list[Any] = []

    def work() -> None:
        with stopping_on_interrupt(StopFlag(), print):
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert inside == [before]


@pytest.mark.parametrize(
    ("requests", "ending"),
    [
        ([], None),
        ([Ending.DONE], Ending.DONE),
        ([Ending.DONE, Ending.ALARM], Ending.ALARM),
        ([Ending.ALARM, Ending.DONE], Ending.ALARM),
        ([Ending.INTERRUPTED, Ending.ALARM, Ending.DONE], Ending.INTERRUPTED),
    ],
)
def test_the_gravest_reason_counts(requests: list[Ending], ending: Ending | None) -> None:
    stop = StopFlag()
    for request in requests:
        stop.request(request)
    assert stop.ending is ending
    assert stop.agreed(ALONE) is (ending is not None)


def test_the_main_process_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    main, other = StopFlag(), StopFlag()
    monkeypatch.setattr(Processes, "from_main", lambda self, make: main.ending)
    other.request(Ending.INTERRUPTED)  # a signal that reached this process only
    assert not other.agreed(Processes(2, 1))
    main.request(Ending.ALARM)
    assert other.agreed(Processes(2, 1))
    assert other.ending is Ending.ALARM
