"""What can go wrong with verifiers and plugins (beside the tree's root in rlvr.sandboxes.errors)."""

from rlvr.sandboxes.errors import ConfigError, PrerequisiteError, RlvrError, SandboxError

__all__ = ["ConfigError", "PluginError", "PrerequisiteError", "RlvrError", "SandboxError", "VerifierError"]


class PluginError(ConfigError):
    """A plugin that can't be used: two with one name, a misspelt hook, a wrong registration."""


class VerifierError(RlvrError):
    """A verifier's way to say that it can't decide, through no fault of the model: the verdict is `error`."""
