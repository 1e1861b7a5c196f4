"""What a test runner's verdict and the end of the program's run come to."""

import pytest

from rlvr.sandboxes import End, ExecResult, TestRunnerVerdict, VerdictKind
from rlvr.verifiers.code.decide import TestStatus, decide_by_test_runner

KILLED = [(End.TIMEOUT, TestStatus.TIMEOUT), (End.MEMORY, TestStatus.MEMORY), (End.OUTPUT, TestStatus.OUTPUT_LIMIT)]
RUNNING = [End.STOPPED, End.ANSWER]  # until the host stopped it
K, S = VerdictKind, TestStatus


@pytest.mark.parametrize(
    ("verdict", "status", "detail"),
    [
        (TestRunnerVerdict(K.PASSED), S.PASS, ""),
        (TestRunnerVerdict(K.RAISED, "", "AssertionError"), S.WRONG, "AssertionError"),
        (TestRunnerVerdict(K.RAISED, "no", "AssertionError"), S.WRONG, "AssertionError: no"),
        (TestRunnerVerdict(K.RAISED, "no", "ValueError"), S.RUNTIME_ERROR, "ValueError: no"),
        (TestRunnerVerdict(K.UNSUPPORTED, "a function"), S.INFRA_ERROR, "a function"),
        (TestRunnerVerdict(K.CANDIDATE_GONE), S.RUNTIME_ERROR, ""),
        (TestRunnerVerdict(K.NOT_LOADED), S.LOAD_ERROR, ""),
        (TestRunnerVerdict(K.TIMEOUT), S.TIMEOUT, "the test itself didn't end"),
        (TestRunnerVerdict(K.BROKEN, "it ended: memory"), S.INFRA_ERROR, "the test runner failed: it ended: memory"),
    ],
    ids=lambda value: str(getattr(value, "kind", value)),
)
@pytest.mark.parametrize("end", RUNNING)
def test_while_the_program_runs_the_verdict_decides(verdict, status, detail, end):
    decision = decide_by_test_runner(verdict, ExecResult(end))
    assert (decision.status, decision.detail) == (status, detail)


@pytest.mark.parametrize("kind", list(VerdictKind))
@pytest.mark.parametrize(("end", "status"), KILLED)
def test_a_program_that_was_killed_has_not_passed(kind, end, status):
    assert decide_by_test_runner(TestRunnerVerdict(kind), ExecResult(end)).status is status


@pytest.mark.parametrize("kind", list(VerdictKind))
def test_a_program_that_exited_has_not_passed(kind):
    status = {K.NOT_LOADED: S.LOAD_ERROR, K.UNSUPPORTED: S.INFRA_ERROR}.get(kind, S.RUNTIME_ERROR)
    assert decide_by_test_runner(TestRunnerVerdict(kind), ExecResult(End.EXIT, 0)).status is status


def test_signs_of_opaque_values_are_kept():
    verdict = TestRunnerVerdict(VerdictKind.RAISED, "an opaque 'Yes' is neither true nor false", "TypeError")
    assert decide_by_test_runner(verdict, ExecResult(End.STOPPED)).opaque
