"""Where sharing the prefix is exact: known obstacles first, then a trial of this very model against TRL's own path."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import Tensor, nn
from transformers import PreTrainedConfig
from trl.trainer.grpo_config import GRPOConfig

from rlvr.runner.shared_prefix.adapters import adds_virtual_tokens, base_model
from rlvr.runner.shared_prefix.prefix_sharing import PrefixSharing
from rlvr.runner.shared_prefix.token_tree import token_rows
from rlvr.runner.shared_prefix.tree_attention import Unsupported

Reference = Callable[[nn.Module, Tensor, Tensor, int], Tensor]
IMPLEMENTATIONS = ("sdpa", "flash_attention_2", "flash_attention_3")
DISTRIBUTIONS = {DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU}


@dataclass(frozen=True, slots=True)
class Training:
    """What sharing must agree with.

    `reference(model, input_ids, attention_mask, width)` is TRL's own computation of log-probabilities: (B, P + `width`) ids and
    mask -> (B, `width`).
    """

    model: nn.Module
    args: GRPOConfig
    accelerator: Accelerator
    reference: Reference
    reads_images: bool = False
    has_auxiliary_loss: bool = False  # of experts


def obstacle_to(sharing: PrefixSharing, training: Training) -> str:
    """Why prompts can't be shared exactly in this training, in a few words; empty if they can."""
    return _known_obstacle(training) or _differs(sharing, training)


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


def _differs(sharing: PrefixSharing, training: Training) -> str:
    """Try it on four short rows: architectures can differ in ways that no list foresees."""
    model = training.model
    base = base_model(model)
    vocabulary = base.config.get_text_config().vocab_size
    device, width = base.device, 4

    def tokens(count: int, start: int) -> list[int]:
        return [(start + 7 * i) % vocabulary for i in range(count)]

    prompts = [tokens(6, 3) + tokens(3, 11)] * 2 + [tokens(6, 3) + tokens(1, 12)] * 2
    longest = max(map(len, prompts))
    rows, masks = [], []
    for i, (prompt, length) in enumerate(zip(prompts, (4, 2, 3, 1), strict=True)):
        rows.append([0] * (longest - len(prompt)) + prompt + tokens(length, 5 + i) + [0] * (width - length))
        masks.append([0] * (longest - len(prompt)) + [1] * (len(prompt) + length) + [0] * (width - length))
    ids, mask = torch.tensor(rows, device=device), torch.tensor(masks, device=device)
    assert token_rows(ids, mask, width) is not None
    weights = sorted((p for p in model.parameters() if p.requires_grad), key=Tensor.numel)[:8]
    was_training = model.training
    model.train()
    try:
        with torch.enable_grad(), sharing.attention():
            scores = sharing.score(model, ids, mask, width)
            assert scores is not None
            ours = scores[0]
            theirs = training.reference(model, ids, mask, width)
            gradients = [torch.autograd.grad(x.sum(), weights, allow_unused=True) for x in (ours, theirs)]
    except (Unsupported, AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return f"{type(base).__name__} can't run it ({reason})"
    finally:
        model.train(was_training)
    pairs = [(ours, theirs), *zip(*gradients, strict=True)]
    half = training.accelerator.mixed_precision in {"bf16", "fp16"} or base.dtype in {torch.bfloat16, torch.float16}
    worst = max(_difference(a, b) for a, b in pairs)
    if worst <= (0.1 if half else 1e-3):
        return ""
    return f"{type(base).__name__} gives other log-probabilities with it (relative difference {worst:.2g})"


def _difference(a: Tensor | None, b: Tensor | None) -> float:
    if a is None or b is None:
        return 0.0 if a is b else float("inf")
    a, b = a.detach().float(), b.detach().float()
    return float((a - b).norm() / b.norm().clamp(min=1e-6))
