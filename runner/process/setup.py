"""What is chosen for the whole process, and nowhere else: warnings, environment defaults, threads, memory.

What the user has set in the environment is never overridden. RLVR_DEBUG=1 (or --debug) shows what libraries print.
"""

import logging
import os
import warnings
from collections.abc import Mapping

from rlvr.runner.process.memory import keep_memory

_ALWAYS = {
    "TOKENIZERS_PARALLELISM": "false",
    # Threads of OpenMP sleep while they wait. By default they spin first; torch's and vLLM's then take the processors from
    # each other, and all the more where other programs run (benchmarks/threads.py).
    "OMP_WAIT_POLICY": "PASSIVE",
}
_QUIET = {
    "TQDM_DISABLE": "1",  # rlvr shows progress itself
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TRANSFORMERS_VERBOSITY": "error",
    "TRL_EXPERIMENTAL_SILENCE": "1",
    "VLLM_LOGGING_LEVEL": "CRITICAL",
}
_VLLM = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # in this process, so that its weights can be replaced
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # otherwise it pins the trainer's threads too
    "VLLM_CPU_KVCACHE_SPACE": "2",
    "VLLM_NO_USAGE_STATS": "1",
}
_LIBRARIES = ("accelerate", "torch", "transformers", "trl", "vllm")


def prepare_libraries() -> None:
    """Hide what libraries print for their own developers, and choose how their threads wait.

    Call before torch, transformers, TRL or vLLM are imported.
    """
    _set_defaults(_ALWAYS)
    if os.environ.get("RLVR_DEBUG"):
        return
    _set_defaults(_QUIET)
    warnings.simplefilter("ignore")
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.ERROR)


def prepare_vllm() -> None:
    """Set what vLLM reads when it is imported. Call before vLLM, or TRL with vLLM, is imported."""
    _set_defaults(_VLLM)


def prepare_memory(backend: str) -> None:
    """Choose how freed memory is kept, before the model is loaded; see `keep_memory` for the reason."""
    import torch

    if backend == "vllm" and not torch.cuda.is_available():
        keep_memory()


def prepare_threads(tiny: bool) -> None:
    """Use one thread for a tiny model: starting more takes longer than they save."""
    import torch

    if tiny:
        torch.set_num_threads(1)


def _set_defaults(values: Mapping[str, str]) -> None:
    for name, value in values.items():
        os.environ.setdefault(name, value)
