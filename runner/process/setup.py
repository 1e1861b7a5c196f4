"""Keeps libraries' notes for their own developers out of people's sight. RLVR_DEBUG=1 (or --debug) lets them through."""

import logging
import os
import warnings

_SILENT = {  # read by the libraries when they are imported
    "TQDM_DISABLE": "1",  # we show progress ourselves
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TRANSFORMERS_VERBOSITY": "error",
    "TRL_EXPERIMENTAL_SILENCE": "1",
    "VLLM_LOGGING_LEVEL": "CRITICAL",
}
_LIBRARIES = ("accelerate", "torch", "transformers", "trl", "vllm")


def quiet_libraries() -> None:
    """Call before torch, transformers, trl or vllm are imported. What the user has set stands."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if os.environ.get("RLVR_DEBUG"):
        return
    for name, value in _SILENT.items():
        os.environ.setdefault(name, value)
    warnings.simplefilter("ignore")
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.ERROR)
