"""The supervisor: process 1 of a sandbox. It has one thread, holds no test data, and keeps nothing of a run in memory.

It reads requests on descriptor 0 and answers on 1. For each test it forks a child that takes a uid never used before,
watches it from outside, kills every process that is left, wipes the writable folders, and only then answers.
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
OWN_MODULES = ("child", "cleanup", "codec", "control", "memory", "proxies", "seccomp", "watch")
PRELOAD = "abc bisect collections copy enum functools heapq itertools json math operator re string time typing".split()  # noqa: SIM905
STRETCH = 5  # times a program's slowest test: what its tests after a timeout have at least
HELD_BACK = 0.5  # seconds that a result waits for others to go out with it

Assignment = tuple[dict[str, Any], bytes, bytes]  # a child's job, program, and input


class Zygote:
    """The supervisor's loop. `first_uid` is the first of the uids for its children, None if it can't change uid."""

    def __init__(self, first_uid: int | None) -> None:
        self.uid = first_uid
        confinement = seccomp.Filter()
        self.shared = watch.SharedResources(confinement)
        if first_uid is not None:
            confinement.drop_capabilities()
        confinement.prctl(4, 0)  # not dumpable: /proc/1 is closed to children
        confinement.install()  # children inherit it, and nothing undoes it
        self.prctl, self.counts_denied = confinement.prctl, confinement.listener >= 0
        self.mapped = 0

    def serve(self) -> Assignment:
        """Answer requests. Returns in forked children alone, with what the child must run."""
        control = self.shared.control
        self.mapped = memory.mapped()
        while True:
            header = control.read()
            if header["op"] == "hello":
                control.write({"event": "ready", "python": sys.version.split()[0], "counts_denied": self.counts_denied})
            elif header["op"] == "run":
                assignment = self.run_tests(header)
                if assignment is not None:
                    return assignment
            control.body.wipe()

    def run_tests(self, header: dict[str, Any]) -> Assignment | None:
        """Run a program's tests one after another. Returns None, and in a forked child what it must run."""
        control, start, clean = self.shared.control, header["program"], True
        flushed = time.monotonic()
        after_timeout, slowest = header["after_timeout"], 0.0
        for test in header["tests"]:
            end = start + test["size"]
            job = {**test, "uid": self.uid, "memory_mb": header["memory_mb"], "processes": header["processes"]}
            if after_timeout and header["after_timeout_s"]:
                job["after_timeout_s"] = max(header["after_timeout_s"], STRETCH * slowest)
            run = watch.ChildRun(self.shared, job, header["output_bytes"])
            if run.fork() == 0:
                program = bytes(control.body.view(0, header["program"]))
                blob = bytes(control.body.view(start, end))
                control.body.wipe()
                control.outbox.wipe()
                return job, program, blob
            start = end
            run.watch()
            ended = cleanup.sweep()
            clean = ended is not None and cleanup.wipe(run.job["uid"])
            if self.uid is not None:
                self.uid += 1
            run.report(run.take_exit_code(ended or {}), clean)
            if run.end == "timeout":
                after_timeout = True
            else:
                slowest = max(slowest, run.seconds)
            if header["stream_results"] or time.monotonic() > flushed + HELD_BACK:
                control.flush()
                flushed = time.monotonic()
            load_failed = test["kind"] in ("calls", "session") and not run.loaded
            if load_failed or not clean or run.stopped or (header["stream_results"] and self.must_stop()):
                break
        control.write({"event": "done", "clean": clean})
        return None

    def must_stop(self) -> bool:
        """Whether the host has said stop."""
        control = self.shared.control
        return bool(control.has_input() and control.read_command()["op"] == "stop")


def main() -> tuple[Zygote, Assignment]:
    """Start the supervisor and serve. Returns in forked children alone."""
    for name in (*PRELOAD, *sys.argv[2:]):
        try:
            __import__(name)
        except ImportError:
            pass
    for name in OWN_MODULES:
        del sys.modules[name]  # a program may have modules of these names
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    zygote = Zygote(int(sys.argv[1]) or None)
    prepare_streams()
    ctypes.CDLL(None).malloc_trim(0)
    gc.collect()
    gc.freeze()
    return zygote, zygote.serve()


def prepare_streams() -> None:
    """Make the streams of all children while 1 and 2 are pipes, as they will be there."""
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
    ZYGOTE, ASSIGNMENT = main()
    # Only a forked child gets here.
    child.confine(ASSIGNMENT[0], ZYGOTE.mapped, ZYGOTE.prctl)
    del ZYGOTE
    child.run(*ASSIGNMENT)
