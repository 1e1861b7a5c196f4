"""What is changed in TRL from outside, where it offers no parameter: always for the length of a `with` block.

tests/runner/training/test_trainer_trl_contract.py fails if TRL no longer has what is replaced here.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Modules that import vLLM at once if it is installed, each with a name that it has only then.
_NEEDS_VLLM = {"trl.generation.vllm_client": "get_ip", "trl.generation.vllm_generation": "SamplingParams"}


@contextmanager
def replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    """`owner.name` is `value` inside, and what it was outside. Raises AttributeError if there is no such name."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def trl_without_vllm() -> Iterator[None]:
    """Modules of TRL that are imported inside don't import vLLM, which takes seconds; `complete_trl` catches up."""
    from trl import import_utils

    really_available = import_utils._is_package_available

    def available(name: str, return_version: bool = False) -> Any:
        if name == "vllm":
            return (False, "N/A") if return_version else False
        return really_available(name, return_version)

    with replaced(import_utils, "_is_package_available", available):
        yield


def complete_trl() -> None:
    """Give TRL's modules the vLLM that they were imported without. The only place that reloads a module."""
    for name, imported in _NEEDS_VLLM.items():
        module = sys.modules.get(name)
        if module and not hasattr(module, imported):
            importlib.reload(module)
