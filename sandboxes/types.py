"""What goes into a sandbox and what comes out: plain records. Nothing in them relies on what a program says of itself."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from rlvr.sandboxes.inside import codec

MIB = 1 << 20
VERDICT_BYTES = 1 << 16
DETAIL = 200  # characters


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use in one run. `time_s` is wall time; `memory_mb` is on top of an idle interpreter's.

    `after_timeout_s` is the time for each job after one that ran out of time: counted from when the program is loaded,
    never more than `time_s`, and longer for a program whose other jobs took long. 0 means that nothing changes.
    """

    time_s: float = 3.0
    memory_mb: int = 1024
    output_bytes: int = 8 * MIB  # of each stream
    processes: int = 64  # and threads
    after_timeout_s: float = 0.0


class End(StrEnum):
    """How a run ended, as the supervisor saw it from outside."""

    EXIT = "exit"  # by itself, or by a signal: see code
    ANSWER = "answer"  # it answered the calls
    TIMEOUT = "timeout"
    MEMORY = "memory"  # a counter outside the program rose
    OUTPUT = "output"  # over the output limit
    STOPPED = "stopped"  # by the host


@dataclass(frozen=True, slots=True)
class ExecResult:
    """One run. `code` is the exit code, negative for a signal, and None if the supervisor killed the process.

    `answer` is what the program sent in answer to its calls: hostile bytes. `loaded` is false if the program's text didn't run
    to its end. `seconds` is wall time. `leftovers` counts processes that were still there afterwards, `denied` the
    system calls that the filter refused, if the kernel reports them.
    """

    end: End
    code: int | None = None
    stdout: bytes = b""
    stderr: bytes = b""
    seconds: float = 0.0
    answer: bytes | None = None
    loaded: bool = False
    leftovers: int = 0
    denied: int = 0

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with exit code 0, which is evidence of nothing else."""
        return self.end is End.EXIT and self.code == 0


class VerdictKind(StrEnum):
    """How the run of a test against a program's proxies ended."""

    PASSED = "passed"  # the test ran to its end
    RAISED = "raised"  # the test raised an exception
    UNSUPPORTED = "unsupported"  # the test passes something that can't cross the boundary
    CANDIDATE_GONE = "candidate_gone"  # the program ended while the test used it
    NOT_LOADED = "not_loaded"  # the program's text didn't run to its end
    TIMEOUT = "timeout"  # the test itself didn't end
    BROKEN = "broken"  # the test runner ended, or what it sent is no verdict


_FROM_TEST_RUNNER = (VerdictKind.PASSED, VerdictKind.RAISED, VerdictKind.UNSUPPORTED, VerdictKind.CANDIDATE_GONE)


@dataclass(frozen=True, slots=True)
class TestRunnerVerdict:
    """What the test runner says of a program. `error` names the exception if it is RAISED; `detail` is for people."""

    __test__ = False  # for pytest: not a class of tests

    kind: VerdictKind
    detail: str = ""
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether the test ran to its end."""
        return self.kind is VerdictKind.PASSED

    @classmethod
    def from_message(cls, message: bytes) -> "TestRunnerVerdict":
        """The verdict in a test runner's message. Anything but a valid verdict is BROKEN."""
        try:
            fields = codec.loads(message, VERDICT_BYTES)
            kind = VerdictKind(fields["kind"])
            detail, error = fields.get("detail", ""), fields.get("error", "")
        except (ValueError, KeyError, TypeError, AttributeError):
            kind, detail, error = VerdictKind.BROKEN, "", ""
        if kind not in _FROM_TEST_RUNNER or type(detail) is not str or type(error) is not str:
            return cls(VerdictKind.BROKEN, "it sent no verdict")
        return cls(kind, _printable(detail), _printable(error))


def _printable(text: str) -> str:
    return text[:DETAIL].encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class Job:
    """One test for a program, as the supervisor takes it: a fresh child runs the program and then this."""

    kind: Literal["stdio", "calls", "session", "test_runner"]
    blob: bytes
    answer_bytes: int = 16 * MIB


def _as_text(files: Mapping[str, str | bytes] | None) -> dict[str, str]:
    table = {}
    for path, content in (files or {}).items():
        if path.startswith("/") or ".." in path.split("/") or "\0" in path or not path:
            raise ValueError(f"files: {path!r} must be a path inside the working folder")
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else bytes(content)
        table[path] = data.decode("latin-1")
    return table


def stdin_job(stdin: str | bytes = b"", files: Mapping[str, str | bytes] | None = None) -> Job:
    """Run the program as a script with this standard input, beside these files (path -> content).

    Raises ValueError for a path outside the working folder.
    """
    data = stdin.encode("utf-8", "surrogateescape") if isinstance(stdin, str) else stdin
    return Job("stdio", json.dumps(_as_text(files)).encode() + b"\n" + data)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one of the program's functions with plain arguments."""

    function: str
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


def calls_job(calls: Sequence[Call], answer_bytes: int = 4 * MIB) -> Job:
    """Load the program, then make these calls one after another in one child.

    `answer_bytes` is the longest answer to all of them. Raises codec.Malformed for an argument that is not plain.
    """
    values: list[Any] = []
    for call in calls:
        values += [tuple(call.args), dict(call.kwargs)]
    nodes, roots = codec.encode(values)
    requests = [["call", call.function, roots[2 * i], roots[2 * i + 1]] for i, call in enumerate(calls)]
    return Job("calls", json.dumps({"nodes": nodes, "calls": requests}).encode(), answer_bytes)


def session_job() -> Job:
    """Load the program, then answer requests until the conversation ends."""
    return Job("session", b"{}")


def run_test_job(names: Sequence[str] = (), values: Mapping[str, str] | None = None) -> Job:
    """Run a test's code, in place of a program, against proxies.

    `names` are taken from the candidate first; `values` are texts that the test may use.
    """
    return Job("test_runner", json.dumps({"names": list(names), "values": dict(values or {})}).encode())
