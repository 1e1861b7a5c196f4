"""Freed memory is kept, if the C library can keep it."""

import ctypes
import subprocess
import sys

import pytest

from rlvr.runner.process.memory import keep_memory

# Frees and takes 64 MiB ten times; prints how many pages the kernel had to give.
PROGRAM = """
import resource, sys
from rlvr.runner.process.memory import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    block = bytearray(64 * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    del block
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    return int(subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library has no mallopt")
def test_memory_that_is_freed_is_used_again() -> None:
    assert faults("keep") < faults("give back") / 2


def test_a_c_library_without_mallopt_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    keep_memory()
