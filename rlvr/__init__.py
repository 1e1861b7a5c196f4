"""rlvr: verifiable rewards for training language models, with verifiers that can be trusted.

The public API. Names load on first use, so `import rlvr` costs next to nothing:

    >>> import rlvr
    >>> rlvr.verify("number", "6 * 7 = 42\\n#### 42", gold="42").status
    <Status.CORRECT: 'correct'>
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {  # public name -> the module that defines it
    "Completion": "rlvr.verifiers.types",
    "ConfigError": "rlvr.errors",
    "Engine": "rlvr.verifiers.engine.engine",
    "Example": "rlvr.verifiers.types",
    "PluginError": "rlvr.errors",
    "PrerequisiteError": "rlvr.errors",
    "Reward": "rlvr.verifiers.types",
    "RlvrError": "rlvr.errors",
    "Rollout": "rlvr.verifiers.types",
    "SandboxError": "rlvr.errors",
    "Status": "rlvr.verifiers.types",
    "Verdict": "rlvr.verifiers.types",
    "Verifier": "rlvr.verifiers.verifier",
    "VerifierError": "rlvr.errors",
    "as_inspect_samples": "rlvr.tasks.interop.inspect_scorer",
    "as_inspect_scorer": "rlvr.tasks.interop.inspect_scorer",
    "as_prime_taskset": "rlvr.tasks.interop.prime_taskset",
    "as_trl_reward": "rlvr.tasks.interop.trl_reward",
    "as_trl_rows": "rlvr.tasks.interop.trl_reward",
    "hookimpl": "rlvr.verifiers.plugins.hookspecs",
    "verifier": "rlvr.verifiers.verifier",
    "verify": "rlvr.verifiers.engine.engine",
}
__all__ = ["__version__", *_HOME]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'rlvr' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])


if TYPE_CHECKING:
    from rlvr.errors import ConfigError, PluginError, PrerequisiteError, RlvrError, SandboxError, VerifierError
    from rlvr.tasks.interop.inspect_scorer import as_inspect_samples, as_inspect_scorer
    from rlvr.tasks.interop.prime_taskset import as_prime_taskset
    from rlvr.tasks.interop.trl_reward import as_trl_reward, as_trl_rows
    from rlvr.verifiers.engine.engine import Engine, verify
    from rlvr.verifiers.plugins.hookspecs import hookimpl
    from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict
    from rlvr.verifiers.verifier import Verifier, verifier
