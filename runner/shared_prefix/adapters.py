"""What a PEFT adapter makes of a model, as far as sharing prompts is concerned."""

from typing import Any, cast

from accelerate.utils import is_peft_model
from torch import nn
from transformers import PreTrainedModel


def base_model(model: nn.Module) -> PreTrainedModel:
    """The model under a PEFT adapter, or the model itself."""
    # is_peft_model reads package metadata each time; this is asked in every step
    get_base_model = getattr(model, "get_base_model", None)
    return cast(PreTrainedModel, get_base_model() if get_base_model else model)


def adds_virtual_tokens(model: nn.Module) -> bool:
    """Whether an adapter puts learned tokens before each prompt."""
    return is_peft_model(model) and any(peft.is_prompt_learning for peft in cast(Any, model).peft_config.values())
