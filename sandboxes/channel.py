"""One stream to one supervisor: bounded frames over a socket, for asyncio. Knows nothing of what they mean.

A frame is two 32-bit lengths, a JSON header and a body. Where the stream comes from a Docker engine, the engine's own
8-byte headers are taken out first. Anything out of bounds closes the channel.
"""

import asyncio
import json
import socket
from typing import Any

from rlvr.errors import SandboxError

HEADER = 1 << 16
BODY = 64 << 20
Frame = tuple[dict[str, Any], bytes]


class Channel(asyncio.Protocol):
    """Frames in, frames out. `demultiplex` for the attached stream of a container."""

    def __init__(self, demultiplex: bool = False) -> None:
        self._demultiplex = demultiplex
        self._raw, self._data = bytearray(), bytearray()
        self._frames: list[Frame] = []
        self._waiter: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport | None = None
        self.problem = ""
        self.noise = b""  # what the supervisor wrote to its stderr: nothing, unless it failed

    @classmethod
    async def over(cls, sock: socket.socket, demultiplex: bool = False) -> "Channel":
        sock.setblocking(False)
        _, channel = await asyncio.get_running_loop().create_connection(lambda: cls(demultiplex), sock=sock)
        return channel

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.fail(f"the stream ended{f': {error}' if error else ''}")

    def fail(self, problem: str) -> None:
        """Close; whoever waits gets a SandboxError with this problem."""
        self.problem = self.problem or problem
        self._writable.set()
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def data_received(self, data: bytes) -> None:
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
                    self.noise = (self.noise + self._raw[8 : 8 + size])[-2000:]
                del self._raw[: 8 + size]
        try:
            self._parse()
        except (ValueError, RecursionError) as error:
            self.fail(f"the supervisor sent a broken frame: {error}")

    def _parse(self) -> None:
        while len(self._data) >= 8:
            head, body = int.from_bytes(self._data[:4], "big"), int.from_bytes(self._data[4:8], "big")
            if head > HEADER or body > BODY:
                raise ValueError(f"{head} and {body} bytes")
            if len(self._data) < 8 + head + body:
                return
            header = json.loads(self._data[8 : 8 + head])
            if not isinstance(header, dict):
                raise ValueError("no object")
            self._frames.append((header, bytes(self._data[8 + head : 8 + head + body])))
            del self._data[: 8 + head + body]
            self._wake()

    async def send(self, header: dict[str, Any], body: bytes = b"") -> None:
        """Write one frame. Raises SandboxError where the stream is gone."""
        await self._writable.wait()
        if self.problem or self._transport is None:
            raise SandboxError(self._explain())
        head = json.dumps(header).encode()
        self._transport.write(len(head).to_bytes(4, "big") + len(body).to_bytes(4, "big") + head + body)

    async def receive(self, seconds: float) -> Frame:
        """The next frame. Raises SandboxError where the stream is gone, or nothing comes in time."""
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
        self.fail("closed")
