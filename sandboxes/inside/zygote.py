"""The supervisor: process 1 of a sandbox. One thread, no test data, nothing of a run stays in its memory.

It reads requests on descriptor 0 and answers on 1. For each test it forks a child that takes a uid never used before,
watches it from outside, kills all that is left, wipes the writable folders, and only then answers.
"""

import ctypes
import gc
import os
import signal
import sys
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import child
import cleanup
import codec  # noqa: F401
import gauges
import proxies  # noqa: F401
import seccomp
import watch

sys.path.pop(0)
PRELOAD = "abc bisect collections copy enum functools heapq itertools json math operator re string time typing".split()  # noqa: SIM905


Mine = tuple[dict[str, Any], bytes, bytes]  # a job, the program, and the test's own input


class Zygote:
    def __init__(self, first_uid: int | None) -> None:
        self.uid = first_uid
        self.desk = watch.Desk()
        confinement = seccomp.Filter()
        if first_uid is not None:
            confinement.drop_capabilities()
        confinement.prctl(4, 0)  # not dumpable: /proc/1 is closed to children
        confinement.install()  # children inherit it, and nothing undoes it
        self.prctl = confinement.prctl
        self.mapped = 0

    def serve(self) -> Mine:
        """Answer requests until a fork returns in a child: then what the child must run."""
        control = self.desk.control
        self.mapped = gauges.mapped()
        while True:
            header = control.read()
            if header["op"] == "hello":
                control.write({"event": "ready", "python": sys.version.split()[0], "pid": os.getpid()})
            elif header["op"] == "run":
                mine = self.tests(header)
                if mine is not None:
                    return mine
            control.body.wipe()

    def tests(self, header: dict[str, Any]) -> Mine | None:
        control, start, clean = self.desk.control, header["program"], True
        for number, test in enumerate(header["tests"]):
            end = start + test["size"]
            job = {**test, "uid": self.uid, "memory": header["memory"], "processes": header["processes"]}
            run = watch.Run(self.desk, job, header["output"])
            if run.fork() == 0:
                program = bytes(control.body.view(0, header["program"]))
                blob = bytes(control.body.view(start, end))
                control.body.wipe()
                return job, program, blob
            start = end
            run.attend()
            ended = cleanup.sweep()
            clean = ended is not None and cleanup.wipe(run.job["uid"])
            if self.uid is not None:
                self.uid += 1
            run.report(number, run.over(ended or {}), clean)
            failed = test["kind"] in ("calls", "session") and not run.loaded
            if failed or not clean or run.stopped or self.told_to_stop(test["kind"]):
                break
        control.write({"event": "done", "clean": clean})
        return None

    def told_to_stop(self, kind: str) -> bool:
        control = self.desk.control
        return kind not in ("session", "judge") and control.waits() and control.peek()["op"] == "stop"


def main() -> tuple[Zygote, Mine]:
    for name in (*PRELOAD, *sys.argv[2:]):
        try:
            __import__(name)
        except ImportError:
            pass
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    zygote = Zygote(int(sys.argv[1]) or None)
    ctypes.CDLL(None).malloc_trim(0)
    gc.collect()
    gc.freeze()
    return zygote, zygote.serve()


if __name__ == "__main__":
    ZYGOTE, MINE = main()
    # Only a forked child comes here.
    child.confine(MINE[0], ZYGOTE.mapped, ZYGOTE.prctl)
    del ZYGOTE
    child.run(*MINE)
