"""The supervisor's stream to the host, and the buffers that hold a run's bytes until they are overwritten.

Frames: two big-endian 32-bit lengths, a JSON header, a body. The body is opaque here; children read it.
"""

import json
import os
import select
from collections.abc import Sequence
from typing import Any

PIPE = 1 << 16


class Buffer:
    """Bytes of a run, all in one place so that they can be overwritten afterwards."""

    def __init__(self, size: int) -> None:
        self.data, self.used = bytearray(size), 0

    def fill(self, fd: int, limit: int) -> int | None:
        """Read once from `fd`. Returns the bytes read, 0 at end of file, None if nothing is there yet.

        Holds at most `limit + 1` bytes.
        """
        room = min(limit + 1 - self.used, PIPE)
        self.reserve(room)
        try:
            count = os.readv(fd, [memoryview(self.data)[self.used : self.used + room]])
        except BlockingIOError:
            return None
        self.used += count
        return count

    def add(self, data: bytes | memoryview) -> None:
        """Append some bytes."""
        self.reserve(len(data))
        self.data[self.used : self.used + len(data)] = data
        self.used += len(data)

    def reserve(self, count: int) -> None:
        """Make room for `count` more bytes. If that takes a new array, the old one is overwritten."""
        if len(self.data) < self.used + count:
            grown = bytearray(max(2 * len(self.data), self.used + count))
            grown[: self.used] = memoryview(self.data)[: self.used]
            self.data, old = grown, self.data
            old[:] = bytes(len(old))

    def view(self, start: int = 0, end: int | None = None) -> memoryview:
        """A window on the bytes, without a copy. Release it before the buffer grows."""
        return memoryview(self.data)[start : self.used if end is None else end]

    def wipe(self) -> None:
        """Overwrite the bytes and forget them."""
        self.data[: self.used] = bytes(self.used)
        self.used = 0


class Control:
    """The connection to the host: whole frames, blocking."""

    def __init__(self) -> None:
        self.source, self.sink = os.dup(0), os.dup(1)
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        self.body, self.command, self.outbox = Buffer(1 << 20), Buffer(0), Buffer(1 << 16)

    def fill(self, view: memoryview) -> None:
        """Fill the view from the host's stream; exit if the host is gone."""
        while view:
            count = os.readv(self.source, [view])
            if not count:
                os._exit(0)
            view = view[count:]

    def read_head(self) -> tuple[dict[str, Any], int]:
        """The next header, and the size in bytes of the body that follows it."""
        lengths = bytearray(8)
        self.fill(memoryview(lengths))
        head = bytearray(int.from_bytes(lengths[:4], "big"))
        self.fill(memoryview(head))
        header: dict[str, Any] = json.loads(head)
        return header, int.from_bytes(lengths[4:], "big")

    def read(self) -> dict[str, Any]:
        """The next header. Its body is put in `self.body`."""
        header, size = self.read_head()
        self.body.wipe()
        if size > len(self.body.data):
            self.body = Buffer(size)
        self.body.used = size
        self.fill(self.body.view())
        return header

    def read_command(self) -> dict[str, Any]:
        """The next header during a run, whose body stays in `self.body`. Its own body is put in `self.command`."""
        header, size = self.read_head()
        self.command.wipe()
        self.command = Buffer(size + 4)  # the length goes along, so that even an empty message has bytes
        self.command.data[:4] = size.to_bytes(4, "big")
        self.command.used = size + 4
        self.fill(self.command.view(4))
        return header

    def has_input(self) -> bool:
        """Whether the host has sent something."""
        return bool(select.select([self.source], [], [], 0)[0])

    def write(self, header: dict[str, Any], *parts: memoryview) -> None:
        """Send a frame, after those that were held back."""
        self._send([self.outbox.view(), memoryview(_head(header, parts)), *parts])
        self.outbox.wipe()

    def flush(self) -> None:
        """Send the frames that were held back."""
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

    def hold_back(self, header: dict[str, Any], *parts: memoryview) -> None:
        """Send a frame later: through an engine's pipes, one write costs as much as one with many frames."""
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
