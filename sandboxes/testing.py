"""The conformance suite: what every provider must guarantee. A third party's provider runs it just as ours do.

    import pytest
    from rlvr.sandboxes import testing

    @pytest.mark.parametrize("check", testing.CHECKS, ids=str)
    def test_my_provider(check):
        testing.run(check, MySandbox)

`testing.run` calls the factory with SandboxSettings. Each attack runs right after an honest program, beside one, and
right before another; all of them must come out unharmed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from rlvr.sandboxes.inside import codec
from rlvr.sandboxes.probes import PROBES, Probe, run_probe
from rlvr.sandboxes.sandbox import Sandbox
from rlvr.sandboxes.settings import SandboxSettings
from rlvr.sandboxes.types import Call, End, ExecResult, Job, Limits, VerdictKind, calls_job, stdin_job

HONEST = "print(sum(map(int, input().split())))"
QUICK = Limits(time_s=4.0, memory_mb=256)


@dataclass(frozen=True)
class Check:
    """One property. `hold(sandbox)` raises AssertionError if it doesn't hold."""

    name: str
    hold: Callable[[Sandbox], Awaitable[None]]

    def __str__(self) -> str:
        return self.name


def run(check: Check, factory: Callable[[SandboxSettings], Sandbox]) -> None:
    """Run one check in a sandbox of its own. Raises AssertionError if the property doesn't hold."""

    async def main() -> None:
        async with factory(SandboxSettings(workers=2)) as sandbox:
            await check.hold(sandbox)

    asyncio.run(main())


async def honest(sandbox: Sandbox) -> None:
    """Run an honest program. Raises AssertionError if it doesn't come out as it should."""
    result = await sandbox.run(HONEST, stdin="1 2 3\n")
    assert (result.end, result.code, result.stdout) == (End.EXIT, 0, b"6\n"), result


@dataclass(frozen=True)
class Attack:
    """A program and how it may end; it must not print BREACH. With a `job` of calls, its function is called."""

    name: str
    program: str
    ends: tuple[End, ...] = (End.EXIT,)
    limits: Limits = QUICK
    job: Job = field(default_factory=lambda: stdin_job("x\n"))

    async def hold(self, sandbox: Sandbox) -> None:
        """Run the attack between honest programs. Raises AssertionError if it gets anything or harms one of them."""
        await honest(sandbox)
        async with asyncio.TaskGroup() as group:
            group.create_task(honest(sandbox))
            attack = group.create_task(sandbox.run_jobs(self.program, [self.job], self.limits))
        result = attack.result()[0]
        assert result.end in self.ends, result
        assert b"BREACH" not in result.stdout, result.stdout
        assert len(result.stdout) <= self.limits.output_bytes + 1
        if self.job.kind == "calls":
            assert not answered(result, 42), result
        for _ in range(sandbox.workers + 1):
            await honest(sandbox)


def answered(result: ExecResult, value: object) -> bool:
    """Whether a run's single call returned exactly this plain value."""
    try:
        answer = codec.loads(result.answer or b"", 1 << 22)
        codec.check(answer["nodes"])
        (kind, index) = answer["out"][0]
        node = answer["nodes"][answer["roots"][index]]
        return bool(kind == "value" and type(node) is type(value) and node == value)
    except (codec.Malformed, KeyError, IndexError, TypeError, ValueError):
        return False


F = calls_job([Call("f", (1,))])
_RAW = "import os, struct\ndef send(data): os.write(3, struct.pack('>I', len(data)) + data)\n"
_FORK = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        "
ANY_END = (End.EXIT, End.TIMEOUT, End.MEMORY, End.OUTPUT, End.ANSWER)

