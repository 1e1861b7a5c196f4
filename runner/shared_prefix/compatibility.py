"""Where sharing the prefix is exact: known obstacles first, then a trial of this very model against TRL's own path."""

from collections.abc import Callable
from typing import Any

import torch
from accelerate.utils import DistributedType, is_peft_model
from trl import GRPOTrainer

from rlvr.runner.shared_prefix import tree_attention
from rlvr.runner.shared_prefix.token_tree import rows_of
from rlvr.runner.shared_prefix.tree_attention import Unsupported


def base_model(model: Any) -> Any:
    """The model under a PEFT adapter, or the model."""
    # is_peft_model reads package metadata each time; this is asked in every step
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def adds_virtual_tokens(model: Any) -> bool:
    """Whether an adapter puts learnt tokens before each prompt."""
    return is_peft_model(model) and any(peft.is_prompt_learning for peft in model.peft_config.values())


def obstacle_to(trainer: Any, score: Callable[..., Any]) -> str:
    """Why prompts can't be shared exactly in this training, in a few words; empty where they can.

    `score(trainer, model, rows, width, batch_size, device)` is the computation to try.
    """
    args, config = trainer.args, trainer.model.config.get_text_config()
    rope = getattr(config, "rope_parameters", None) or {}
    kinds = {rope.get("rope_type", "default")} if isinstance(rope.get("rope_type", "default"), str) else set()
    base = base_model(trainer.model)
    checks = {
        "the model also reads images": trainer._is_vlm,
        f"training is distributed by {trainer.accelerator.distributed_type.value}": trainer.accelerator.distributed_type
        not in {DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU},
        "the model is an encoder and a decoder": config.is_encoder_decoder,
        "the model lies on several devices": len(set((getattr(base, "hf_device_map", None) or {}).values())) > 1,
        "use_liger_kernel replaces its layers": args.use_liger_kernel,
        "torch_compile": args.torch_compile,
        "the experts' auxiliary loss counts every token": trainer.aux_loss_enabled,
        "dropout is random for each completion": _has_dropout(base, config),
        "some of its layers don't see all tokens before": _is_windowed(config),
        f"its rotary embedding ({', '.join(sorted(kinds))}) depends on the length": bool(
            kinds & {"dynamic", "longrope"}
        ),
        "gradient checkpointing is reentrant": args.gradient_checkpointing
        and bool((args.gradient_checkpointing_kwargs or {}).get("use_reentrant")),
        "its adapter adds virtual tokens": adds_virtual_tokens(trainer.model),
        f"attention is {config._attn_implementation!r}, not 'sdpa' or 'flash_attention_2'": config._attn_implementation
        not in {"sdpa", "flash_attention_2", "flash_attention_3"},
    }
    for obstacle, present in checks.items():
        if present:
            return obstacle
    tree_attention.install(config._attn_implementation)
    return _differs(trainer, score)


def _has_dropout(base: Any, config: Any) -> bool:
    layers = any(isinstance(m, torch.nn.Dropout) and m.p > 0 for m in base.modules())
    return layers or any(getattr(config, name, 0) for name in ("attention_dropout", "attn_pdrop"))


def _is_windowed(config: Any) -> bool:
    if kinds := getattr(config, "layer_types", None):
        return set(kinds) != {"full_attention"}
    return bool(getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True))


def _differs(trainer: Any, score: Callable[..., Any]) -> str:
    """Try it on four short rows: architectures can differ in ways that no list foresees."""
    model = trainer.model
    vocabulary = model.config.get_text_config().vocab_size
    device, width = model.device, 4

    def tokens(count: int, start: int) -> list[int]:
        return [(start + 7 * i) % vocabulary for i in range(count)]

    prompts = [tokens(6, 3) + tokens(3, 11)] * 2 + [tokens(6, 3) + tokens(1, 12)] * 2
    longest = max(map(len, prompts))
    ids, mask = [], []
    for i, (prompt, length) in enumerate(zip(prompts, (4, 2, 3, 1), strict=True)):
        ids.append([0] * (longest - len(prompt)) + prompt + tokens(length, 5 + i) + [0] * (width - length))
        mask.append([0] * (longest - len(prompt)) + [1] * (len(prompt) + length) + [0] * (width - length))
    given = torch.tensor(ids, device=device), torch.tensor(mask, device=device)
    rows = rows_of(*given, width)
    assert rows is not None
    weights = sorted((p for p in model.parameters() if p.requires_grad), key=torch.Tensor.numel)[:8]
    was_training = model.training
    model.train()
    try:
        with torch.enable_grad():
            ours = score(trainer, model, rows, width, len(rows), device)[0]
            theirs = GRPOTrainer._get_per_token_logps_and_entropies(trainer, model, *given, width)[0]
            gradients = [torch.autograd.grad(x.sum(), weights, allow_unused=True) for x in (ours, theirs)]
    except (Unsupported, AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return f"{type(base_model(model)).__name__} can't run it ({reason})"
    finally:
        model.train(was_training)
    pairs = [(ours, theirs), *zip(*gradients, strict=True)]
    half = trainer.accelerator.mixed_precision in {"bf16", "fp16"} or model.dtype in {torch.bfloat16, torch.float16}
    worst = max(_difference(a, b) for a, b in pairs)
    if worst <= (0.1 if half else 1e-3):
        return ""
    return f"{type(base_model(model)).__name__} gives other log-probabilities with it (relative difference {worst:.2g})"


def _difference(a: torch.Tensor | None, b: torch.Tensor | None) -> float:
    if a is None or b is None:
        return 0.0 if a is b else float("inf")
    a, b = a.detach().float(), b.detach().float()
    return float((a - b).norm() / b.norm().clamp(min=1e-6))
