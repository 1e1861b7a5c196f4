"""The runner: command line, generation, GRPO, evaluation, run folder, report."""

if __name__ != "rlvr.runner":
    raise ImportError(f"import this package as 'rlvr.runner', not as {__name__!r}")
