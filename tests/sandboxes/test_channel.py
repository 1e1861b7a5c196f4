"""Frames arrive whole and in order however the stream cuts them; anything out of bounds closes the channel."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlvr.errors import SandboxError
from rlvr.sandboxes.channel import BODY_BYTES, HEADER_BYTES, Channel


def frame(header: dict[str, Any], body: bytes = b"") -> bytes:
    head = json.dumps(header).encode()
    return len(head).to_bytes(4, "big") + len(body).to_bytes(4, "big") + head + body


def docker(data: bytes, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


def over_sockets(test: Callable[[Channel, socket.socket], Awaitable[None]], demultiplex: bool = False) -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            channel = await Channel.over(ours, demultiplex)
            try:
                await test(channel, theirs)
            finally:
                channel.close()

    asyncio.run(main())


@given(
    frames=st.lists(
        st.tuples(st.dictionaries(st.text(max_size=5), st.integers(), max_size=3), st.binary(max_size=50)), max_size=5
    ),
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=30),
    demultiplex=st.booleans(),
)
def test_frames_come_whole_and_in_order(
    frames: list[tuple[dict[str, int], bytes]], cuts: list[int], demultiplex: bool
) -> None:
    channel = Channel(demultiplex)
    data = b"".join(frame(*one) for one in frames)
    start = 0
    for cut in [*cuts, len(data) + 1]:
        piece = data[start : start + cut]
        channel.data_received(docker(piece) if demultiplex and piece else piece)
        start += cut
    received = [asyncio.run(channel.receive(1)) for _ in frames]
    assert received == frames
    assert not channel.problem


@pytest.mark.parametrize(
    "data",
    [
        (HEADER_BYTES + 1).to_bytes(4, "big") + bytes(4),
        (2).to_bytes(4, "big") + (BODY_BYTES + 1).to_bytes(4, "big"),
        (2).to_bytes(4, "big") + bytes(4) + b"[]",
        (2).to_bytes(4, "big") + bytes(4) + b"{!",
        (60_000).to_bytes(4, "big") + bytes(4) + b"[" * 60_000,
    ],
)
def test_a_broken_frame_closes_the_channel(data: bytes) -> None:
    channel = Channel()
    channel.data_received(data)
    assert channel.problem.startswith("the supervisor sent a broken frame: ")
    with pytest.raises(SandboxError, match="broken frame"):
        asyncio.run(channel.receive(1))


def test_what_a_container_writes_to_stderr_explains_its_end() -> None:
    channel = Channel(demultiplex=True)
    channel.data_received(docker(b"Traceback\nMemoryError\n", stream=2))
    channel.fail("the stream ended")
    with pytest.raises(SandboxError, match=r"the stream ended \(MemoryError\)"):
        asyncio.run(channel.receive(1))


def test_a_frame_goes_there_and_back() -> None:
    async def test(channel: Channel, theirs: socket.socket) -> None:
        await channel.send({"op": "hello"}, b"body")
        theirs.sendall(theirs.recv(1000))
        assert await channel.receive(5) == ({"op": "hello"}, b"body")

    over_sockets(test)


def test_silence_and_the_end_of_the_stream_are_errors() -> None:
    async def silence(channel: Channel, theirs: socket.socket) -> None:
        with pytest.raises(SandboxError, match=r"didn't answer within 0\.05 s"):
            await channel.receive(0.05)

    async def end(channel: Channel, theirs: socket.socket) -> None:
        theirs.close()
        with pytest.raises(SandboxError, match="the stream ended"):
            await channel.receive(5)
        with pytest.raises(SandboxError, match="the stream ended"):
            await channel.send({"op": "hello"})

    over_sockets(silence)
    over_sockets(end)
