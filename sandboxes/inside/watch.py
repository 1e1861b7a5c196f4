"""One run seen from outside: the pipes to a child, what comes out of them, and why it ended.

Nothing that the child writes is understood here: frames of its answers are cut off and passed on.
"""

import os
import select
import signal
import time
from typing import Any

from control import Buffer, Control
from memory import OomKills, resident
from seccomp import Filter

IDLE = 120.0  # an open conversation that nobody uses


class Desk:
    """What all runs use, one after another: the host's stream, the buffers, the memory counters, the filter's listener, the
    pipe that says that a child has ended."""

    def __init__(self, filter_: Filter) -> None:
        self.control, self.filter, self.kills = Control(), filter_, OomKills()
        self.out, self.err, self.answer = Buffer(1 << 16), Buffer(1 << 16), Buffer(1 << 16)
        self.wakeup, sink = os.pipe()
        os.set_blocking(self.wakeup, False)
        os.set_blocking(sink, False)
        signal.set_wakeup_fd(sink, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def woken(self) -> None:
        try:
            while os.read(self.wakeup, 512):
                pass
        except BlockingIOError:
            pass


class Run:
    """One child and the pipes to it."""

    def __init__(self, desk: Desk, job: dict[str, Any], output: int) -> None:
        self.desk, self.job, self.output = desk, job, output
        self.loaded = self.stopped = self.waiting = False
        self.why, self.pid, self.denied = "", 0, 0
        self.code: int | None = None
        self.talks = job["kind"] in ("session", "judge")
        self.left: float = job["time"]  # for the child to be at work
        if job["kind"] == "stdio":
            self.hurry()
        self.pending = memoryview(b"")  # of the host's message to it

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
        self.oom = self.desk.kills.count()
        self.begin = self.since = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            null = os.open("/dev/null", os.O_RDONLY)
            descriptors(null, out_w, err_w, result_w, commands)
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

    def hurry(self) -> None:
        """The program is loaded, or can't be told to be: after an earlier timeout there is less time from here."""
        if "again" in self.job:
            self.left = min(self.left, (time.monotonic() - self.begin if self.loaded else 0.0) + self.job["again"])

    def attend(self) -> None:
        """Watch until the child is over, has answered, is too late, writes too much, or eats too much."""
        desk = self.desk
        self.poll = poll = select.poll()
        for fd in (*self.fds, desk.wakeup, *((desk.filter.bell,) if desk.filter.bell >= 0 else ())):
            poll.register(fd, select.POLLIN)
        poll.register(desk.control.source, select.POLLIN if self.talks else 0)
        watch = self.begin + 0.1
        while not self.why:
            now = time.monotonic()
            limit = IDLE if self.waiting else self.left
            if now - self.since >= limit:
                self.why, self.stopped = ("stopped", True) if self.waiting else ("timeout", False)
                break
            if now >= watch:
                watch = now + 0.1
                if resident() > self.job["memory"] + 256:
                    self.why = "memory"
                    break
            for fd, _ in poll.poll(1000 * min(limit - (now - self.since), max(watch - now, 0.001))):
                self.ready(fd)
                if self.stopped:
                    break
        self.seconds = time.monotonic() - self.begin
        if self.why == "exit":
            for fd in self.fds:
                while self.drain(fd):
                    pass
            if self.job["kind"] == "calls" and self.why == "exit" and self.frame() is not None:
                self.why = "answer"

    def ready(self, fd: int) -> None:
        """Something came."""
        desk = self.desk
        if fd == desk.wakeup:
            desk.woken()
            if self.reap():
                self.why = "exit"
        elif fd == desk.filter.bell:
            self.denied += desk.filter.answer()
        elif fd == desk.control.source:
            self.told()
        elif fd == self.sink:
            self.hand_over()
        elif fd in self.fds:
            if not self.drain(fd):
                self.poll.unregister(fd)
            if self.talks and self.fds[fd] == "answer" and not self.why:
                self.pass_on()

    def told(self) -> None:
        """The host says something to a child that talks, or that it is enough."""
        if self.desk.control.peek()["op"] == "stop":
            self.why, self.stopped = "stopped", True
            return
        self.pending, self.waiting, self.since = self.desk.control.command.view(), False, time.monotonic()
        self.poll.modify(self.desk.control.source, 0)
        self.poll.register(self.sink, select.POLLOUT)

    def hand_over(self) -> None:
        """Write more of the host's message to the child."""
        try:
            self.pending = self.pending[os.write(self.sink, self.pending) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.pending = memoryview(b"")
        if not self.pending:
            self.poll.unregister(self.sink)
            self.poll.modify(self.desk.control.source, select.POLLIN)
            self.desk.control.command.wipe()

    def drain(self, fd: int) -> int | None:
        """Read once from a pipe; false where nothing more is there. Sets why = output past the limit."""
        name = self.fds[fd]
        limit = self.job["answer"] if name == "answer" else self.output
        buffer: Buffer = getattr(self.desk, name)
        count: int | None = buffer.fill(fd, limit)
        if buffer.used > limit:
            self.why = "output"
            return 0
        if name == "answer" and self.job["kind"] == "calls" and self.frame() is not None and self.why == "":
            self.why = "answer"
        return count

    def frame(self) -> memoryview | None:
        """The first whole frame of the answers, as a view; the one that says `loaded` is taken out."""
        buffer = self.desk.answer
        while buffer.used >= 4:
            size = int.from_bytes(buffer.view(0, 4), "big")
            if buffer.used < 4 + size:
                return None
            if not self.loaded:
                self.loaded = True
                self.hurry()
                if not self.talks:
                    self.cut(4 + size)
                    continue
            view: memoryview = buffer.view(4, 4 + size)
            return view
        return None

    def cut(self, count: int) -> None:
        buffer = self.desk.answer
        rest = buffer.used - count
        buffer.data[:rest] = buffer.data[count : buffer.used]
        buffer.data[rest : buffer.used] = bytes(count)
        buffer.used = rest

    def pass_on(self) -> None:
        """A conversation's frame goes to the host at once."""
        frame = self.frame()
        if frame is None:
            return
        size = len(frame)
        self.desk.control.write({"event": "answer"}, frame)
        frame.release()
        self.cut(4 + size)
        self.left -= time.monotonic() - self.since
        self.waiting, self.since = True, time.monotonic()

    def reap(self) -> bool:
        """True where the child is over. Orphans that end meanwhile wait for the sweep."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return False
        self.code, self.pid = os.waitstatus_to_exitcode(status), 0
        return True

    def over(self, ended: dict[int, int]) -> int:
        """Take the child's exit code out of what the sweep found: how many others there were."""
        status = ended.pop(self.pid, None)
        if status is not None:
            self.code, self.pid = os.waitstatus_to_exitcode(status), 0
        return len(ended)

    def report(self, left: int, clean: bool) -> None:
        """Put the result aside for the host, and leave nothing of the run in the buffers."""
        desk = self.desk
        for fd in self.fds:
            os.close(fd)
        if self.sink >= 0:
            os.close(self.sink)
        if self.why in ("exit", "answer", "timeout") and desk.kills.count() > self.oom:
            self.why = "memory"
        answer = self.frame() if self.why == "answer" else None
        parts = [part for part in (answer, desk.out.view(), desk.err.view()) if part is not None]
        header = {
            "event": "result", "why": self.why, "code": self.code, "loaded": self.loaded,
            "seconds": round(self.seconds, 6), "left": left, "clean": clean, "denied": self.denied,
            "answer": -1 if answer is None else len(answer), "stdout": desk.out.used, "stderr": desk.err.used,
        }  # fmt: skip
        desk.control.put(header, *parts)
        for part in parts:
            part.release()
        for buffer in (desk.out, desk.err, desk.answer, desk.control.command):
            buffer.wipe()


def descriptors(*wanted: int) -> None:
    """In the child: these become 0, 1, 2 and so on (none for -1), and nothing else stays open."""
    high = [os.dup2(fd, 60 + i, False) if fd >= 0 else -1 for i, fd in enumerate(wanted)]
    for target, fd in enumerate(high):
        if fd >= 0:
            os.dup2(fd, target)
        else:
            try:
                os.close(target)
            except OSError:
                pass
    os.closerange(len(wanted), 1024)
