"""One run seen from outside: the pipes to a child, what comes out of them, and why it ended.

Nothing that the child writes is interpreted here: frames of its answers are cut off and passed on.
"""

import os
import select
import signal
import time
from typing import Any

from control import Buffer, Control
from memory import OomKills, resident
from seccomp import Filter

IDLE = 120.0  # seconds until an open conversation that nobody uses is stopped


class SharedResources:
    """What all runs use, one after another.

    The stream to the host, the buffers, the count of kills for memory, the filter, and a pipe that wakes the supervisor
    when a child has ended.
    """

    def __init__(self, filter_: Filter) -> None:
        self.control, self.filter, self.kills = Control(), filter_, OomKills()
        self.out, self.err, self.answer = Buffer(1 << 16), Buffer(1 << 16), Buffer(1 << 16)
        self.wakeup, sink = os.pipe()
        os.set_blocking(self.wakeup, False)
        os.set_blocking(sink, False)
        signal.set_wakeup_fd(sink, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def drain_wakeup(self) -> None:
        """Empty the pipe of wake-ups."""
        try:
            while os.read(self.wakeup, 512):
                pass
        except BlockingIOError:
            pass


class ChildRun:
    """One child and the pipes to it."""

    def __init__(self, shared: SharedResources, job: dict[str, Any], output_bytes: int) -> None:
        self.shared, self.job, self.output = shared, job, output_bytes
        self.loaded = self.stopped = self.waiting = False
        self.end, self.pid, self.denied = "", 0, 0
        self.code: int | None = None
        self.converses = job["kind"] in ("session", "test_runner")
        self.remaining_s: float = job["time_s"]  # that the child may still work
        if job["kind"] == "stdio":
            self.shorten_deadline()
        self.pending = memoryview(b"")  # what the child hasn't read yet of the host's message

    def fork(self) -> int:
        """Fork the child with pipes of its own. Returns its pid, and 0 in the child."""
        uid = self.job["uid"]
        if uid is not None:
            os.seteuid(uid)  # the run owns its pipes, so that it may open /dev/stdout
        try:
            pipes = [os.pipe(), os.pipe()]
            pipes.append(os.pipe() if self.job["kind"] != "stdio" else (-1, -1))
            pipes.append(os.pipe() if self.converses else (-1, -1))
        finally:
            if uid is not None:
                os.seteuid(0)
        (out, out_w), (err, err_w), (result, result_w), (commands, commands_w) = pipes
        self.kills_before = self.shared.kills.count()
        self.started = self.since = time.monotonic()
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
        if self.converses:
            os.set_blocking(commands_w, False)
        return self.pid

    def shorten_deadline(self) -> None:
        """After an earlier timeout, allow less time from here on: the program is loaded, or can't report that it is."""
        if "after_timeout_s" in self.job:
            loading_s = time.monotonic() - self.started if self.loaded else 0.0
            self.remaining_s = min(self.remaining_s, loading_s + self.job["after_timeout_s"])

    def watch(self) -> None:
        """Watch until the child has ended or answered, or takes too much time, output or memory."""
        shared = self.shared
        self.poll = poll = select.poll()
        for fd in (*self.fds, shared.wakeup, *((shared.filter.notify_fd,) if shared.filter.notify_fd >= 0 else ())):
            poll.register(fd, select.POLLIN)
        poll.register(shared.control.source, select.POLLIN if self.converses else 0)
        next_memory_check = self.started + 0.1
        while not self.end:
            now = time.monotonic()
            limit = IDLE if self.waiting else self.remaining_s
            if now - self.since >= limit:
                self.end, self.stopped = ("stopped", True) if self.waiting else ("timeout", False)
                break
            if now >= next_memory_check:
                next_memory_check = now + 0.1
                if resident() > self.job["memory_mb"] + 256:
                    self.end = "memory"
                    break
            wait_s = min(limit - (now - self.since), max(next_memory_check - now, 0.001))
            for fd, _ in poll.poll(1000 * wait_s):
                self.ready(fd)
                if self.stopped:
                    break
        self.seconds = time.monotonic() - self.started
        if self.end == "exit":
            for fd in self.fds:
                while self.drain(fd):
                    pass
            if self.job["kind"] == "calls" and self.end == "exit" and self.first_frame() is not None:
                self.end = "answer"

    def ready(self, fd: int) -> None:
        """Handle a descriptor that is ready."""
        shared = self.shared
        if fd == shared.wakeup:
            shared.drain_wakeup()
            if self.reap():
                self.end = "exit"
        elif fd == shared.filter.notify_fd:
            self.denied += shared.filter.refuse()
        elif fd == shared.control.source:
            self.on_host_message()
        elif fd == self.sink:
            self.write_pending()
        elif fd in self.fds:
            if not self.drain(fd):
                self.poll.unregister(fd)
            if self.converses and self.fds[fd] == "answer" and not self.end:
                self.forward_answer()

    def on_host_message(self) -> None:
        """The host sends a message to a child that converses, or says stop."""
        if self.shared.control.read_command()["op"] == "stop":
            self.end, self.stopped = "stopped", True
            return
        self.pending, self.waiting, self.since = self.shared.control.command.view(), False, time.monotonic()
        self.poll.modify(self.shared.control.source, 0)
        self.poll.register(self.sink, select.POLLOUT)

    def write_pending(self) -> None:
        """Write more of the host's message to the child."""
        try:
            self.pending = self.pending[os.write(self.sink, self.pending) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.pending = memoryview(b"")
        if not self.pending:
            self.poll.unregister(self.sink)
            self.poll.modify(self.shared.control.source, select.POLLIN)
            self.shared.control.command.wipe()

    def drain(self, fd: int) -> int | None:
        """Read once from a pipe. False if nothing more is there. Past the limit, the run ends with `output`."""
        name = self.fds[fd]
        limit = self.job["answer_bytes"] if name == "answer" else self.output
        buffer: Buffer = getattr(self.shared, name)
        count: int | None = buffer.fill(fd, limit)
        if buffer.used > limit:
            self.end = "output"
            return 0
        if name == "answer" and self.job["kind"] == "calls" and self.first_frame() is not None and self.end == "":
            self.end = "answer"
        return count

    def first_frame(self) -> memoryview | None:
        """A view of the first whole frame of the answers. A frame that only says that the program is loaded is removed."""
        buffer = self.shared.answer
        while buffer.used >= 4:
            size = int.from_bytes(buffer.view(0, 4), "big")
            if buffer.used < 4 + size:
                return None
            if not self.loaded:
                self.loaded = True
                self.shorten_deadline()
                if not self.converses:
                    self.cut(4 + size)
                    continue
            view: memoryview = buffer.view(4, 4 + size)
            return view
        return None

    def cut(self, count: int) -> None:
        """Remove the first bytes of the answers."""
        buffer = self.shared.answer
        rest = buffer.used - count
        buffer.data[:rest] = buffer.data[count : buffer.used]
        buffer.data[rest : buffer.used] = bytes(count)
        buffer.used = rest

    def forward_answer(self) -> None:
        """Send a conversation's frame to the host at once."""
        frame = self.first_frame()
        if frame is None:
            return
        size = len(frame)
        self.shared.control.write({"event": "answer"}, frame)
        frame.release()
        self.cut(4 + size)
        self.remaining_s -= time.monotonic() - self.since
        self.waiting, self.since = True, time.monotonic()

    def reap(self) -> bool:
        """Whether the child has ended. Orphans that have ended too wait for the sweep."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return False
        self.code, self.pid = os.waitstatus_to_exitcode(status), 0
        return True

    def take_exit_code(self, ended: dict[int, int]) -> int:
        """Take the child's exit code out of the sweep's pid -> wait status. Returns how many others there were."""
        status = ended.pop(self.pid, None)
        if status is not None:
            self.code, self.pid = os.waitstatus_to_exitcode(status), 0
        return len(ended)

    def report(self, leftovers: int, clean: bool) -> None:
        """Hold back the result for the host, and leave nothing of the run in the buffers."""
        shared = self.shared
        for fd in self.fds:
            os.close(fd)
        if self.sink >= 0:
            os.close(self.sink)
        if self.end in ("exit", "answer", "timeout") and shared.kills.count() > self.kills_before:
            self.end = "memory"
        answer = self.first_frame() if self.end == "answer" else None
        parts = [part for part in (answer, shared.out.view(), shared.err.view()) if part is not None]
        header = {
            "event": "result", "end": self.end, "code": self.code, "loaded": self.loaded,
            "seconds": round(self.seconds, 6), "leftovers": leftovers, "clean": clean, "denied": self.denied,
            "answer": -1 if answer is None else len(answer), "stdout": shared.out.used, "stderr": shared.err.used,
        }  # fmt: skip
        shared.control.hold_back(header, *parts)
        for part in parts:
            part.release()
        for buffer in (shared.out, shared.err, shared.answer, shared.control.command):
            buffer.wipe()


def descriptors(*wanted: int) -> None:
    """In the child: make these descriptors 0, 1, 2 and so on (-1: none), and close all others."""
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
