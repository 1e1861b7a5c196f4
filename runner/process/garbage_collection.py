"""Pauses garbage collection while libraries load: torch, transformers, TRL and vLLM create two million objects that stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Garbage collection is paused inside: loading libraries or rows leaves next to no garbage, and looking costs seconds."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.freeze()
            gc.unfreeze()  # the new objects are old now, so the next collection doesn't begin with them
            gc.enable()


@contextmanager
def long_lived() -> Iterator[None]:
    """Objects that exist on entry are not examined for garbage inside."""
    gc.collect()  # what an earlier run of this process left
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
