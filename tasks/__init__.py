"""Task packs: the loader, and the packs themselves, each a folder of files."""

if __name__ != "rlvr.tasks":
    raise ImportError(f"import this package as 'rlvr.tasks', not as {__name__!r}")
