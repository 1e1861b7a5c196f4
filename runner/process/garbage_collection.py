"""Keeps Python from looking for garbage where there is none: torch, transformers, TRL and vLLM make two million objects."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Look for no garbage inside: where libraries or rows are loaded there is next to none, and looking costs seconds."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.freeze()
            gc.unfreeze()  # what was made is old now: the next collection doesn't begin with it
            gc.enable()


@contextmanager
def long_lived() -> Iterator[None]:
    """Inside, what exists now is never looked through for garbage again."""
    gc.collect()  # what an earlier run of this process left
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
