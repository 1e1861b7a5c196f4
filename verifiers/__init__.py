"""Verifiers: types, hook specifications, registry, execution engine, and one module a verifier."""

if __name__ != "rlvr.verifiers":
    raise ImportError(
        f"rlvr's folder 'verifiers' was imported as {__name__!r}; import it as 'rlvr.verifiers' "
        "(is the checkout's root on sys.path? run pytest with --import-mode=importlib)"
    )

from rlvr.errors import ConfigError, PluginError, VerifierError
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict
from rlvr.verifiers.verifier import Verifier, verifier

__all__ = [
    "Completion",
    "ConfigError",
    "Example",
    "PluginError",
    "Reward",
    "Rollout",
    "Status",
    "Verdict",
    "Verifier",
    "VerifierError",
    "verifier",
]
