"""What a forked child does: give up every right, then run one program for one test.

The order matters: a process group of its own, limits, a uid never used before, and only then the program. no_new_privs
and the filter have been in force since the supervisor started. The child sees the program and its own inputs; expected
values are not in the sandbox at all.
"""

import atexit
import builtins
import io
import json
import os
import resource
import signal
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

from codec import decode, dumps, encode
from proxies import run_test

RESULT, COMMANDS = 3, 4
STACK = 100 << 20
HOME = "/work"


class ConversationClosed(BaseException):
    """The other side closed the conversation."""


def confine(job: dict[str, Any], mapped: int, prctl: Callable[[int, int], int]) -> None:
    """Give up rights and set limits. `mapped` is the address space in bytes that the supervisor has mapped already.

    The bound on capabilities, no_new_privs and the filter are inherited from the supervisor. Raises OSError if a right
    can't be given up.
    """
    os.setpgid(0, 0)  # a new session would cost a scheduling group; neither could signal the supervisor
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(fd, b"1000")
        os.close(fd)
    except OSError:
        pass
    cpu = int(job["time_s"] * 4) + 2
    hard_limits = {
        resource.RLIMIT_CPU: cpu,
        resource.RLIMIT_FSIZE: 256 << 20,
        resource.RLIMIT_NPROC: job["processes"],
        resource.RLIMIT_NOFILE: 512,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: mapped + (job["memory_mb"] << 20),
        resource.RLIMIT_MEMLOCK: 64 << 10,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 256,
    }
    for which, value in hard_limits.items():
        hard = resource.getrlimit(which)[1]
        both = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (both, both))
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    stack = STACK if hard == resource.RLIM_INFINITY else min(STACK, hard)
    resource.setrlimit(resource.RLIMIT_STACK, (stack, stack))
    if job["uid"] is not None:
        os.setgroups([])
        os.setresgid(job["uid"], job["uid"], job["uid"])
        os.setresuid(job["uid"], job["uid"], job["uid"])
    prctl(4, 1)  # dumpable again: /dev/stdin and /proc/self are the program's own
    os.umask(0o022)
    os.chdir(HOME)


def run(job: dict[str, Any], program: bytes, blob: bytes) -> None:
    """Run the program for one test. Never returns into the supervisor: it ends in os._exit."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    kinds = {"stdio": stdio, "calls": calls, "session": session, "test_runner": test_runner}
    code = 1
    try:
        code = kinds[job["kind"]](program, blob)
    except SystemExit as error:
        code = exit_code(error)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(finish(code))


def exit_code(error: SystemExit) -> int:
    """The exit code that an interpreter gives a SystemExit; prints its message if it has one."""
    if error.code is None:
        return 0
    if type(error.code) is int:
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1


def finish(code: int) -> int:
    """Do what an interpreter does at its end: wait for threads, run atexit, flush. Returns the exit code."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except BaseException:
        pass
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            code = code or 120
    return code


def streams() -> None:
    """Make Python's objects on top of descriptors 0, 1 and 2. The supervisor does it once for all of its children."""
    options: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "closefd": False}
    sys.stdin = open(0, **options)
    sys.stdout = open(1, "w", **options)
    sys.stderr = io.TextIOWrapper(
        open(2, "wb", buffering=0, closefd=False), "utf-8", "backslashreplace", write_through=True
    )
    sys.__dict__.update(__stdin__=sys.stdin, __stdout__=sys.stdout, __stderr__=sys.stderr)


def feed(stdin: bytes) -> None:
    """Put a program's standard input on descriptor 0: a file, so that it can be opened again and read from its start."""
    memory = os.memfd_create("stdin")
    with open(memory, "wb", closefd=False) as file:
        file.write(stdin)
    again = os.open(f"/proc/self/fd/{memory}", os.O_RDONLY)
    os.close(memory)
    os.dup2(again, 0)
    os.close(again)


def load(program: bytes, name: str) -> dict[str, Any]:
    """Run the program's text as the module `name` and return its namespace. Raises what the program raises."""
    sys.argv = ["main.py"]
    sys.path.insert(0, HOME)
    module = types.ModuleType(name)
    module.__file__ = HOME + "/main.py"
    module.__dict__["__builtins__"] = builtins
    sys.modules[name] = module
    if name != "__main__":
        sys.modules["__main__"] = module
    exec(compile(program, HOME + "/main.py", "exec", dont_inherit=True), module.__dict__)
    return module.__dict__


def files(table: dict[str, str]) -> None:
    """Write files into the working folder: path -> content, one character for each byte. Raises OSError."""
    for path, text in table.items():
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        with open(path, "w", encoding="latin-1", newline="") as file:
            file.write(text)


def stdio(program: bytes, blob: bytes) -> int:
    """Run the program as a script. The blob is a line of JSON (files), then standard input. Returns its exit code."""
    head, _, stdin = blob.partition(b"\n")
    files(json.loads(head))
    if stdin:
        feed(stdin)
    load(program, "__main__")
    return 0


