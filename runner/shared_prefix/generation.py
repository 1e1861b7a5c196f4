"""Generation by transformers that runs a prompt once for all of its completions."""

from collections.abc import Callable
from copy import copy
from inspect import signature
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer


def generate_from_shared_prompts(generate: Callable[..., Any], model: Any, *args: Any, **inputs: Any) -> Any:
    """`generate(*args, **inputs)` of transformers' `model`, with each prompt run once for all of its completions.

    transformers repeats a prompt `num_return_sequences` times and runs all copies. Here its keys and values are repeated
    instead. Calls with anything else than token ids, their mask and a configuration go to `generate` as they are, and
    so does a model that remembers more than keys and values (sliding windows, states).
    """
    known = {"input_ids", "attention_mask", "generation_config"}
    if args or not known <= inputs.keys() <= known | {"stopping_criteria"}:
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


def _plain_cache(model: Any, config: Any) -> Any:
    """An empty cache of keys and values; None where the model remembers in another way, or generation is no sampling."""
    if (config.num_beams or 1) > 1 or config.cache_implementation or config.use_cache is False:
        return None
    of_several_parts = model.config.is_encoder_decoder or model.config.get_text_config() is not model.config
    if of_several_parts or "position_ids" not in signature(model.forward).parameters:
        return None
    cache = DynamicCache(config=model.config)
    return cache if cache.layers and all(type(layer) is DynamicLayer for layer in cache.layers) else None
