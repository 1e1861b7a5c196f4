"""Frames and verdicts between the engine and its workers, whatever a hostile worker sends."""

import json
import math
import socket
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlvr.verifiers import Status, Verdict
from rlvr.verifiers.engine.messages import (
    MAX_FRAME,
    MAX_TEXT,
    FrameError,
    describe,
    receive,
    send,
    to_verdict,
    verdict_from_json,
    verdict_to_json,
)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(5)
        yield ours, theirs


@pytest.mark.parametrize("payload", [b"", b"x", bytes(range(256)) * 100])
def test_a_frame_arrives_whole(pair: tuple[socket.socket, socket.socket], payload: bytes) -> None:
    ours, theirs = pair
    send(theirs, payload)
    send(theirs, b"next")
    assert (receive(ours), receive(ours)) == (payload, b"next")


class Trickle:
    """Hands out one byte at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def recv(self, size: int, /) -> bytes:
        first, self._data = self._data[:1], self._data[1:]
        return first


def test_a_frame_may_come_byte_by_byte() -> None:
    assert receive(Trickle(b"\x03\x00\x00\x00abc")) == b"abc"


@pytest.mark.parametrize("data", [b"", b"\x03", b"\x03\x00\x00\x00ab"])
def test_a_frame_that_is_cut_off_is_an_error(data: bytes) -> None:
    with pytest.raises(FrameError, match="closed"):
        receive(Trickle(data))


def test_a_frame_that_is_too_large_is_not_read() -> None:
    with pytest.raises(FrameError, match=f"a frame of {MAX_FRAME + 1} bytes"):
        receive(Trickle((MAX_FRAME + 1).to_bytes(4, "little")))


texts = st.text(max_size=20)
parts = st.dictionaries(texts, st.none() | st.booleans() | st.integers() | texts | st.lists(texts), max_size=4)


@given(st.sampled_from(Status), st.floats(0, 1), st.none() | texts, texts, parts, st.floats(0, 9))
def test_verdicts_go_there_and_back(
    status: Status, score: float, extracted: str | None, reason: str, parts: dict[str, object], seconds: float
) -> None:
    verdict = Verdict(status, score, extracted, reason, parts, seconds)
    assert verdict_from_json(json.loads(json.dumps(verdict_to_json(verdict))), seconds) == verdict


def test_long_texts_are_cut() -> None:
    cut = verdict_to_json(Verdict.of(True, "x" * 2 * MAX_TEXT, "y" * 2 * MAX_TEXT))
    assert (len(cut["extracted"]), len(cut["reason"])) == (MAX_TEXT, MAX_TEXT)


@pytest.mark.parametrize("value", [object(), math.nan, {1: {2}}, "x" * (MAX_FRAME // 4)])
def test_parts_that_are_no_json_values_are_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        verdict_to_json(Verdict.of(True, part=value))


@pytest.mark.parametrize("change", [{"status": "right"}, {"score": 2}, {"score": "1"}, {"status": None}])
def test_a_broken_reply_is_refused(change: dict[str, object]) -> None:
    reply = verdict_to_json(Verdict.of(True))
    with pytest.raises((KeyError, TypeError, ValueError)):
        verdict_from_json({**reply, **change}, 0.0)
    del reply["parts"]
    with pytest.raises(KeyError):
        verdict_from_json(reply, 0.0)


class Boolean:
    """As numpy's bool_: no bool, but it has a truth value."""

    def __bool__(self) -> bool:
        return True


Boolean.__name__ = "bool_"


@pytest.mark.parametrize(
    ("returned", "status", "score"),
    [
        (Verdict.scored(0.25), "incorrect", 0.25),
        (True, "correct", 1.0),
        (False, "incorrect", 0.0),
        (Boolean(), "correct", 1.0),
        (0.5, "incorrect", 0.5),
        (1, "correct", 1.0),
        (Fraction(1, 4), "incorrect", 0.25),
        (None, "error", 0.0),
        ("1", "error", 0.0),
        (b"1", "error", 0.0),
        (-0.1, "error", 0.0),
        (math.inf, "error", 0.0),
        (1j, "error", 0.0),
    ],
)
def test_what_a_return_value_means(returned: object, status: str, score: float) -> None:
    verdict = to_verdict(returned)
    assert (verdict.status, verdict.score) == (status, score)
    assert status != "error" or "expected a" in verdict.reason


def test_an_unknown_status_is_an_error() -> None:
    assert to_verdict(Verdict("right")).reason == "the verifier returned the unknown status 'right'"  # type: ignore[arg-type]


def test_an_exception_is_one_line() -> None:
    assert describe(ValueError("two\n  lines")) == "ValueError: two lines"
    assert describe(ValueError()) == "ValueError"
    assert len(describe(ValueError("x" * 10_000))) < 600
