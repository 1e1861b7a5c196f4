"""Where rlvr keeps files of its own. Imports nothing of ours, so that every layer may import it."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where rlvr keeps what it made, models and sandboxes' file systems: RLVR_CACHE, else rlvr/ in the user's cache."""
    root = os.environ.get("RLVR_CACHE")
    if root:
        return Path(root)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rlvr"
