"""The verifier `code`: how it adds up, and that an infrastructure error is never a score."""

import pytest

from rlvr.errors import SandboxError
from rlvr.sandboxes import ExecResult, Sandbox, auto
from rlvr.verifiers.code import code
from rlvr.verifiers.engine.engine import shared_engine
from rlvr.verifiers.types import Completion, Example, Status

TESTS = ["assert f(1) == 2", "assert f(2) == 3", "assert f(-1) == 0"]


def verify_in(provider):
    def verify(program, options=None, **metadata):
        metadata = {"raw": True, "entry_point": "f", "tests": TESTS, **metadata}
        verifier = code.with_options(sandbox=provider, **(options or {}))
        return shared_engine().verify(verifier, Example("1", "", "", "", metadata), Completion(program))

    return verify


@pytest.fixture
def verify(need_provider):
    need_provider("bubblewrap")
    return verify_in("bubblewrap")


@pytest.fixture
def everywhere(provider):
    """The same in each provider."""
    return verify_in(provider)


def test_score_by_share_and_all_or_nothing(verify):
    program = "def f(x): return 2 if x == 1 else 3"
    verdict = verify(program)
    assert (verdict.status, verdict.score) == (Status.INCORRECT, pytest.approx(2 / 3))
    assert [test["status"] for test in verdict.parts["tests"]] == ["pass", "pass", "wrong"]
    assert all(test["seconds"] > 0 for test in verdict.parts["tests"])
    assert verify(program, {"score": "all"}).score == 0
    assert verify("def f(x): return x + 1").status is Status.CORRECT


def test_stops_where_the_score_is_decided(verify):
    program = "import time\ndef f(x):\n    if x > 1: time.sleep(0.3)\n    return 0"
    verdict = verify(
        program, {"score": "all", "stop_early": True}, tests=["assert f(1) == 1", *["assert f(2) == 1"] * 50]
    )
    assert verdict.score == 0
    assert len(verdict.parts["tests"]) < 5
    assert verdict.parts["total"] == 51


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("def f(x) return", "load_error"),
        ("import nothing_there", "load_error"),
        ("raise SystemExit(0)", "load_error"),
        ("def g(x): return 2", "runtime_error"),
        ("def f(x): raise ValueError", "runtime_error"),
        ("import os\ndef f(x): os.kill(os.getpid(), 9)", "runtime_error"),
        ("def f(x):\n    while True: print('x' * 100000)", "output_limit"),
        ("def f(x): return object()", "wrong"),
        ("async def f(x): return x + 1", "wrong"),
        ("def f(x): return str(x + 1)", "wrong"),
    ],
)
def test_statuses_of_tests(everywhere, program, status):
    verdict = everywhere(program)
    assert [test["status"] for test in verdict.parts["tests"]] == [status] * 3
    assert (verdict.status, verdict.score) == (Status.INCORRECT, 0.0)


def test_timeout_only_where_nothing_else_failed(everywhere):
    assert everywhere("def f(x):\n    while True: pass", time_limit_s=0.3).status is Status.TIMEOUT
    mixed = everywhere("def f(x):\n    while x == 1: pass\n    return x + 1", time_limit_s=0.3)
    assert (mixed.status, mixed.score) == (Status.INCORRECT, pytest.approx(2 / 3))


def test_a_program_that_does_not_load_in_time_is_not_loaded_again(verify):
    verdict = verify("while True: pass", time_limit_s=0.5, tests=TESTS * 20)
    assert verdict.status is Status.TIMEOUT
    assert len(verdict.parts["tests"]) == 60


HANGS = "def f(x):\n    while x in %s: pass\n    return x + 1"


@pytest.mark.parametrize("hanging", [[0], [9], [0, 1, 2], [3, 5, 8], [5, 6, 7, 8, 9]])
def test_a_program_loses_its_time_once_and_keeps_what_it_passes(verify, hanging):
    """After one test that hits the limit, the others have less, which is plenty for those that pass."""
    verdict = verify(HANGS % hanging, time_limit_s=1.0, tests=[f"assert f({i}) == {i + 1}" for i in range(10)])
    found = [test["status"] for test in verdict.parts["tests"]]
    assert found == ["timeout" if i in hanging else "pass" for i in range(10)]
    assert verdict.score == 1 - len(hanging) / 10
    seconds = [verdict.parts["tests"][i]["seconds"] for i in hanging]
    assert seconds[0] >= 1.0
    assert all(one < 1.0 for one in seconds[1:])


@pytest.mark.parametrize(
    ("kind", "program"),
    [
        ("slow to load", "import time; time.sleep(0.4)\ndef f(x):\n    while x == 1: pass\n    return x + 1"),
        ("slow", "import time\ndef f(x):\n    time.sleep(0.3 * x)\n    while x == 2: pass\n    return x + 1"),
    ],
)
def test_a_slow_program_that_hangs_once_keeps_what_it_passes(verify, kind, program):
    verdict = verify(program, time_limit_s=2.0, tests=[f"assert f({i}) == {i + 1}" for i in (1, 2, 3)])
    assert [test["status"] for test in verdict.parts["tests"]].count("timeout") == 1, kind
    assert verdict.score == pytest.approx(2 / 3)


