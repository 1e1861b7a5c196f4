"""Loads a model to be measured, outside a run, with the back end that fits it."""

from collections.abc import Callable
from typing import Any

from rlvr.runner.generation import models, vllm_backend
from rlvr.runner.generation.backend import Generator
from rlvr.runner.generation.transformers_backend import TransformersGenerator
from rlvr.runner.process.setup import prepare_threads, prepare_vllm
from rlvr.runner.settings.trl_config import has_bfloat16
from rlvr.runner.training.plan import choose_backend

VLLM_CONTEXT, VLLM_SEQUENCES = 4096, 128  # more context would take memory that sequences need
BATCH = 64  # completions at a time, with transformers


def load_generator(
    model: models.Model, asked_as: str | None, backend: str, say: Callable[[str], None]
) -> tuple[Generator, Any, int]:
    """(generator, tokenizer, how many tokens the model can attend to) of a model on disk.

    `asked_as` is what the user called it, None for the default. Raises PrerequisiteError if `backend` is not installed.
    """
    chosen = choose_backend(backend, asked_as)
    if chosen == "vllm":
        prepare_vllm()
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer, context = models.tokenizer_and_context(model)
    say(f"loading {model.name} ({model.origin}) with {chosen}")
    if chosen == "vllm":
        context = min(context, VLLM_CONTEXT)
        llm = vllm_backend.start(str(model.path), context, VLLM_SEQUENCES)
        return vllm_backend.VllmGenerator(llm), tokenizer, context
    dtype = torch.bfloat16 if has_bfloat16() else torch.float32
    loaded = AutoModelForCausalLM.from_pretrained(model.path, dtype=dtype)
    if torch.cuda.is_available():
        loaded = loaded.to("cuda")
    elif models.is_tiny(loaded):
        prepare_threads(tiny=True)
        loaded = loaded.float()
    return TransformersGenerator(loaded, tokenizer, batch_size=BATCH), tokenizer, context
