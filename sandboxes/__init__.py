"""Runs untrusted programs. Imports nothing of rlvr but its ground floor."""

if __name__ != "rlvr.sandboxes":
    raise ImportError(f"import this package as 'rlvr.sandboxes', not as {__name__!r}")

from rlvr.sandboxes.auto import make
from rlvr.sandboxes.sandbox import Sandbox, SyncSandbox
from rlvr.sandboxes.settings import SandboxSettings
from rlvr.sandboxes.types import (
    Call,
    End,
    ExecResult,
    Job,
    Limits,
    TestRunnerVerdict,
    VerdictKind,
    calls_job,
    stdin_job,
)

__all__ = [
    "Call",
    "End",
    "ExecResult",
    "Job",
    "Limits",
    "Sandbox",
    "SandboxSettings",
    "SyncSandbox",
    "TestRunnerVerdict",
    "VerdictKind",
    "calls_job",
    "make",
    "stdin_job",
]
