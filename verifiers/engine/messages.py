"""What the engine and its workers send each other: frames of bytes, and verdicts as JSON.

The engine sends pickles, because it is trusted; a worker answers in JSON only, because it has touched hostile text.
"""

import json
import math
import socket
import struct
from typing import Any, Protocol

from rlvr.verifiers.types import Status, Verdict

MAX_FRAME = 1 << 24  # bytes
MAX_TEXT = 10_000  # characters kept of an extracted answer and of a reason
_HEADER = struct.Struct("<I")
_STATUSES = frozenset(map(str, Status))


class FrameError(Exception):
    """The other side closed the stream or broke the protocol."""


class Readable(Protocol):
    """A socket, or what reads from one."""

    def recv(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end of the stream."""


def send(sock: socket.socket, payload: bytes) -> None:
    """Write one frame: its length in four bytes, then `payload`. Raises OSError as the socket does."""
    sock.sendall(_HEADER.pack(len(payload)) + payload)


def receive(stream: Readable) -> bytes:
    """Read one frame. Raises FrameError at the end of the stream or over MAX_FRAME, TimeoutError as the stream does."""
    (size,) = _HEADER.unpack(_exactly(stream, _HEADER.size))
    if size > MAX_FRAME:
        raise FrameError(f"a frame of {size} bytes")
    return _exactly(stream, size)


def _exactly(stream: Readable, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        more = stream.recv(size - len(data))
        if not more:
            raise FrameError("closed")
        data += more
    return bytes(data)


def to_verdict(returned: object) -> Verdict:
    """The verdict that a verifier's return value means; `error` for a value without a meaning."""
    if isinstance(returned, Verdict):
        if str(returned.status) not in _STATUSES:
            return Verdict.error(f"the verifier returned the unknown status {returned.status!r:.100}")
        return returned
    if type(returned).__name__ in ("bool", "bool_"):  # bool_ is numpy's
        return Verdict.of(bool(returned))
    try:
        score = float(returned)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return Verdict.error(
            f"the verifier returned {type(returned).__name__}; expected a Verdict, a bool or a float in [0, 1]"
        )
    if isinstance(returned, (str, bytes)) or not (math.isfinite(score) and 0 <= score <= 1):
        return Verdict.error(f"the verifier returned {returned!r:.100}; expected a number in [0, 1]")
    return Verdict.scored(score)


def describe(error: BaseException) -> str:
    """An exception as one line of bounded length."""
    text = " ".join(str(error).split())[:500]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as a JSON object. Raises TypeError or ValueError if its parts aren't JSON values, or are too large."""
    parts = json.dumps(dict(verdict.parts), allow_nan=False)
    if len(parts) > MAX_FRAME // 4:
        raise ValueError(f"{len(parts)} characters of parts")
    extracted = None if verdict.extracted is None else str(verdict.extracted)[:MAX_TEXT]
    return {
        "status": str(verdict.status),
        "score": float(verdict.score),
        "extracted": extracted,
        "reason": str(verdict.reason)[:MAX_TEXT],
        "parts": json.loads(parts),
    }


def verdict_from_json(reply: dict[str, Any], seconds: float) -> Verdict:
    """The inverse of `verdict_to_json`, with `seconds`. Raises KeyError, TypeError or ValueError for a broken reply."""
    return Verdict(
        Status(reply["status"]), reply["score"], reply["extracted"], reply["reason"], reply["parts"], seconds
    )
