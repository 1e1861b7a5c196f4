"""The engine: whatever a verifier does costs its own verdict and nothing else."""

import asyncio
import importlib
import importlib.util
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cloudpickle
import pytest

from rlvr.verifiers import Completion, Example, Status, Verdict, Verifier, verifier
from rlvr.verifiers.engine.engine import Engine, verify

spec = importlib.util.spec_from_file_location("rlvr_hostile", Path(__file__).with_name("hostile.py"))
hostile = importlib.util.module_from_spec(spec)
sys.modules["rlvr_hostile"] = hostile
spec.loader.exec_module(hostile)
cloudpickle.register_pickle_by_value(hostile)

EXAMPLE = Example("1", "?", "42")
RIGHT, WRONG = Completion("42"), Completion("41")


@pytest.fixture(scope="module")
def engine():
    with Engine(workers=2) as engine:
        yield engine


HOSTILE = [
    (hostile.regex, Status.TIMEOUT, "no verdict within 0.3 s"),
    (hostile.power, Status.TIMEOUT, "no verdict within 0.3 s"),
    (hostile.stubborn, Status.TIMEOUT, "no verdict within 0.3 s"),
    (hostile.memory, Status.ERROR, "memory limit"),
    (hostile.leave, Status.ERROR, "left with exit code 0"),
    (hostile.exit_, Status.ERROR, "tried to leave: SystemExit"),
    (hostile.segfault, Status.ERROR, "died of SIGSEGV"),
    (hostile.fork, Status.CORRECT, ""),
    (hostile.daemon, Status.CORRECT, ""),
    (hostile.raises, Status.ERROR, "KeyError: 'no such key'"),
    (hostile.garbage, Status.ERROR, "returned str"),
    (hostile.nan, Status.ERROR, "expected a number in [0, 1]"),
    (hostile.above_one, Status.ERROR, "expected a number in [0, 1]"),
    (hostile.nothing, Status.ERROR, "returned NoneType"),
    (hostile.prints, Status.CORRECT, ""),
    (hostile.parts, Status.ERROR, "no JSON values"),
    (hostile.recursion, Status.ERROR, "RecursionError"),
]


@pytest.mark.parametrize(("bad", "status", "reason"), HOSTILE, ids=lambda value: getattr(value, "name", None))
def test_a_bad_verifier_costs_its_own_verdict(engine: Engine, bad: Verifier, status: Status, reason: str) -> None:
    verdict = engine.verify(bad, EXAMPLE, RIGHT)
    assert verdict.status is status, verdict
    assert reason in verdict.reason
    assert engine.verify(hostile.honest, EXAMPLE, RIGHT).status is Status.CORRECT