ATTACKS = (
    Attack("memory", "x = bytearray(1 << 30); print('BREACH')"),
    Attack("memory of many", "import os\nfor _ in range(20): os.fork()\nx = bytearray(120 << 20)\nx[::4096] = b'x' * len(x[::4096])\nimport time; time.sleep(9)", ANY_END),
    Attack("fork bomb", "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", (End.TIMEOUT, End.MEMORY), Limits(1.5, 256)),
    Attack("threads", "import threading, time\ntry:\n    for _ in range(5000): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()\n    print('BREACH')\nexcept RuntimeError: pass"),
    Attack("descriptors", "import os\ntry:\n    while True: os.dup(1)\nexcept OSError: pass"),
    Attack("many files", "import os\ntry:\n    for i in range(20000): open(f'/tmp/{i}', 'w').close()\nexcept OSError: pass", ANY_END),
    Attack("full disk", "import os\nfor d in ('/tmp', '/work', '/dev/shm'):\n    try:\n        with open(d + '/fill', 'wb') as f:\n            while True: f.write(bytes(1 << 20))\n    except OSError: pass", ANY_END),
    Attack("sparse file", "import os\ntry: os.truncate(os.open('/tmp/s', os.O_CREAT | os.O_RDWR), 1 << 40); print('BREACH')\nexcept OSError: pass"),
    Attack("links", "import os\nfor n in ('main.py', 'result.json', 'x'): os.symlink('/opt/rlvr/zygote.py', n)\nos.symlink('/', '/tmp/root')\nos.link('/work/x', '/work/y', follow_symlinks=False)"),
    Attack("stdout flood", "import sys\nwhile True: sys.stdout.buffer.write(bytes(1 << 20))", (End.OUTPUT,)),
    Attack("stderr flood", "import os\nwhile True: os.write(2, bytes(1 << 20))", (End.OUTPUT,)),
    Attack("not UTF-8", "import sys; sys.stdout.buffer.write(b'\\xff\\xfe\\x80\\0')"),
    Attack("endless", "while True: pass", (End.TIMEOUT,), Limits(0.5)),
    Attack("asleep, signals ignored", "import signal, time\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\ntime.sleep(60)", (End.TIMEOUT,), Limits(0.5)),
    Attack("signals to all", "import os, signal\nfor s in (15, 19, 9):\n    for p in (1, -1):\n        try: os.kill(p, s)\n        except OSError: pass", ANY_END),
    Attack("daemon", _FORK + "time.sleep(30)\n    os._exit(0)\nprint(1)"),
    Attack("daemon that writes", _FORK + "\n        while True:\n            try: open('/tmp/late', 'a').write('x')\n            except OSError: pass\n    os._exit(0)"),
    Attack("zombies", "import os\nfor _ in range(40):\n    try:\n        if os.fork() == 0: os._exit(0)\n    except OSError: break"),
    Attack("stopped children", "import os, signal\nfor _ in range(10):\n    if os.fork() == 0: os.kill(os.getpid(), signal.SIGSTOP)"),
    Attack("closed streams", "import os\nos.closerange(0, 64)", ANY_END),
    Attack("denied calls without end", "import os, socket, threading\nfor _ in range(3):\n    if os.fork() == 0: break\ndef flood():\n    while True:\n        try: socket.socket()\n        except OSError: pass\nfor _ in range(4): threading.Thread(target=flood).start()", (End.TIMEOUT,), Limits(1.0, 256)),
    Attack("killed by itself", "import os; os.kill(os.getpid(), 9)"),
    Attack("deep directories", "import os\nfor _ in range(10000):\n    os.mkdir('d'); os.chdir('d')\nopen('x', 'w').close()", ANY_END, Limits(10.0, 256)),
    Attack("files that resist", "import os\nfor n in ('a', 'a/b', 'a/b/c'): os.mkdir(n)\nopen('a/b/c/\\n -rf', 'w').close()\nos.mkfifo('fifo', 0)\nfor n in ('a/b/c', 'a/b', 'a'): os.chmod(n, 0)\nos.chmod('/work/fifo', 0)"),
    Attack("core and stack", "import sys\nsys.setrecursionlimit(10**9)\nclass R:\n    def __repr__(self): return repr(self)\nrepr(R())", ANY_END),
    Attack("result pipe closed", "import os\ndef f(x): os.close(3); return 42", (End.EXIT,), job=F),
    Attack("exit in a call", "import os\ndef f(x): os._exit(0)", job=F),
    Attack("exit at load", "raise SystemExit(0)", job=F),
    Attack("huge frame", "import os\ndef f(x): os.write(3, b'\\xff' * 8)", (End.EXIT, End.ANSWER, End.TIMEOUT), Limits(1.0, 256), F),
    Attack("endless answer", "import os\ndef f(x):\n    os.write(3, b'\\x7f\\xff\\xff\\xff')\n    while True: os.write(3, bytes(1 << 20))", (End.OUTPUT,), job=F),
    Attack("deep JSON", _RAW + "def f(x): send(b'[' * 1000000)", (End.ANSWER,), job=F),
    Attack("not JSON", _RAW + "def f(x): send(b'\\xff\\0')", (End.ANSWER,), job=F),
    Attack("long number", _RAW + "def f(x): send(b'{\"nodes\":[' + b'9' * 1000000 + b'],\"roots\":[0],\"out\":[[\"value\",0]]}')", (End.ANSWER,), job=F),
    Attack("NaN", _RAW + "def f(x): send(b'{\"nodes\":[NaN],\"roots\":[0],\"out\":[[\"value\",0]]}')", (End.ANSWER,), job=F),
    Attack("index out of range", _RAW + "def f(x): send(b'{\"nodes\":[[\"l\",[7]]],\"roots\":[-1],\"out\":[[\"value\",0]]}')", (End.ANSWER,), job=F),
    Attack("equals everything", "class E(int):\n    def __eq__(self, o): return True\n    __hash__ = int.__hash__\ndef f(x): return E(7)", (End.ANSWER,), job=F),
    Attack("exception that exits", "import os\nclass E(Exception):\n    def __str__(self): os._exit(0)\n    __repr__ = __str__\ndef f(x): raise E", (End.ANSWER,), job=F),
)  # fmt: skip


