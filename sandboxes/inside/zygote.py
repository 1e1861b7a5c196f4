"""The supervisor: process 1 of a sandbox. One thread, no test data, nothing of a run stays in its memory.

It reads requests on descriptor 0 and answers on 1. For each test it forks a child that takes a uid never used before,
watches it from outside, kills all that is left, wipes the writable folders, and only then answers.
Frames: two big-endian 32-bit lengths, a JSON header, a body. The body is opaque here: children read it.
"""

import ctypes
import gc
import json
import os
import select
import signal
import sys
import time
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import child
import codec  # noqa: F401
import proxies  # noqa: F401
import seccomp

sys.path.pop(0)
PRELOAD = "abc bisect collections copy enum functools heapq itertools json math operator re string time typing".split()  # noqa: SIM905
FOLDERS = ("/tmp", "/work", "/dev/shm")
GRACE = 5.0  # to kill and to wipe: longer, and the sandbox is thrown away
IDLE = 120.0  # an open conversation that nobody uses
OOM_FILES = ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")
PIPE = 1 << 16


Mine = tuple[dict[str, Any], bytes, bytes]  # a job, the program, and the test's own input


class Buffer:
    """Bytes of a run in one place, so that they can be overwritten when it is over."""

    def __init__(self, size: int) -> None:
        self.data, self.used = bytearray(size), 0

    def fill(self, fd: int, limit: int) -> int | None:
        """Read once. 0 at the end of the file, None where nothing is there; past `limit` the bytes are dropped."""
        room = limit + 1 - self.used
        if len(self.data) < self.used + min(room, PIPE):
            grown = bytearray(max(2 * len(self.data), self.used + PIPE))
            grown[: self.used] = memoryview(self.data)[: self.used]
            self.data, old = grown, self.data
            old[:] = bytes(len(old))
        try:
            count = os.readv(fd, [memoryview(self.data)[self.used : self.used + min(room, PIPE)]])
        except BlockingIOError:
            return None
        self.used += count
        return count

    def view(self, start: int = 0, end: int | None = None) -> memoryview:
        return memoryview(self.data)[start : self.used if end is None else end]

    def wipe(self) -> Any:
        self.data[: self.used] = bytes(self.used)
        self.used = 0


class Control:
    """The host's end: whole frames, blocking."""

    def __init__(self) -> None:
        self.source, self.sink = os.dup(0), os.dup(1)
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        self.body = Buffer(1 << 20)

    def exactly(self, view: memoryview) -> None:
        while view:
            count = os.readv(self.source, [view])
            if not count:
                os._exit(0)  # the host is gone
            view = view[count:]

    def read(self) -> dict[str, Any]:
        """The next header; its body lies in `self.body`."""
        lengths = bytearray(8)
        self.exactly(memoryview(lengths))
        head = bytearray(int.from_bytes(lengths[:4], "big"))
        self.exactly(memoryview(head))
        size = int.from_bytes(lengths[4:], "big")
        self.body.wipe()
        if size > len(self.body.data):
            self.body = Buffer(size)
        self.body.used = size
        self.exactly(self.body.view())
        header: dict[str, Any] = json.loads(head)
        return header

    def write(self, header: dict[str, Any], *parts: memoryview) -> None:
        head = json.dumps(header).encode()
        size = sum(len(part) for part in parts)
        todo = [memoryview(len(head).to_bytes(4, "big") + size.to_bytes(4, "big") + head), *parts]
        while todo:
            count = os.writev(self.sink, todo)
            while todo and count >= len(todo[0]):
                count -= len(todo.pop(0))
            if todo and count:
                todo[0] = todo[0][count:]


