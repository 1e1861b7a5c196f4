"""The supervisor's stream to the host, and the buffers in which a run's bytes lie until they are overwritten.

Frames: two big-endian 32-bit lengths, a JSON header, a body. The body is opaque here: children read it.
"""

import json
import os
import select
from collections.abc import Sequence
from typing import Any

PIPE = 1 << 16


class Buffer:
    """Bytes of a run in one place, so that they can be overwritten when it is over."""

    def __init__(self, size: int) -> None:
        self.data, self.used = bytearray(size), 0

    def fill(self, fd: int, limit: int) -> int | None:
        """Read once. 0 at the end of the file, None where nothing is there; past `limit` the bytes are dropped."""
        room = min(limit + 1 - self.used, PIPE)
        self.reserve(room)
        try:
            count = os.readv(fd, [memoryview(self.data)[self.used : self.used + room]])
        except BlockingIOError:
            return None
        self.used += count
        return count

    def add(self, data: bytes | memoryview) -> None:
        self.reserve(len(data))
        self.data[self.used : self.used + len(data)] = data
        self.used += len(data)

    def reserve(self, count: int) -> None:
        """Make room for some bytes more; what held them before is overwritten."""
        if len(self.data) < self.used + count:
            grown = bytearray(max(2 * len(self.data), self.used + count))
            grown[: self.used] = memoryview(self.data)[: self.used]
            self.data, old = grown, self.data
            old[:] = bytes(len(old))

    def view(self, start: int = 0, end: int | None = None) -> memoryview:
        return memoryview(self.data)[start : self.used if end is None else end]

    def wipe(self) -> None:
        self.data[: self.used] = bytes(self.used)
        self.used = 0


class Control:
    """The host's end: whole frames, blocking."""

    def __init__(self) -> None:
        self.source, self.sink = os.dup(0), os.dup(1)
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        self.body, self.command, self.outbox = Buffer(1 << 20), Buffer(0), Buffer(1 << 16)

    def exactly(self, view: memoryview) -> None:
        while view:
            count = os.readv(self.source, [view])
            if not count:
                os._exit(0)  # the host is gone
            view = view[count:]

    def head(self) -> tuple[dict[str, Any], int]:
        """The next header, and the size of the body that follows it."""
        lengths = bytearray(8)
        self.exactly(memoryview(lengths))
        head = bytearray(int.from_bytes(lengths[:4], "big"))
        self.exactly(memoryview(head))
        header: dict[str, Any] = json.loads(head)
        return header, int.from_bytes(lengths[4:], "big")

    def read(self) -> dict[str, Any]:
        """The next header; its body lies in `self.body`."""
        header, size = self.head()
        self.body.wipe()
        if size > len(self.body.data):
            self.body = Buffer(size)
        self.body.used = size
        self.exactly(self.body.view())
        return header

    def peek(self) -> dict[str, Any]:
        """The next header while the body of the run stays where it is; its own lies in `self.command`."""
        header, size = self.head()
        self.command.wipe()
        self.command = Buffer(size + 4)  # a message may be empty: its length is not
        self.command.data[:4] = size.to_bytes(4, "big")
        self.command.used = size + 4
        self.exactly(self.command.view(4))
        return header

    def waits(self) -> bool:
        """Whether the host has said something."""
        return bool(select.select([self.source], [], [], 0)[0])

    def write(self, header: dict[str, Any], *parts: memoryview) -> None:
        """Say something, after what was put aside."""
        self._send([self.outbox.view(), memoryview(_head(header, parts)), *parts])
        self.outbox.wipe()

    def flush(self) -> None:
        """Say what was put aside."""
        if self.outbox.used:
            self._send([self.outbox.view()])
            self.outbox.wipe()

    def _send(self, todo: list[memoryview]) -> None:
        while todo:
            count = os.writev(self.sink, todo)
            while todo and count >= len(todo[0]):
                count -= len(todo.pop(0))
            if todo and count:
                todo[0] = todo[0][count:]

    def put(self, header: dict[str, Any], *parts: memoryview) -> None:
        """Put something aside: through an engine's pipes, one write costs as much as many frames."""
        head = _head(header, parts)
        if self.outbox.used + len(head) + sum(len(part) for part in parts) > len(self.outbox.data):
            self.write(header, *parts)
            return
        self.outbox.add(head)
        for part in parts:
            self.outbox.add(part)


def _head(header: dict[str, Any], parts: Sequence[memoryview]) -> bytes:
    head = json.dumps(header).encode()
    return len(head).to_bytes(4, "big") + sum(len(part) for part in parts).to_bytes(4, "big") + head