async def _streams(sandbox: Sandbox) -> None:
    program = (
        "import atexit, os, sys, threading\natexit.register(print, 'bye')\nprint(sys.stdin.buffer.readline().decode(), end='', file=sys.stderr)\n"
        "print(input(), sys.stdin.isatty())\nthreading.Thread(target=print, args=('ж',)).start()\nexit(3)"
    )
    result = await sandbox.run(program, stdin="one\ntwo\n")
    assert result.code == 3, result
    assert result.stderr == b"one\n"
    assert sorted(result.stdout.decode().split("\n")) == ["", "bye", "two False", "ж"]


async def _files(sandbox: Sandbox) -> None:
    program = (
        "import helper, os; print(helper.x, open('data/a.txt').read(), open('/dev/stdin').read()); open('new', 'w')"
    )
    files: dict[str, str | bytes] = {"helper.py": "x = 1", "data/a.txt": b"abc"}
    for _ in range(2):
        result = await sandbox.run(program, files, "in")
        assert result.stdout == b"1 abc in\n", result
    assert (await sandbox.run("import os; print(os.listdir())")).stdout == b"[]\n"


async def _calls(sandbox: Sandbox) -> None:
    program = "n = 0\ndef f(x):\n    global n\n    n += 1\n    return n + x"
    results = await sandbox.run_jobs(program, [calls_job([Call("f", (41,))]) for _ in range(3)])
    assert all(answered(result, 42) for result in results), results


async def _uids(sandbox: Sandbox) -> None:
    seen = [(await sandbox.run("import os; print(os.getuid())")).stdout for _ in range(4)]
    # With one uid only, a sandbox serves one run.
    assert len(set(seen)) == len(seen) or not getattr(sandbox, "privileged", True), seen


