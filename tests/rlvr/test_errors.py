"""Every error names its exit code, and survives the way from one process to another."""

import importlib
import pickle
import pkgutil

import pytest

import rlvr
from rlvr.errors import ConfigError, ExitCode, PluginError, PrerequisiteError, RlvrError, SandboxError, VerifierError


def subclasses(kind: type[RlvrError]) -> list[type[RlvrError]]:
    return [kind, *(below for direct in kind.__subclasses__() for below in subclasses(direct))]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ConfigError, ExitCode.USAGE),
        (PluginError, ExitCode.USAGE),
        (PrerequisiteError, ExitCode.PREREQUISITE),
        (SandboxError, ExitCode.INTERNAL),
        (VerifierError, ExitCode.INTERNAL),
        (RlvrError, ExitCode.INTERNAL),
    ],
)
def test_exit_codes(kind: type[RlvrError], code: ExitCode) -> None:
    assert kind("what").exit_code is code


def test_codes_are_numbers_of_a_process() -> None:
    assert [int(code) for code in ExitCode] == [0, 1, 2, 3, 5, 70, 130]


def test_every_error_of_ours_pickles_with_its_message_and_has_an_exit_code() -> None:
    for module in ("rlvr.sandboxes", "rlvr.verifiers", "rlvr.tasks"):
        package = importlib.import_module(module)
        for info in pkgutil.iter_modules(package.__path__, f"{module}."):
            if not info.ispkg:
                importlib.import_module(info.name)
    assert rlvr.RlvrError is RlvrError
    for kind in subclasses(RlvrError):
        copy = pickle.loads(pickle.dumps(kind("what happened")))
        assert (type(copy), str(copy)) == (kind, "what happened")
        assert isinstance(kind.exit_code, ExitCode)
