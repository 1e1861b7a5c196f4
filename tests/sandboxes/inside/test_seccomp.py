"""System calls that the filter refuses are counted, refused all the same, and cost an honest program nothing."""

import os

import pytest

PROGRAM = """
import ctypes, errno, os, socket, threading
libc = ctypes.CDLL(None, use_errno=True)
refused = 0
def attempt():
    global refused
    for number in ({numbers}):
        libc.syscall(ctypes.c_long(number), 0, 0, 0, 0, 0)
        refused += ctypes.get_errno() == errno.EPERM
{how}
print(refused)
"""
# shmget, socket, msgget, shmctl
NUMBERS = {"x86_64": "29, 41, 68, 31", "aarch64": "194, 198, 186, 195"}


@pytest.mark.parametrize(
    ("how", "count"),
    [
        ("attempt()", 4),
        ("for _ in range(25): attempt()", 100),
        ("for _ in range(4):\n    t = threading.Thread(target=attempt); t.start(); t.join()", 16),
        ("if os.fork() == 0: attempt(); os._exit(0)\nos.wait(); refused = 4", 4),
        ("", 0),
    ],
)
def test_counted(sandbox, how, count):
    numbers = NUMBERS[os.uname().machine]
    result = sandbox.run(PROGRAM.format(numbers=numbers, how=how))
    assert (result.code, result.stdout.decode(), result.denied) == (0, f"{count}\n", count), result


def test_counted_for_each_run(sandbox):
    found = [
        sandbox.run(f"import socket\nfor _ in range({n}):\n    try: socket.socket()\n    except OSError: pass")
        for n in (2, 0, 1)
    ]
    assert [one.denied for one in found] == [2, 0, 1]


def test_what_is_merely_missing_is_not_counted(sandbox):
    """Threads and asyncio try clone3 first: the answer is that there is no such call."""
    program = "import asyncio, threading\nthreading.Thread(target=print).start()\nasyncio.run(asyncio.sleep(0))"
    assert sandbox.run(program).denied == 0
