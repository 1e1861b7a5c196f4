"""Runs untrusted programs. Imports nothing else of rlvr's."""

if __name__ != "rlvr.sandboxes":
    raise ImportError(f"import this package as 'rlvr.sandboxes', not as {__name__!r}")

from rlvr.sandboxes.errors import ConfigError, PrerequisiteError, RlvrError, SandboxError

__all__ = ["ConfigError", "PrerequisiteError", "RlvrError", "SandboxError"]
