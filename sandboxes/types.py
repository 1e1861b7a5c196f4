"""What goes into a sandbox and what comes out: plain records. Nothing in them was computed by trusting the program."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rlvr.sandboxes.inside import codec

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use in one run. `time_s` is wall time; memory is over what an idle interpreter has.

    `again_s` is for each job after one that ran out of time: from when the program is loaded, never over `time_s`, and
    more for a program whose other jobs took long. 0: no difference is made.
    """

    time_s: float = 3.0
    memory_mb: int = 1024
    output_bytes: int = 8 * MIB  # of each stream
    processes: int = 64  # and threads
    again_s: float = 0.0


class End(StrEnum):
    """How a run ended, as the supervisor saw it from outside."""

    EXIT = "exit"  # by itself, or by a signal: see code
    ANSWER = "answer"  # it answered the calls
    TIMEOUT = "timeout"
    MEMORY = "memory"  # a counter outside the program rose
    OUTPUT = "output"  # over the output limit
    STOPPED = "stopped"  # by us


@dataclass(frozen=True, slots=True)
class ExecResult:
    """One run. `code` is negative for a signal and None where the process was killed by us.

    `answer` is what the program sent for its calls: hostile bytes. `loaded` is false where the program's text did
    not run to its end. `left` counts processes that were still there afterwards, `denied` the system calls that the
    filter refused, where the kernel tells them.
    """

    end: End
    code: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    seconds: float = 0.0
    answer: bytes | None = None
    loaded: bool = False
    left: int = 0
    denied: int = 0

    @property
    def ok(self) -> bool:
        """It ended by itself with exit code 0: evidence of nothing but that."""
        return self.end is End.EXIT and self.code == 0


@dataclass(frozen=True, slots=True)
class Job:
    """One test for a program, as the supervisor takes it: a fresh child runs the program and then this."""

    kind: str  # stdio, calls, session or judge
    blob: bytes
    answer_bytes: int = 16 * MIB


def _text(files: Mapping[str, str | bytes] | None) -> dict[str, str]:
    table = {}
    for path, content in (files or {}).items():
        if path.startswith("/") or ".." in path.split("/") or "\0" in path or not path:
            raise ValueError(f"files: {path!r} must be a path inside the working folder")
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else bytes(content)
        table[path] = data.decode("latin-1")
    return table


def stdin_job(stdin: str | bytes = b"", files: Mapping[str, str | bytes] | None = None) -> Job:
    """Run the program as a script with this standard input."""
    data = stdin.encode("utf-8", "surrogateescape") if isinstance(stdin, str) else stdin
    return Job("stdio", json.dumps(_text(files)).encode() + b"\n" + data)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one of the program's functions with plain arguments."""

    function: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


def calls_job(calls: Sequence[Call], answer_bytes: int = 4 * MIB) -> Job:
    """Load the program, then make these calls, one after another in one child."""
    values: list[Any] = []
    for call in calls:
        values += [tuple(call.args), dict(call.kwargs)]
    nodes, roots = codec.encode(values)
    what = [["call", call.function, roots[2 * i], roots[2 * i + 1]] for i, call in enumerate(calls)]
    return Job("calls", json.dumps({"nodes": nodes, "calls": what}).encode(), answer_bytes)


def session_job() -> Job:
    """Load the program, then answer requests until the conversation ends."""
    return Job("session", b"{}")


def judge_job(names: Sequence[str] = (), values: Mapping[str, str] | None = None) -> Job:
    """Run a test's code against proxies. `names` are taken from the candidate first; `values` are texts it may use."""
    return Job("judge", json.dumps({"names": list(names), "values": dict(values or {})}).encode())
