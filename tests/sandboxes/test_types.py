"""A test runner's message becomes a verdict only if it is one; files stay inside the working folder."""

import json

import pytest

from rlvr.sandboxes import TestRunnerVerdict, VerdictKind, stdin_job

BROKEN = TestRunnerVerdict(VerdictKind.BROKEN, "it sent no verdict")


@pytest.mark.parametrize(
    ("message", "verdict"),
    [
        ({"kind": "passed"}, TestRunnerVerdict(VerdictKind.PASSED)),
        ({"kind": "candidate_gone"}, TestRunnerVerdict(VerdictKind.CANDIDATE_GONE)),
        ({"kind": "unsupported", "detail": "why"}, TestRunnerVerdict(VerdictKind.UNSUPPORTED, "why")),
        ({"kind": "raised", "error": "E", "detail": "t"}, TestRunnerVerdict(VerdictKind.RAISED, "t", "E")),
    ],
)
def test_verdicts(message, verdict):
    assert TestRunnerVerdict.from_message(json.dumps(message).encode()) == verdict
    assert verdict.passed is (message == {"kind": "passed"})


@pytest.mark.parametrize(
    "message",
    [
        b"", b"{}", b"[]", b"null", b'"passed"', b"\xff", b"{" * 100_000, b'{"kind":"passed"', b'{"kind":"pass"}', b'{"kind":true}',
        b'{"kind":["passed"]}', b'{"kind":{}}', b'{"ok":true}', b'{"kind":"passed","detail":1}', b'{"kind":"raised","error":null}',
        # only the host says these
        b'{"kind":"not_loaded"}', b'{"kind":"timeout"}', b'{"kind":"broken"}',
        b'{"kind":"passed"}' + b" " * (1 << 16),
    ],
    ids=lambda message: repr(message[:30]),
)  # fmt: skip
def test_anything_else_is_broken(message):
    assert TestRunnerVerdict.from_message(message) == BROKEN


def test_texts_are_short_and_printable():
    message = {"kind": "raised", "error": "E" * 9999, "detail": "\ud800" + "x" * 9999}
    verdict = TestRunnerVerdict.from_message(json.dumps(message).encode())
    assert (len(verdict.error), len(verdict.detail)) == (200, 200)
    assert verdict.detail.encode().startswith(b"?x")


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "", "a\0b"])
def test_files_stay_inside_the_working_folder(path):
    with pytest.raises(ValueError, match="inside the working folder"):
        stdin_job("", {path: "x"})
