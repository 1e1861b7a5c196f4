"""What a forked child does: give up every right, then run one program for one test.

Order matters: own session, limits, a uid never used before, and only then the program; no_new_privs and the filter
hold since the supervisor started. The child sees the program and its own inputs; expected values are not in the sandbox at all.
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

from codec import encode, decode, dumps  # noqa: I001 - found beside this file

RESULT, COMMANDS = 3, 4
STACK = 100 << 20
HOME = "/work"


class Gone(BaseException):
    """The other side closed the conversation."""


def confine(job, mapped, prctl):
    """Give up rights and set limits. `mapped` is how much address space the supervisor has already.

    Capabilities that a program could gain, no_new_privs and the filter are inherited from the supervisor.
    """
    os.setsid()
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass
    cpu = int(job["time"] * 4) + 2
    limits = {
        resource.RLIMIT_CPU: cpu,
        resource.RLIMIT_FSIZE: 256 << 20,
        resource.RLIMIT_NPROC: job["processes"],
        resource.RLIMIT_NOFILE: 512,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_AS: mapped + (job["memory"] << 20),
        resource.RLIMIT_MEMLOCK: 64 << 10,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 256,
    }
    for which, value in limits.items():
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))
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


def run(job, program, blob):
    """Run the program for one test. Never returns into the supervisor: ends in os._exit."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    kinds = {"stdio": stdio, "calls": calls, "session": session, "judge": judge}
    code = 1
    try:
        code = kinds[job["kind"]](program, blob)
    except SystemExit as leave:
        code = exit_code(leave)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(finish(code))


def exit_code(leave):
    if leave.code is None:
        return 0
    if type(leave.code) is int:
        return leave.code & 0xFF
    print(leave.code, file=sys.stderr)
    return 1


def finish(code):
    """What an interpreter does at its end: wait for threads, run atexit, flush."""
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
    except BaseException:
        pass
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            code = code or 120
    return code


def streams(stdin):
    """Real descriptors 0, 1, 2 and Python's objects on top of them."""
    if stdin:
        memory = os.memfd_create("stdin")
        with open(memory, "wb", closefd=False) as file:
            file.write(stdin)
        again = os.open("/proc/self/fd/%d" % memory, os.O_RDONLY)
        os.close(memory)
        os.dup2(again, 0)
        os.close(again)
    options = {"encoding": "utf-8", "errors": "surrogateescape", "closefd": False}
    sys.stdin = sys.__stdin__ = open(0, "r", **options)
    sys.stdout = sys.__stdout__ = open(1, "w", **options)
    sys.stderr = sys.__stderr__ = io.TextIOWrapper(
        open(2, "wb", buffering=0, closefd=False), "utf-8", "backslashreplace", write_through=True
    )


def load(program, name):
    """Run the program's text as the module `name`."""
    sys.argv = ["main.py"]
    sys.path.insert(0, HOME)
    module = types.ModuleType(name)
    module.__file__ = HOME + "/main.py"
    module.__builtins__ = builtins
    sys.modules[name] = module
    if name != "__main__":
        sys.modules["__main__"] = module
    exec(compile(program, HOME + "/main.py", "exec", dont_inherit=True), module.__dict__)
    return module.__dict__


def files(table):
    for path, text in table.items():
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        with open(path, "w", encoding="latin-1", newline="") as file:
            file.write(text)


def stdio(program, blob):
    head, _, stdin = blob.partition(b"\n")
    files(json.loads(head))
    streams(stdin)
    load(program, "__main__")
    return 0


def send(data):
    view = memoryview(len(data).to_bytes(4, "big") + data)
    while view:
        view = view[os.write(RESULT, view) :]


def receive():
    def exactly(size):
        parts = bytearray()
        while len(parts) < size:
            part = os.read(COMMANDS, size - len(parts))
            if not part:
                raise Gone
            parts += part
        return bytes(parts)

    return exactly(int.from_bytes(exactly(4), "big"))


class Worker:
    """The candidate's side of calls: plain values go by value, everything else by handle."""

    def __init__(self, space):
        self.space, self.handles = space, {}

    def keep(self, x):
        self.handles[len(self.handles) + 1] = x
        return len(self.handles)

    def target(self, name):
        return self.handles[name] if type(name) is int else self.space[name]

    def apply(self, what, name, args, kwargs):
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

    def answer(self, request):
        """One request -> one answer, as messages."""
        objects = decode(request["nodes"], lambda node: self.handles.get(node[1]))
        origins = {
            id(x): i for i, x in enumerate(objects) if type(request["nodes"][i]) is list and type(x) in (list, dict, set)
        }
        outcomes, values = [], []
        for what, name, args, kwargs in request["calls"]:
            try:
                value = self.apply(what, name, objects[args], objects[kwargs])
            except KeyError if what == "call" and type(name) is str and name not in self.space else ():
                outcomes.append(["missing", name])
                continue
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


def describe(error):
    """An exception's own class name, its nearest built-in class, and its plain arguments. Runs none of its code."""
    kind = error if isinstance(error, type) else type(error)
    known = next((c for c in type.mro(kind) if c.__module__ == "builtins"), BaseException)
    args = []
    if not isinstance(error, type):
        for arg in BaseException.args.__get__(error):
            small = type(arg) in (int, bool) and abs(arg) < 1 << 53
            if small or (type(arg) is str and len(arg) <= 1000):
                args.append(arg)
    return [type.__getattribute__(kind, "__name__")[:100], known.__name__, args[:10]]


def serve(space, request):
    try:
        return dumps(Worker(space).answer(request) if type(space) is dict else space.answer(request))
    except (ValueError, RecursionError, MemoryError, KeyError) as error:
        return dumps({"nodes": [], "roots": [], "out": [["failed", type(error).__name__]]})


def calls(program, blob):
    request = json.loads(blob)
    streams(b"")
    files(request.pop("files", {}))
    space = load(program, "solution")
    send(b"L")
    send(serve(space, request))
    return 0


def session(program, blob):
    streams(b"")
    files(json.loads(blob).get("files", {}))
    worker = Worker(load(program, "solution"))
    send(b"L")
    try:
        while True:
            send(serve(worker, json.loads(receive())))
    except Gone:
        return 0


def judge(program, blob):
    from proxies import hold

    streams(b"")
    send(b"V" + dumps(hold(program, json.loads(blob), lambda request: (send(b"Q" + dumps(request)), receive())[1])))
    return 0
