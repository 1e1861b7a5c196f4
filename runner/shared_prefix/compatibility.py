"""Where sharing the prefix is exact: known obstacles first, then a trial of this very model against TRL's own path."""

from dataclasses import dataclass
from typing import Any

from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import nn
from transformers import PreTrainedConfig, PreTrainedTokenizerBase
from trl.trainer.grpo_config import GRPOConfig

from rlvr.runner.shared_prefix.adapters import adds_virtual_tokens, base_model
from rlvr.runner.shared_prefix.prefix_sharing import PrefixSharing
from rlvr.runner.shared_prefix.trial import Score, find_difference

IMPLEMENTATIONS = ("sdpa", "flash_attention_2", "flash_attention_3")
DISTRIBUTIONS = {DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU}


@dataclass(frozen=True, slots=True)
class Training:
    """What sharing must agree with.

    `reference(model, input_ids, attention_mask, width)` is TRL's own computation of log-probabilities: (B, P + `width`) ids and
    mask -> (B, `width`). `tokenizer` is for the trial's text.
    """

    model: nn.Module
    args: GRPOConfig
    accelerator: Accelerator
    tokenizer: PreTrainedTokenizerBase
    reference: Score
    reads_images: bool = False
    has_auxiliary_loss: bool = False  # of experts


def obstacle_to(sharing: PrefixSharing, training: Training) -> str:
    """Why prompts can't be shared exactly in this training, in a few words; empty if they can."""
    return _known_obstacle(training) or find_difference(
        sharing, training.model, training.accelerator, training.tokenizer, training.reference
    )


def _known_obstacle(training: Training) -> str:
    args, distribution = training.args, training.accelerator.distributed_type
    base = base_model(training.model)
    config = base.config.get_text_config()
    checkpointing: Any = args.gradient_checkpointing_kwargs or {}
    rope: dict[str, Any] = getattr(config, "rope_parameters", None) or {}
    rope_type = rope.get("rope_type", "default")
    checks = {
        "the model also reads images": training.reads_images,
        f"training is distributed by {distribution.value}": distribution not in DISTRIBUTIONS,
        "the model is an encoder and a decoder": config.is_encoder_decoder,
        "the model is on several devices": len(set((getattr(base, "hf_device_map", None) or {}).values())) > 1,
        "use_liger_kernel replaces its layers": args.use_liger_kernel,
        "torch_compile": args.torch_compile,
        "the experts' auxiliary loss counts every token": training.has_auxiliary_loss,
        "dropout is random for each completion": _has_dropout(base, config),
        "some of its layers don't see all tokens before": _is_windowed(config),
        f"its rotary embedding ({rope_type}) depends on the length": rope_type in ("dynamic", "longrope"),
        "gradient checkpointing is reentrant": args.gradient_checkpointing and bool(checkpointing.get("use_reentrant")),
        "its adapter adds virtual tokens": adds_virtual_tokens(training.model),
        f"attention is {config._attn_implementation!r}, not 'sdpa' or 'flash_attention_2'": config._attn_implementation
        not in IMPLEMENTATIONS,
    }
    return next((obstacle for obstacle, present in checks.items() if present), "")


def _has_dropout(base: nn.Module, config: PreTrainedConfig) -> bool:
    layers = any(isinstance(m, nn.Dropout) and m.p > 0 for m in base.modules())
    return layers or any(getattr(config, name, 0) for name in ("attention_dropout", "attn_pdrop"))


def _is_windowed(config: PreTrainedConfig) -> bool:
    if kinds := getattr(config, "layer_types", None):
        return set(kinds) != {"full_attention"}
    return bool(getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True))
