"""A quick start: torch, transformers, TRL and vLLM make two million objects when they are imported."""

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


@contextmanager
def without_collection() -> Iterator[None]:
    """Look for no garbage inside: where libraries are loaded there is next to none, and looking costs seconds."""
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


@contextmanager
def trl_without_vllm() -> Iterator[None]:
    """What is imported of TRL inside doesn't import vLLM, which takes seconds; `complete_trl` makes up for it."""
    from trl import import_utils

    found = import_utils._is_package_available

    def available(name: str, return_version: bool = False) -> Any:
        if name == "vllm":
            return (False, "N/A") if return_version else False
        return found(name, return_version)

    with patch.object(import_utils, "_is_package_available", available):
        yield


def complete_trl() -> None:
    """Give TRL's modules the vLLM that they were imported without."""
    for name in ("trl.generation.vllm_client", "trl.generation.vllm_generation"):
        module = sys.modules.get(name)
        if module and not (hasattr(module, "SamplingParams") or hasattr(module, "get_ip")):
            importlib.reload(module)
