"""One stream to one supervisor: bounded frames over a socket, for asyncio. Knows nothing of what they mean.

A frame is two 32-bit lengths, a JSON header and a body. If the stream comes from a Docker engine, the engine's own
8-byte headers are removed first. Anything out of bounds closes the channel.
"""

import asyncio
import json
import socket
from typing import Any

from rlvr.errors import SandboxError

HEADER_BYTES = 1 << 16
BODY_BYTES = 64 << 20
NOISE_BYTES = 2000
Frame = tuple[dict[str, Any], bytes]


class Channel(asyncio.Protocol):
    """Frames in, frames out. `demultiplex` is for the attached stream of a container.

    `problem` says why the channel is closed, and is empty while it is open.
    """

    def __init__(self, demultiplex: bool = False) -> None:
        self._demultiplex = demultiplex
        self._raw, self._data = bytearray(), bytearray()
        self._frames: list[Frame] = []
        self._waiter: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport | None = None
        self.problem = ""
        self.noise = b""  # what the supervisor wrote to stderr: nothing unless it failed

    @classmethod
    async def over(cls, sock: socket.socket, demultiplex: bool = False) -> "Channel":
        """A channel over a connected socket, which it closes in the end. Raises OSError."""
        sock.setblocking(False)
        _, channel = await asyncio.get_running_loop().create_connection(lambda: cls(demultiplex), sock=sock)
        return channel

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's: the stream is open."""
        self._transport = transport  # type: ignore[assignment]

    def pause_writing(self) -> None:
        """asyncio's: the other side reads too slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """asyncio's: it has caught up."""
        self._writable.set()

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio's: the stream is closed."""
        self.fail(f"the stream ended{f': {error}' if error else ''}")

    def fail(self, problem: str) -> None:
        """Close; those who wait get a SandboxError with this problem."""
        self.problem = self.problem or problem
        self._writable.set()
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def data_received(self, data: bytes) -> None:
        """asyncio's: some bytes came, which may be part of a frame or several."""
        if not self._demultiplex:
            self._data += data
        else:
            self._raw += data
            while len(self._raw) >= 8:
                size = int.from_bytes(self._raw[4:8], "big")
                if len(self._raw) < 8 + size:
                    break
                if self._raw[0] == 1:
                    self._data += memoryview(self._raw)[8 : 8 + size]
                else:
                    self.noise = (self.noise + self._raw[8 : 8 + size])[-NOISE_BYTES:]
                del self._raw[: 8 + size]
        try:
            self._parse()
        except (ValueError, RecursionError) as error:
            self.fail(f"the supervisor sent a broken frame: {error}")

    def _parse(self) -> None:
        while len(self._data) >= 8:
            head, body = int.from_bytes(self._data[:4], "big"), int.from_bytes(self._data[4:8], "big")
            if head > HEADER_BYTES or body > BODY_BYTES:
                raise ValueError(f"{head} and {body} bytes")
            if len(self._data) < 8 + head + body:
                return
            header = json.loads(self._data[8 : 8 + head])
            if not isinstance(header, dict):
                raise ValueError("the header is no object")
            self._frames.append((header, bytes(self._data[8 + head : 8 + head + body])))
            del self._data[: 8 + head + body]
            self._wake()

    async def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Write one frame. Raises SandboxError if the stream is closed."""
        await self._writable.wait()
        if self.problem or self._transport is None:
            raise SandboxError(self._explain())
        head = json.dumps(header).encode()
        self._transport.write(len(head).to_bytes(4, "big") + len(body).to_bytes(4, "big") + head + body)

    async def receive(self, seconds: float) -> Frame:
        """The next frame. Raises SandboxError if the stream is closed, or if no frame comes in time."""
        while not self._frames:
            if self.problem:
                raise SandboxError(self._explain())
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await asyncio.wait_for(self._waiter, seconds)
            except TimeoutError:
                self.fail(f"the supervisor didn't answer within {seconds:g} s")
        return self._frames.pop(0)

    def _explain(self) -> str:
        noise = self.noise.decode("utf-8", "replace").strip().splitlines()
        return f"the sandbox failed: {self.problem}{f' ({noise[-1]})' if noise else ''}"

    def close(self) -> None:
        """Close the stream."""
        self.fail("closed")