def test_a_thousand_honest_verdicts_around_every_bad_one_are_unharmed(engine: Engine) -> None:
    examples = [Example(str(i), "?", str(i)) for i in range(1000)]
    futures, bad = [], []
    for i, example in enumerate(examples):
        futures.append(engine.submit(hostile.honest, example, Completion(str(i - i % 2))))
        if i % 50 == 25:
            bad.append(engine.submit(HOSTILE[i // 50 % len(HOSTILE)][0], EXAMPLE, RIGHT))
    statuses = [future.result().status for future in futures]
    assert statuses == [Status.CORRECT if i % 2 == 0 else Status.INCORRECT for i in range(1000)]
    assert [b.result().status for b in bad] == [HOSTILE[i % len(HOSTILE)][1] for i in range(len(bad))]


def test_nothing_that_a_verifier_started_survives(engine: Engine) -> None:
    engine.verify(hostile.daemon, EXAMPLE, RIGHT)
    engine.verify(hostile.leave, EXAMPLE, RIGHT)
    running = subprocess.run(["pgrep", "-f", "sleep 300.125"], capture_output=True, text=True, check=False)
    assert running.stdout == ""


def test_workers_end_with_the_engine() -> None:
    engine = Engine(workers=1)
    engine.verify(hostile.honest, EXAMPLE, RIGHT)
    process = engine._fork_server._process
    engine.close()
    assert process.poll() is not None
    assert engine.verify(hostile.honest, EXAMPLE, RIGHT).status is Status.CORRECT  # starts anew
    engine.close()


def test_a_killed_fork_server_costs_errors_and_then_the_engine_goes_on() -> None:
    with Engine(workers=1) as engine:
        engine.verify(hostile.honest, EXAMPLE, RIGHT)
        engine._fork_server._process.kill()
        engine._fork_server._process.wait()
        first = engine.verify(hostile.honest, EXAMPLE, RIGHT).status
        assert first in (Status.ERROR, Status.CORRECT)
        assert engine.verify(hostile.honest, EXAMPLE, RIGHT).status is Status.CORRECT


def test_workers_die_with_a_killed_parent(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from rlvr.verifiers import Completion, Example\nfrom rlvr.verifiers.engine.engine import Engine\n"
        "from rlvr.verifiers.verifier import verifier\n"
        "@verifier('pid')\ndef pid(example, completion):\n"
        "    open(example.gold, 'w').write(str(os.getpid()))\n    return True\n"
        "engine = Engine(workers=1)\n"
        f"assert engine.verify(pid, Example('1', '', {str(tmp_path / 'pid')!r}), Completion('')).score == 1\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    worker = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if not Path(f"/proc/{worker}").exists():
            break
        threading.Event().wait(0.05)
    assert not Path(f"/proc/{worker}").exists()


def test_works_from_any_thread(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: engine.verify(hostile.honest, EXAMPLE, RIGHT).status, range(50)))
    assert statuses == [Status.CORRECT] * 50


def test_works_from_asyncio_while_the_loop_goes_on(engine: Engine) -> None:
    async def main() -> tuple[list[Verdict], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticker = asyncio.create_task(tick())
        verdicts = await engine.averify_batch(hostile.honest, [(EXAMPLE, RIGHT), (EXAMPLE, WRONG)])
        verdicts.append(await engine.averify(hostile.power, EXAMPLE, RIGHT))
        ticker.cancel()
        return verdicts, ticks

    verdicts, ticks = asyncio.run(main())
    assert [v.status for v in verdicts] == [Status.CORRECT, Status.INCORRECT, Status.TIMEOUT]
    assert ticks >= 5


def test_works_in_a_forked_child(engine: Engine) -> None:
    engine.verify(hostile.honest, EXAMPLE, RIGHT)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if engine.verify(hostile.honest, EXAMPLE, RIGHT).status is Status.CORRECT else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert engine.verify(hostile.honest, EXAMPLE, RIGHT).status is Status.CORRECT


def test_identical_work_is_done_once(engine: Engine, tmp_path: Path) -> None:
    log = tmp_path / "calls"

    @verifier("counts")
    def counts(example, completion):
        with open(log, "a") as file:
            file.write(completion.text + "\n")
        return True

    equal = Example("1", "?", "42")
    pairs = [(EXAMPLE, RIGHT), (equal, RIGHT), (EXAMPLE, WRONG), (EXAMPLE, Completion("42"))] * 10
    other_gold = (Example("1", "?", "43"), RIGHT)
    verdicts = engine.verify_batch(counts, [*pairs, other_gold])
    assert len(verdicts) == 41
    assert sorted(log.read_text().split()) == ["41", "42", "42"]


def test_bounded_verifiers_and_shortcuts_run_in_the_callers_thread(engine: Engine) -> None:
    def here(example, completion, *, want: str = ""):
        return Verdict.of(True, str(threading.get_ident())) if completion.text == "easy" else None

    def slow(example, completion, *, want: str = ""):
        return Verdict.of(True, "worker")

    fast = Verifier("fast", here, bounded=True)
    mixed = Verifier("mixed", slow, shortcut=here).with_options(want="x")
    me = str(threading.get_ident())
    assert engine.verify(fast, EXAMPLE, Completion("easy")).extracted == me
    assert engine.verify(fast, EXAMPLE, Completion("hard")).status is Status.ERROR  # returned None
    assert engine.verify(mixed, EXAMPLE, Completion("easy")).extracted == me
    assert engine.verify(mixed, EXAMPLE, Completion("hard")).extracted == "worker"


def test_asynchronous_verifiers_overlap_and_have_a_deadline(engine: Engine) -> None:
    pairs = [(Example(str(i), "?", "42"), RIGHT) for i in range(100)]
    assert {v.status for v in engine.verify_batch(hostile.coroutine, pairs)} == {Status.CORRECT}
    late = engine.verify(hostile.coroutine, EXAMPLE, Completion("hang"))
    assert (late.status, late.reason) == (Status.ERROR, "no verdict within 0.2 s")


def test_a_verifier_that_blocks_the_event_loop_loses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlvr.verifiers.engine.async_runner.BLOCKED_SECONDS", 1.0)
    release = threading.Event()

    async def blocks(example, completion):
        release.wait(60)
        return True

    with Engine() as engine:
        assert "blocked the event loop" in engine.verify(Verifier("blocks", blocks), EXAMPLE, RIGHT).reason
        assert engine.verify(hostile.coroutine, EXAMPLE, RIGHT).status is Status.CORRECT
        release.set()


def test_seconds_are_filled_in(engine: Engine) -> None:
    assert engine.verify(hostile.stubborn, EXAMPLE, RIGHT).seconds >= 0.3
    assert engine.verify(hostile.honest, EXAMPLE, RIGHT).seconds > 0


def test_one_call_for_two_strings() -> None:
    assert verify("exact", " 42\n", gold="42").status is Status.CORRECT


# ---- preload


def test_each_verifier_of_a_module_has_a_preload_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rlvr_two_preloads.py").write_text(
        "from rlvr.verifiers import Verdict, verifier\n"
        "called = []\n"
        "@verifier('one', preload=lambda: called.append('one'))\n"
        "def one(example, completion):\n    return Verdict.of(True, ' '.join(dict.fromkeys(called)))\n"
        "@verifier('two', preload=lambda: called.append('two'))\n"
        "def two(example, completion):\n    return Verdict.of(True, ' '.join(dict.fromkeys(called)))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("rlvr_two_preloads")
    for subject in (module.one, module.two):
        with Engine(workers=1) as engine:
            assert engine.verify(subject, EXAMPLE, RIGHT).extracted == subject.name
    assert module.called == []


def test_a_verifier_that_travels_by_value_is_preloaded_too() -> None:
    called: list[int] = []
    subject = Verifier("local", lambda example, completion: bool(called), preload=lambda: called.append(1))
    with Engine(workers=1) as engine:
        assert engine.verify(subject, EXAMPLE, RIGHT).status == "correct"
    assert called == []
