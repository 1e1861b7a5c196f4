"""Verifiers that do what verifiers must not do."""

import os
import re
import signal
import subprocess
import sys
import time

from rlvr.verifiers import Verdict, verifier


@verifier("honest")
def honest(example, completion):
    return completion.text == example.gold


@verifier("regex", deadline_s=0.3)
def regex(example, completion):
    return bool(re.match(r"(a+)+$", "a" * 64 + "b"))


@verifier("power", deadline_s=0.3)
def power(example, completion):
    return (9**9**9) > 0


@verifier("memory", deadline_s=20, memory_mb=256)
def memory(example, completion):
    hoard = []
    while True:
        hoard.append(bytearray(1 << 24))


@verifier("leave")
def leave(example, completion):
    os._exit(0)


@verifier("exit")
def exit_(example, completion):
    sys.exit(0)


@verifier("segfault")
def segfault(example, completion):
    import ctypes

    ctypes.string_at(0)


@verifier("fork")
def fork(example, completion):
    os.fork()
    return True


@verifier("daemon")
def daemon(example, completion):
    subprocess.Popen(["sleep", "300.125"], start_new_session=True)
    return True


@verifier("raises")
def raises(example, completion):
    raise KeyError("no such key")


@verifier("garbage")
def garbage(example, completion):
    return "correct"


@verifier("nan")
def nan(example, completion):
    return float("nan")


@verifier("above_one")
def above_one(example, completion):
    return 1.5


@verifier("nothing")
def nothing(example, completion):
    return None


@verifier("prints", deadline_s=20)
def prints(example, completion):
    for _ in range(100):
        print("x" * (1 << 20))
    return True


@verifier("stubborn", deadline_s=0.3)
def stubborn(example, completion):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1)


@verifier("parts")
def parts(example, completion):
    return Verdict.of(True, "x", parts_of_it=object())


@verifier("recursion")
def recursion(example, completion):
    return recursion(example, completion)


@verifier("coroutine", deadline_s=0.2)
async def coroutine(example, completion):
    import asyncio

    if completion.text == "hang":
        await asyncio.sleep(60)
    await asyncio.sleep(0.01)
    return completion.text == example.gold
