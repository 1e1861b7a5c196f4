"""The supervisor: process 1 of a sandbox. One thread, no test data, nothing of a run stays in its memory.

It reads requests on descriptor 0 and answers on 1. For each test it forks a child that takes a uid never used before,
watches it from outside, kills all that is left, wipes the writable folders, and only then answers.
"""

import ctypes
import gc
import os
import signal
import sys
import time
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import child
import cleanup
import memory
import seccomp
import watch

sys.path.pop(0)
OURS = ("child", "cleanup", "codec", "control", "memory", "proxies", "seccomp", "watch")
PRELOAD = "abc bisect collections copy enum functools heapq itertools json math operator re string time typing".split()  # noqa: SIM905
STRETCH = 5  # times what a program's slowest test took, for its tests after one that ran out of time
HELD = 0.5  # seconds that results wait for others that go out with them


Mine = tuple[dict[str, Any], bytes, bytes]  # a job, the program, and the test's own input


class Zygote:
    def __init__(self, first_uid: int | None) -> None:
        self.uid = first_uid
        confinement = seccomp.Filter()
        self.desk = watch.Desk(confinement)
        if first_uid is not None:
            confinement.drop_capabilities()
        confinement.prctl(4, 0)  # not dumpable: /proc/1 is closed to children
        confinement.install()  # children inherit it, and nothing undoes it
        self.prctl, self.counts = confinement.prctl, confinement.listener >= 0
        self.mapped = 0

    def serve(self) -> Mine:
        """Answer requests until a fork returns in a child: then what the child must run."""
        control = self.desk.control
        self.mapped = memory.mapped()
        while True:
            header = control.read()
            if header["op"] == "hello":
                control.write({"event": "ready", "python": sys.version.split()[0], "counts": self.counts})
            elif header["op"] == "run":
                mine = self.tests(header)
                if mine is not None:
                    return mine
            control.body.wipe()

    def tests(self, header: dict[str, Any]) -> Mine | None:
        """Run a program's tests one after another."""
        control, start, clean = self.desk.control, header["program"], True
        said = time.monotonic()
        late, slowest = header["late"], 0.0
        for test in header["tests"]:
            end = start + test["size"]
            job = {**test, "uid": self.uid, "memory": header["memory"], "processes": header["processes"]}
            if late and header["again"]:
                job["again"] = max(header["again"], STRETCH * slowest)
            run = watch.Run(self.desk, job, header["output"])
            if run.fork() == 0:
                program = bytes(control.body.view(0, header["program"]))
                blob = bytes(control.body.view(start, end))
                control.body.wipe()
                control.outbox.wipe()
                return job, program, blob
            start = end
            run.attend()
            ended = cleanup.sweep()
            clean = ended is not None and cleanup.wipe(run.job["uid"])
            if self.uid is not None:
                self.uid += 1
            run.report(run.over(ended or {}), clean)
            if run.why == "timeout":
                late = True
            else:
                slowest = max(slowest, run.seconds)
            if header["each"] or time.monotonic() > said + HELD:
                control.flush()
                said = time.monotonic()
            failed = test["kind"] in ("calls", "session") and not run.loaded
            if failed or not clean or run.stopped or (header["each"] and self.told_to_stop()):
                break
        control.write({"event": "done", "clean": clean})
        return None

    def told_to_stop(self) -> bool:
        control = self.desk.control
        return bool(control.waits() and control.peek()["op"] == "stop")


def main() -> tuple[Zygote, Mine]:
    for name in (*PRELOAD, *sys.argv[2:]):
        try:
            __import__(name)
        except ImportError:
            pass
    for name in OURS:
        del sys.modules[name]  # a program may have modules of these names
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    zygote = Zygote(int(sys.argv[1]) or None)
    prepare_streams()
    ctypes.CDLL(None).malloc_trim(0)
    gc.collect()
    gc.freeze()
    return zygote, zygote.serve()


def prepare_streams() -> None:
    """Make the streams of all children while 1 and 2 are what they will be there: pipes."""
    source, sink = os.pipe()
    kept = os.dup(1), os.dup(2)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    child.streams()
    os.dup2(kept[0], 1)
    os.dup2(kept[1], 2)
    for fd in (source, sink, *kept):
        os.close(fd)


if __name__ == "__main__":
    ZYGOTE, MINE = main()
    # Only a forked child comes here.
    child.confine(MINE[0], ZYGOTE.mapped, ZYGOTE.prctl)
    del ZYGOTE
    child.run(*MINE)