class Zygote:
    def __init__(self, first_uid: int | None) -> None:
        self.control = Control()
        self.uid = first_uid
        self.out, self.err, self.answer, self.command = Buffer(1 << 16), Buffer(1 << 16), Buffer(1 << 16), Buffer(0)
        confinement = seccomp.Filter()
        if first_uid is not None:
            confinement.drop_capabilities()
        confinement.prctl(4, 0)  # not dumpable: /proc/1 is closed to children
        confinement.install()  # children inherit it, and nothing undoes it
        self.wakeup, sink = os.pipe()
        os.set_blocking(self.wakeup, False)
        os.set_blocking(sink, False)
        signal.set_wakeup_fd(sink, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.prctl = confinement.prctl
        self.mapped = 0

    def woken(self) -> None:
        try:
            while os.read(self.wakeup, 512):
                pass
        except BlockingIOError:
            pass

    def serve(self) -> Mine:
        """Answer requests until a fork returns in a child: then what the child must run."""
        while True:
            header = self.control.read()
            if header["op"] == "hello":
                self.control.write({"event": "ready", "python": sys.version.split()[0], "pid": os.getpid()})
            elif header["op"] == "run":
                mine = self.tests(header)
                if mine is not None:
                    return mine
            self.control.body.wipe()

    def tests(self, header: dict[str, Any]) -> Mine | None:
        start = header["program"]
        clean, stop = True, False
        for number, test in enumerate(header["tests"]):
            end = start + test["size"]
            job = {**test, "uid": self.uid, "memory": header["memory"], "processes": header["processes"]}
            run = Run(self, job, header["output"])
            if run.fork() == 0:
                program = bytes(self.control.body.view(0, header["program"]))
                blob = bytes(self.control.body.view(start, end))
                self.control.body.wipe()
                return job, program, blob
            start = end
            run.attend()
            left = run.sweep()
            clean = left is not None and self.wipe(run.job["uid"])
            if self.uid is not None:
                self.uid += 1
            run.report(number, left or 0, clean)
            failed = test["kind"] in ("calls", "session") and not run.loaded
            stop = failed or not clean or run.stopped or self.told_to_stop(test["kind"])
            if stop:
                break
        self.control.write({"event": "done", "clean": clean})
        return None

    def told_to_stop(self, kind: str) -> bool:
        if kind in ("session", "judge") or not select.select([self.control.source], [], [], 0)[0]:
            return False
        return bool(self.peek()["op"] == "stop")

    def peek(self) -> dict[str, Any]:
        """Read a frame without a body while the body of the run stays where it is."""
        lengths = bytearray(8)
        self.control.exactly(memoryview(lengths))
        head = bytearray(int.from_bytes(lengths[:4], "big"))
        self.control.exactly(memoryview(head))
        size = int.from_bytes(lengths[4:], "big")
        self.command.wipe()
        self.command = Buffer(size + 4)  # a message may be empty: its length is not
        self.command.data[:4] = size.to_bytes(4, "big")
        self.command.used = size + 4
        self.control.exactly(self.command.view(4))
        header: dict[str, Any] = json.loads(head)
        return header

    def wipe(self, uid: int | None) -> Any:
        """Empty the writable folders as the run's uid. False where something stays."""
        if not any(os.listdir(folder) for folder in FOLDERS):
            return True
        pid = os.fork()
        if pid == 0:
            try:
                signal.alarm(int(GRACE))
                if uid is not None:
                    os.setgroups([])
                    os.setresgid(uid, uid, uid)
                    os.setresuid(uid, uid, uid)
                for folder in FOLDERS:
                    empty(folder)
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        return not any(os.listdir(folder) for folder in FOLDERS)


def empty(folder: str) -> None:
    """Remove what is in a folder: no recursion, no long paths, no links followed."""
    os.chdir(folder)
    depth = 0
    while True:
        deeper = False
        for name in os.listdir("."):
            try:
                os.unlink(name)
                continue
            except OSError:
                pass
            try:
                os.rmdir(name)
            except OSError:
                os.chmod(name, 0o700)
                os.chdir(name)
                depth, deeper = depth + 1, True
                break
        if not deeper:
            if not depth:
                return
            os.chdir("..")
            depth -= 1


class Run:
    """One child and the pipes to it."""

    def __init__(self, zygote: Zygote, job: dict[str, Any], output: int) -> None:
        self.zygote, self.job, self.output = zygote, job, output
        self.loaded = self.stopped = False
        self.why, self.pid = "", 0
        self.code: int | None = None
        self.talks = job["kind"] in ("session", "judge")

    def fork(self) -> int:
        uid = self.job["uid"]
        if uid is not None:
            os.seteuid(uid)  # the pipes belong to the run, so that it may open /dev/stdout
        try:
            pipes = [os.pipe(), os.pipe()]
            pipes.append(os.pipe() if self.job["kind"] != "stdio" else (-1, -1))
            pipes.append(os.pipe() if self.talks else (-1, -1))
        finally:
            if uid is not None:
                os.seteuid(0)
        (out, out_w), (err, err_w), (result, result_w), (commands, commands_w) = pipes
        self.oom = oom_kills()
        if not self.zygote.mapped:
            self.zygote.mapped = mapped()
        self.begin = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            null = os.open("/dev/null", os.O_RDONLY)
            high = [
                os.dup2(fd, 60 + i, False) if fd >= 0 else -1
                for i, fd in enumerate((null, out_w, err_w, result_w, commands))
            ]
            for target, fd in enumerate(high):
                if fd >= 0:
                    os.dup2(fd, target)
                else:
                    try:
                        os.close(target)
                    except OSError:
                        pass
            os.closerange(5, 1024)
            return 0
        for fd in (out_w, err_w, result_w, commands):
            if fd >= 0:
                os.close(fd)
        self.fds = {fd: buffer for fd, buffer in ((out, "out"), (err, "err"), (result, "answer")) if fd >= 0}
        for fd in self.fds:
            os.set_blocking(fd, False)
        self.sink = commands_w
        if self.talks:
            os.set_blocking(commands_w, False)
        return self.pid

    def attend(self) -> None:
        """Watch until the child is over, has answered, is too late, writes too much, or eats too much."""
        zygote, poll = self.zygote, select.poll()
        for fd in self.fds:
            poll.register(fd, select.POLLIN)
        control = zygote.control.source
        poll.register(control, select.POLLIN if self.talks else 0)
        poll.register(zygote.wakeup, select.POLLIN)
        left, since = self.job["time"], self.begin
        waiting, pending = False, memoryview(b"")
        watch = self.begin + 0.1
        while not self.why:
            now = time.monotonic()
            limit = IDLE if waiting else left
            if now - since >= limit:
                self.why = "stopped" if waiting else "timeout"
                self.stopped = waiting
                break
            if now >= watch:
                watch = now + 0.1
                if resident() > self.job["memory"] + 256:
                    self.why = "memory"
                    break
            for fd, _ in poll.poll(1000 * min(limit - (now - since), max(watch - now, 0.001))):
                if fd == zygote.wakeup:
                    zygote.woken()
                    if self.reap():
                        self.why = "exit"
                elif fd == control:
                    header = zygote.peek()
                    if header["op"] == "stop":
                        self.why, self.stopped = "stopped", True
                        break
                    pending, waiting, since = zygote.command.view(), False, time.monotonic()
                    poll.modify(control, 0)
                    poll.register(self.sink, select.POLLOUT)
                elif fd == self.sink:
                    try:
                        pending = pending[os.write(self.sink, pending) :]
                    except BlockingIOError:
                        continue
                    except BrokenPipeError:
                        pending = memoryview(b"")
                    if not pending:
                        poll.unregister(self.sink)
                        poll.modify(control, select.POLLIN)
                        zygote.command.wipe()
                elif fd in self.fds:
                    if not self.drain(fd):
                        poll.unregister(fd)
                    if self.fds[fd] == "answer" and not self.why:
                        frame = self.frame()
                        if frame is not None:
                            self.pass_on(frame)
                            left -= time.monotonic() - since
                            waiting, since = True, time.monotonic()
        self.seconds = time.monotonic() - self.begin
        if self.why == "exit":
            for fd in self.fds:
                while self.drain(fd):
                    pass
            if self.job["kind"] == "calls" and self.why == "exit" and self.frame() is not None:
                self.why = "answer"

    def drain(self, fd: int) -> int | None:
        """Read once from a pipe; false where nothing more is there. Sets why = output past the limit."""
        name = self.fds[fd]
        limit = self.job["answer"] if name == "answer" else self.output
        buffer = getattr(self.zygote, name)
        count: int | None = buffer.fill(fd, limit)
        if buffer.used > limit:
            self.why = "output"
            return 0
        if name == "answer" and self.job["kind"] == "calls":
            if not self.loaded:
                self.frame()
            if self.why == "" and self.frame() is not None:
                self.why = "answer"
        return count

    def frame(self) -> memoryview | None:
        """The first whole frame of the answers, as a view; the one that says `loaded` is taken out."""
        buffer = self.zygote.answer
        while buffer.used >= 4:
            size = int.from_bytes(buffer.view(0, 4), "big")
            if buffer.used < 4 + size:
                return None
            if not self.loaded:
                self.loaded = True
                if not self.talks:
                    self.cut(4 + size)
                    continue
            return buffer.view(4, 4 + size)
        return None

    def cut(self, count: int) -> None:
        buffer = self.zygote.answer
        rest = buffer.used - count
        buffer.data[:rest] = buffer.data[count : buffer.used]
        buffer.data[rest : buffer.used] = bytes(count)
        buffer.used = rest

    def pass_on(self, frame: memoryview) -> None:
        """A conversation's frame goes to the host at once."""
        if self.talks:
            size = len(frame)
            self.zygote.control.write({"event": "answer"}, frame)
            frame.release()
            self.cut(4 + size)

    def reap(self) -> bool:
        """True where the child is over. Orphans that end meanwhile wait for the sweep."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return False
        self.code, self.pid = os.waitstatus_to_exitcode(status), 0
        return True

    def sweep(self) -> int | None:
        """Kill everything but this process until nothing is left: how many were left over, or None in doubt."""
        left, end = 0, time.monotonic() + GRACE
        while time.monotonic() < end:
            try:
                os.kill(-1, signal.SIGKILL)
            except ProcessLookupError:
                return left
            try:
                while True:  # all that is left is dying: waiting can't take long
                    pid, status = os.waitpid(-1, 0)
                    if pid == self.pid:
                        self.code, self.pid = os.waitstatus_to_exitcode(status), 0
                    else:
                        left += 1
            except ChildProcessError:
                continue
        return None

    def report(self, number: int, left: int, clean: bool) -> None:
        zygote = self.zygote
        for fd in self.fds:
            os.close(fd)
        if self.sink >= 0:
            os.close(self.sink)
        if self.why in ("exit", "answer", "timeout") and oom_kills() > self.oom:
            self.why = "memory"
        answer = self.frame() if self.why == "answer" else None
        parts = [part for part in (answer, zygote.out.view(), zygote.err.view()) if part is not None]
        header = {
            "event": "result", "i": number, "why": self.why, "code": self.code, "loaded": self.loaded,
            "seconds": round(self.seconds, 6), "left": left, "clean": clean,
            "answer": -1 if answer is None else len(answer), "stdout": zygote.out.used, "stderr": zygote.err.used,
        }  # fmt: skip
        zygote.control.write(header, *parts)
        for part in parts:
            part.release()
        for buffer in (zygote.out, zygote.err, zygote.answer, zygote.command):
            buffer.wipe()


def oom_kills() -> int:
    for path in OOM_FILES:
        try:
            with open(path) as file:
                return sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
        except OSError:
            continue
    return 0


def mapped() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    """MiB that all processes of the sandbox have in memory of their own."""
    pages = 0
    for name in os.listdir("/proc"):
        if name.isdigit() and name != "1":
            try:
                with open("/proc/" + name + "/statm") as file:
                    fields = file.read().split()
                pages += int(fields[1]) - int(fields[2])
            except (OSError, IndexError):
                pass
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


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
