"""Generation by transformers that runs a prompt once for all of its completions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial
from inspect import signature
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel
from transformers.cache_utils import DynamicCache, DynamicLayer


@contextmanager
def prompts_run_once(model: Any) -> Iterator[None]:
    """Inside, `model.generate` is `generate_from_shared_prompts`, for callers that call it themselves, as TRL does."""
    model.generate = partial(generate_from_shared_prompts, model.generate, model)
    try:
        yield
    finally:
        del model.generate  # the instance's: the class's is back


def generate_from_shared_prompts(
    generate: Callable[..., Any], model: PreTrainedModel, *args: Any, **inputs: Any
) -> Any:
    """`generate(*args, **inputs)` of transformers' `model`, with each prompt run once for all of its completions.

    transformers repeats each of the B prompts `num_return_sequences` = n times and runs all copies; here its keys and values
    are repeated instead. `input_ids` and `attention_mask` are (B, P), padded on the left; the result is (B * n, P + T) ids.
    Calls with anything but token ids, their mask, a configuration and stopping criteria go to `generate` as they are, and
    so do models that remember more than keys and values (sliding windows, states).
    """
    required = {"input_ids", "attention_mask", "generation_config"}
    if args or not required <= inputs.keys() <= required | {"stopping_criteria"}:
        return generate(*args, **inputs)
    ids, mask, config = inputs["input_ids"], inputs["attention_mask"], inputs["generation_config"]
    copies = config.num_return_sequences or 1
    if copies < 2 or ids.shape[1] < 2 or (cache := _plain_cache(model, config)) is None:
        return generate(**inputs)
    head = {"logits_to_keep": 1} if "logits_to_keep" in signature(model.forward).parameters else {}
    with torch.no_grad():
        model(  # the whole model, for the precision that a trainer wraps it in
            input_ids=ids[:, :-1], attention_mask=mask[:, :-1], past_key_values=cache, use_cache=True,
            position_ids=(mask.cumsum(1) - 1).clamp(min=0)[:, :-1], **head,
        )  # fmt: skip
    cache.batch_repeat_interleave(copies)
    repeated = {name: inputs[name].repeat_interleave(copies, dim=0) for name in ("input_ids", "attention_mask")}
    config = copy(config)
    config.num_return_sequences = 1
    return generate(**inputs | repeated | {"generation_config": config, "past_key_values": cache})


def _plain_cache(model: PreTrainedModel, config: GenerationConfig) -> DynamicCache | None:
    """An empty cache of keys and values; None if the model remembers in another way, or generation doesn't sample."""
    if (config.num_beams or 1) > 1 or config.cache_implementation or config.use_cache is False:
        return None
    has_several_parts = model.config.is_encoder_decoder or model.config.get_text_config() is not model.config
    if has_several_parts or "position_ids" not in signature(model.forward).parameters:
        return None
    cache = DynamicCache(config=model.config)
    return cache if cache.layers and all(type(layer) is DynamicLayer for layer in cache.layers) else None
