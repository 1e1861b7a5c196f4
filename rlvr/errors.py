"""The error tree and the exit codes. It is part of the ground floor, so that every layer can raise from it.

People see an error's message as one line with the next step to take; `--debug` shows the traceback.
Every error pickles: its arguments are its message.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command line returns."""

    OK = 0
    FAILED = 1  # a check failed, a figure is below its threshold, or an alarm stopped the run
    USAGE = 2  # a flag, a file or a setting is wrong
    PREREQUISITE = 3  # something must be installed, started or reachable
    NOTHING_TO_DO = 5
    INTERNAL = 70
    INTERRUPTED = 130


class RlvrError(Exception):
    """Anything rlvr raises on purpose. `exit_code` is what the command line returns for it."""

    exit_code = ExitCode.INTERNAL


class ConfigError(RlvrError):
    """What the user wrote is wrong: a flag, a file, a field. Names it and what was expected."""

    exit_code = ExitCode.USAGE


class PluginError(ConfigError):
    """A plugin that can't be used: two with one name, a misspelt hook, a wrong registration."""


class PrerequisiteError(RlvrError):
    """Something that must be installed, started or reachable is not. Says what to do."""

    exit_code = ExitCode.PREREQUISITE


class SandboxError(RlvrError):
    """The sandbox itself failed: never the fault of the program that ran in it."""


class VerifierError(RlvrError):
    """A verifier's way to say that it can't decide, through no fault of the model: the verdict is `error`."""