def test_judged_tests_lose_their_time_once_too(verify):
    tests = ["for i in range(2): assert f(i) == i + 1"] * 3 + ["x = f(5)\nassert x == 6", "assert f(1) == 2"]
    verdict = verify(HANGS % [0], time_limit_s=1.0, tests=tests)
    found = verdict.parts["tests"]
    assert [test["status"] for test in found] == ["timeout"] * 3 + ["pass"] * 2
    assert found[0]["seconds"] >= 1.0
    assert all(test["seconds"] < 1.0 for test in found[1:])


def test_signs_of_tampering_are_counted_and_not_rewarded(everywhere):
    program = (
        "import os, socket, time\ndef f(x):\n    for _ in range(3):\n        try: socket.socket()\n        except OSError: pass\n"
        "    if os.fork() == 0: time.sleep(9)\n    return x + 1"
    )
    verdict = everywhere(program)
    assert verdict.status is Status.CORRECT
    assert (verdict.parts["denied"], verdict.parts["leftovers"]) == (9, 3)
    assert everywhere("def f(x): return x + 1").parts["denied"] == 0


def test_visible_and_hidden(verify):
    verdict = verify("def f(x): return 2", tests=None, visible=TESTS[:1], hidden=TESTS[1:])
    assert (verdict.parts["visible"], verdict.parts["hidden"]) == (1.0, 0.0)


def test_judged_tests(everywhere):
    tests = ["for i in range(5): assert f(i) == i + 1", "x = f(1)\nassert x > 5"]
    verdict = everywhere("def f(x): return x + 1", tests=tests)
    assert [test["status"] for test in verdict.parts["tests"]] == ["pass", "wrong"]


def test_stdio_with_tolerance_and_checker(everywhere):
    stdio = {"kind": "stdio", "entry_point": None}
    tests = [{"stdin": "2\n", "stdout": "1.41421356\n"}]
    program = "print(float(input()) ** 0.5)"
    assert everywhere(program, tests=tests, **stdio).score == 0
    assert everywhere(program, tests=tests, tolerance=1e-6, **stdio).score == 1
    checker = "def check(stdin, expected, output): return abs(float(output) ** 2 - float(stdin)) < 1e-9"
    assert everywhere(program, tests=tests, checker=checker, **stdio).score == 1
    assert everywhere("print(1)", tests=tests, checker=checker, **stdio).score == 0
    assert everywhere(program, tests=tests, checker="def check(): pass", **stdio).status is Status.ERROR


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"tests": []}, "no tests"),
        ({"tests": None, "tets": TESTS}, "no field 'tets'; did you mean 'tests'"),
        ({"tests": None, "assertions": TESTS}, "no tests (its metadata has assertions; tests are in visible, "),
        ({"tests": ["assert f(1) =="]}, "isn't Python"),
        ({"memory_limit_mb": -1}, "memory_limit_mb"),
    ],
)
def test_bad_examples_are_errors(everywhere, metadata, reason):
    verdict = everywhere("def f(x): return x", **metadata)
    assert verdict.status is Status.ERROR
    assert reason in verdict.reason


def test_a_program_of_ten_megabytes(everywhere):
    verdict = everywhere("#" * (10 << 20))
    assert (verdict.status, verdict.score) == (Status.INCORRECT, 0.0)
    assert "longer than" in verdict.reason


def test_without_a_program():
    verdict = shared_engine().verify(code, Example("1", "", "", "", {"tests": TESTS}), Completion("No idea."))
    assert verdict.status is Status.UNPARSED


class Failing(Sandbox):
    """Fails as often as it is told, then gives up pretending."""

    name = "failing"
    failures = 0
    tries = 0

    async def launch(self):
        type(self).tries += 1
        raise SandboxError("the sandbox failed: the engine went away")

    async def run_jobs(self, program, jobs, limits=None, stop=None):
        return [ExecResult("exit")]


def test_a_failure_of_the_sandbox_is_tried_again_then_an_error(monkeypatch):
    monkeypatch.setitem(auto.PROVIDERS, "failing", Failing)
    Failing.tries = 0
    example = Example("1", "", "", "", {"raw": True, "entry_point": "f", "tests": TESTS})
    verdict = shared_engine().verify(code.with_options(sandbox="failing"), example, Completion("def f(x): pass"))
    assert verdict.status is Status.ERROR
    assert "the engine went away" in verdict.reason
    assert Failing.tries >= 2


def test_a_batch_with_an_endless_program(verify):
    """64 programs, one of which never ends, share the slots with it; none is lost."""
    metadata = {"raw": True, "entry_point": "f", "tests": TESTS[:1], "time_limit_s": 1.0}
    verifier = code.with_options(sandbox="bubblewrap")
    programs = ["def f(x):\n    while True: pass"] + [f"def f(x): return x + {i} - {i - 1}" for i in range(63)]
    example = Example("1", "", "", "", metadata)
    found = shared_engine().verify_batch(verifier, [(example, Completion(program)) for program in programs])
    assert [verdict.status for verdict in found] == [Status.TIMEOUT] + [Status.CORRECT] * 63