async def _test_runner(sandbox: Sandbox) -> None:
    program = (
        "class E(ValueError): pass\nclass Box:\n    def __init__(self): self.items = []\n"
        "    def put(self, x): self.items.append(x)\n    def take(self):\n        if not self.items: raise E('empty', 3)\n"
        "        return self.items.pop()\n    def __len__(self): return len(self.items)\n"
        "def twice(xs): xs.extend(xs)\ndef count(n):\n    yield from range(n)\ndef same(x): return x\n"
    )
    holds = (
        "b = Box(); b.put((1, 'a')); b.put({2})\nassert len(b) == 2 and b.take() == {2} and b.take() == (1, 'a')\n"
        "try: b.take()\nexcept E as e: assert e.args == ('empty', 3) and isinstance(e, ValueError)\nelse: assert False",
        "a = [1]; b = a; twice(a); assert b == [1, 1] and b is a",
        "assert list(count(3)) == [0, 1, 2]",
        "x = [1]; assert same(x) is x",
        "x = []; x.append(x); assert same(x)[0] is x",
        "t = []\nfor _ in range(3000): t = [t]\nassert same(t) is t",
        "assert same({1: (2.5, None), 'k': {3, 4}}) == {1: (2.5, None), 'k': {3, 4}}",
    )
    for test in holds:
        verdict, _ = await sandbox.run_test(program, test)
        assert verdict.passed, (test, verdict)
    for test in (
        "assert same(1) == 2",
        "nothing_there()",
        "assert Box() == Box()",
        "assert Box()",
        "raise SystemExit(0)",
    ):
        verdict, _ = await sandbox.run_test(program, test)
        assert not verdict.passed, test
    verdict, _ = await sandbox.run_test("def f():\n    while True: yield 1", "for x in f(): pass", Limits(time_s=0.5))
    assert not verdict.passed
    verdict, end = await sandbox.run_test(
        "import os\ndef f(): os._exit(0)", "for _ in range(3):\n    try: f()\n    except Exception: pass"
    )
    assert (verdict.kind, end.end) == (VerdictKind.CANDIDATE_GONE, End.EXIT), verdict
    forger = f'{_RAW}def f(): send(b\'{{"nodes":[],"roots":[],"out":[["raised","\' + b\'E\' * 100000 + b\'","Exception",[]]]}}\')\n'
    verdict, _ = await sandbox.run_test(forger, "f()")
    assert (verdict.kind, len(verdict.error)) == (VerdictKind.RAISED, 100), verdict
    liar = "class L:\n    def __getattr__(self, n): return lambda *a: True\n    __eq__ = __lt__ = __contains__ = lambda *a: True\n    __bool__ = lambda s: True\ndef f(x): return L()\n"
    for test in (
        "assert f(1)",
        "assert f(1) == 3",
        "assert f(1) < 3",
        "assert 3 in f(1)",
        "assert f(1).startswith('a')",
        "assert f(1) != 4",
    ):
        verdict, _ = await sandbox.run_test(liar, test)
        assert not verdict.passed, test


async def _cancelled(sandbox: Sandbox) -> None:
    for _ in range(3):
        task = asyncio.ensure_future(sandbox.run("while True: pass", limits=Limits(time_s=60)))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await honest(sandbox)


async def _loop_beside(sandbox: Sandbox) -> None:
    """A program that never ends holds one slot, and nothing else waits for it."""
    slow = asyncio.ensure_future(sandbox.run("while True: pass", limits=Limits(time_s=3.0)))
    await asyncio.gather(*(honest(sandbox) for _ in range(30)))
    assert not slow.done()
    assert (await slow).end is End.TIMEOUT


async def _names(sandbox: Sandbox) -> None:
    """A program's own modules may have the names of the supervisor's."""
    names = ("child", "cleanup", "codec", "control", "memory", "proxies", "seccomp", "watch", "zygote")
    files: dict[str, str | bytes] = {f"{name}.py": "x = 1" for name in names}
    result = await sandbox.run(f"import {', '.join(names)}; print(sum(m.x for m in ({', '.join(names)})))", files)
    assert result.stdout == b"9\n", result


async def _large_program(sandbox: Sandbox) -> None:
    result = await sandbox.run("x = '" + "a" * (10 << 20) + "'\nprint(len(x))")
    assert result.stdout == b"10485760\n", result.end


def _probe(probe: Probe) -> Check:
    async def hold(sandbox: Sandbox) -> None:
        await honest(sandbox)
        async with asyncio.TaskGroup() as group:
            group.create_task(honest(sandbox))
            finding = group.create_task(run_probe(sandbox, probe))
        assert finding.result().held, finding.result().detail
        await honest(sandbox)

    return Check(f"probe: {probe.name}", hold)


CHECKS: tuple[Check, ...] = (
    Check("streams are real", _streams),
    Check("files come and go", _files),
    Check("no state crosses tests", _calls),
    Check("a uid for every run", _uids),
    Check("tests against proxies", _test_runner),
    Check("cancellation", _cancelled),
    Check("a loop beside others", _loop_beside),
    Check("names of modules", _names),
    Check("ten megabytes of program", _large_program),
    *(_probe(probe) for probe in PROBES),
    *(Check(f"attack: {attack.name}", attack.hold) for attack in ATTACKS),
)