def send(data: bytes) -> None:
    """Write one frame to the supervisor: its length in 4 bytes, then the data."""
    view = memoryview(len(data).to_bytes(4, "big") + data)
    while view:
        view = view[os.write(RESULT, view) :]


def receive() -> bytes:
    """The next frame from the host. Raises ConversationClosed once it has hung up."""

    def exactly(size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = os.read(COMMANDS, size - len(parts))
            if not part:
                raise ConversationClosed
            parts += part
        return bytes(parts)

    return exactly(int.from_bytes(exactly(4), "big"))


class Candidate:
    """The loaded program as the other side calls it: plain values go by value, everything else by handle."""

    def __init__(self, namespace: Any) -> None:
        self.namespace = namespace
        self.handles: dict[int, Any] = {}

    def keep(self, x: Any) -> int:
        """Remember a value and return its new handle."""
        self.handles[len(self.handles) + 1] = x
        return len(self.handles)

    def target(self, name: int | str) -> Any:
        """The value of a handle or of a global name. Raises KeyError."""
        return self.handles[name] if type(name) is int else self.namespace[name]

    def apply(self, what: str, name: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Do one operation and return its value. Raises what the program raises, ValueError for an unknown operation."""
        if what == "call":
            return self.target(name)(*args, **kwargs)
        if what == "name":
            return self.target(name)
        if what == "attr":
            return getattr(self.target(name), args[0])
        if what == "set":
            return setattr(self.target(name), *args)
        if what == "method":
            return getattr(self.target(name), args[0])(*args[1:], **kwargs)
        if what == "item":
            return self.target(name)[args[0]]
        if what == "setitem":
            self.target(name)[args[0]] = args[1]
            return None
        if what == "len":
            return len(self.target(name))
        if what == "iter":
            return self.keep(iter(self.target(name)))
        if what == "next":
            return next(self.target(name))
        raise ValueError(what)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request, which may hold several calls. Raises Malformed or KeyError for an invalid one."""
        objects = decode(request["nodes"], lambda node: self.handles.get(node[1]))
        origins = {
            id(x): i
            for i, x in enumerate(objects)
            if type(request["nodes"][i]) is list and type(x) in (list, dict, set)
        }
        outcomes: list[list[Any]] = []
        values: list[Any] = []
        for what, name, args, kwargs in request["calls"]:
            if type(name) is str and name not in self.namespace:
                outcomes.append(["missing", name])
                continue
            try:
                value = self.apply(what, name, objects[args], objects[kwargs])
            except BaseException as error:
                outcomes.append(["raised", *describe(error)])
                continue
            kind = "class" if isinstance(value, type) else "value"
            if isinstance(value, type) and issubclass(value, BaseException):
                kind = "exception"
                outcomes.append([kind, *describe(value)])
                continue
            outcomes.append([kind, len(values)])
            values.append(value)
        changed = [x for x in objects if id(x) in origins] if request.get("changes") else []
        nodes, roots = encode([*values, *changed], self.keep, origins)
        return {"nodes": nodes, "roots": roots[: len(values)], "out": outcomes}


def describe(error: Any) -> list[Any]:
    """An exception's class name, its nearest built-in class, and its plain arguments. Runs none of its code."""
    kind = error if isinstance(error, type) else type(error)
    builtin = next((c for c in type.mro(kind) if c.__module__ == "builtins"), BaseException)
    args = []
    if not isinstance(error, type):
        for arg in BaseException.args.__get__(error):  # type: ignore[attr-defined]
            small = type(arg) in (int, bool) and abs(arg) < 1 << 53
            if small or (type(arg) is str and len(arg) <= 1000):
                args.append(arg)
    return [type.__getattribute__(kind, "__name__")[:100], builtin.__name__, args[:10]]


def serve(candidate: Candidate, request: dict[str, Any]) -> bytes:
    """The answer to one request as bytes; `failed` if the request can't be answered."""
    try:
        answer = candidate.answer(request)
    except (ValueError, RecursionError, MemoryError, KeyError) as error:
        answer = {"nodes": [], "roots": [], "out": [["failed", type(error).__name__]]}
    return bytes(dumps(answer))


def calls(program: bytes, blob: bytes) -> int:
    """Load the program and answer the one request in the blob. Returns the exit code."""
    request = json.loads(blob)
    files(request.pop("files", {}))
    candidate = Candidate(load(program, "solution"))
    send(b"L")
    send(serve(candidate, request))
    return 0


def session(program: bytes, blob: bytes) -> int:
    """Load the program and answer requests until the conversation ends. Returns the exit code."""
    files(json.loads(blob).get("files", {}))
    candidate = Candidate(load(program, "solution"))
    send(b"L")
    try:
        while True:
            send(serve(candidate, json.loads(receive())))
    except ConversationClosed:
        return 0


def test_runner(test: bytes, blob: bytes) -> int:
    """Run a test against proxies of the candidate's functions, and send the verdict. Returns the exit code."""

    def ask(request: dict[str, Any]) -> bytes:
        send(b"Q" + dumps(request))
        return receive()

    send(b"V" + dumps(run_test(test, json.loads(blob), ask)))
    return 0
