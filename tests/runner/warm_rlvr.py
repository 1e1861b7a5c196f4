"""`rlvr` in forked children of one process that has imported torch, transformers and TRL: a run starts at once.

Speaks JSON lines. {"start": [arguments], …} answers with the child's pid; {"wait": pid} with its exit code, or minus the
signal that killed it. `kill` = [place, n, when] sends SIGKILL to the child at the n-th call of "module:Class.method",
before it or after it.
"""

import importlib
import json
import os
import signal
import sys
from typing import Any


def install(place: str, number: int, when: str) -> None:
    module_name, _, path = place.partition(":")
    owner: Any = importlib.import_module(module_name)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    real, calls = getattr(owner, name), [0]

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if calls[0] == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if calls[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, wrapped)


def child(job: dict[str, Any]) -> int:
    for descriptor, path in ((0, os.devnull), (1, job["out"]), (2, job["err"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), descriptor)
    os.chdir(job["cwd"])
    if job["kill"]:
        install(*job["kill"])
    if job["seconds"]:  # dies at a time rather than at a place
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, job["seconds"])
    from rlvr.runner.cli import main

    sys.argv = ["rlvr", *job["start"]]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 70


def serve() -> None:
    from rlvr.runner.process.setup import prepare_libraries

    prepare_libraries()
    for name in ("commands.run", "training.run", "training.trainer"):  # and with them torch, transformers and TRL
        importlib.import_module(f"rlvr.runner.{name}")
    for line in sys.stdin:
        job = json.loads(line)
        if "wait" in job:
            answer = os.waitstatus_to_exitcode(os.waitpid(job["wait"], 0)[1])
        else:
            answer = os.fork()
            if not answer:
                code = 70
                try:
                    code = child(job)
                finally:
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(code)
        print(answer, flush=True)


if __name__ == "__main__":
    serve()
