"""The root of rlvr's error tree. It stands in the lowest layer, so that every layer can raise from it.

People see an error's message as one line with the next step to take; `--debug` shows the traceback.
Every error pickles: its arguments are its message.
"""


class RlvrError(Exception):
    """Anything rlvr raises on purpose. `exit_code` is what the command line returns for it."""

    exit_code = 70


class ConfigError(RlvrError):
    """What the user wrote is wrong: a flag, a file, a field. Names it and what was expected."""

    exit_code = 2


class PrerequisiteError(RlvrError):
    """Something that must be installed, started or reachable is not. Says what to do."""

    exit_code = 3


class SandboxError(RlvrError):
    """The sandbox itself failed: never the fault of the program that ran in it."""
