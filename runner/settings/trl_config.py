"""The run's settings as TRL's GRPOConfig, and what the table [trl] may set."""

import contextlib
import dataclasses
import enum
import functools
import importlib.util
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.runner.process.processes import ALONE, Processes
from rlvr.runner.settings.run_config import RunConfig
from rlvr.text import did_you_mean

if TYPE_CHECKING:
    from peft import LoraConfig
    from trl import GRPOConfig

# What TRL compares these fields with; TRL itself complains only in the middle of the first step.
CHOICES: dict[str, tuple[str | bool, ...]] = {
    "loss_type": ("grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo", "vespo"),
    "scale_rewards": ("group", "batch", "none", True, False),
    "importance_sampling_level": ("token", "sequence"),
    "multi_objective_aggregation": ("sum_then_normalize", "normalize_then_sum"),
    "vllm_mode": ("colocate", "server"),
    "vllm_importance_sampling_mode": ("token_truncate", "token_mask", "sequence_truncate", "sequence_mask"),
}


def check_fields(table: Mapping[str, Any]) -> None:
    """Check the table [trl] before anything is created.

    Raises ConfigError for a field that GRPOConfig doesn't have and for a value of the wrong type, PrerequisiteError for a
    library that a field needs and that isn't installed.
    """
    if not table:
        return
    types = _types()
    for name, value in table.items():
        if name not in types:
            raise ConfigError(f"[trl] {name}: TRL's GRPOConfig has no such field{did_you_mean(name, types)}")
        choices = CHOICES.get(name) or _members(types[name])
        if choices:
            if value not in choices:
                words = ", ".join(repr(word) for word in choices if isinstance(word, str))
                raise ConfigError(f"[trl] {name} = {value!r:.60}: expected one of {words}")
            continue
        try:
            TypeAdapter(types[name], config=ConfigDict(arbitrary_types_allowed=True, strict=True)).validate_python(
                value
            )
        except ValidationError as error:
            wanted = "; or ".join(dict.fromkeys(problem["msg"] for problem in error.errors()))
            raise ConfigError(f"[trl] {name} = {value!r:.60}: {wanted}") from None
    if table.get("deepspeed") and importlib.util.find_spec("deepspeed") is None:
        raise PrerequisiteError("[trl] deepspeed: DeepSpeed is not installed: pip install deepspeed")


def _members(kind: object) -> tuple[str, ...]:
    """The values of an enumeration, by which a field of its type can be set."""
    enums = [part for part in typing.get_args(kind) if isinstance(part, type) and issubclass(part, enum.Enum)]
    return tuple(member.value for members in enums for member in members)


@functools.cache
def _types() -> dict[str, Any]:
    """Field of GRPOConfig -> its type."""
    from trl import GRPOConfig

    hints = typing.get_type_hints(GRPOConfig)
    return {field.name: hints[field.name] for field in dataclasses.fields(GRPOConfig) if field.init}


def grpo_config(
    config: RunConfig, output: Path, *, backend: str, context: int, tiny: bool = False, processes: Processes = ALONE
) -> "GRPOConfig":
    """The run's settings as TRL's GRPOConfig, with checkpoints in `output`.

    `context` is how many tokens the model can attend to. For a `tiny` model, calls cost more than memory saves, so that
    all completions go through it at once. Raises ConfigError for a field of [trl] that TRL refuses, PrerequisiteError for
    a library that it needs.
    """
    import torch
    from trl import GRPOConfig

    gpu = torch.cuda.is_available()
    batch = config.prompts_per_step * config.group_size
    micro = config.micro_batch or (batch // processes.count if tiny else config.group_size)
    fields: dict[str, Any] = {
        "output_dir": str(output),
        "seed": config.seed,
        "max_steps": config.steps,
        "num_generations": config.group_size,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": batch // micro // processes.count,
        "steps_per_generation": batch // micro // processes.count,
        "max_completion_length": config.max_completion_length,
        "temperature": config.temperature,
        "learning_rate": config.learning_rate,
        "use_vllm": backend == "vllm",
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": config.save_every,
        "save_total_limit": config.keep_checkpoints,
        "report_to": config.report_to or "none",
        # Below are defaults that [trl] may change.
        "vllm_mode": "colocate",
        "vllm_max_model_length": min(context, 4096),
        "use_cpu": not gpu,
        "bf16": not tiny and not config.trl.get("fp16") and has_bfloat16(),
        "gradient_checkpointing": gpu,
        "lr_scheduler_type": "constant",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "log_completions": False,
        "dataloader_pin_memory": gpu,
    }
    try:
        return GRPOConfig(**fields | config.trl)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"[trl]: {str(error).replace('GRPOConfig.__init__() ', '')}") from None
    except ImportError as error:
        raise PrerequisiteError(f"[trl]: {error}") from None


def has_bfloat16() -> bool:
    """Whether the processor or the GPU computes in bfloat16."""
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        return not {"avx512_bf16", "amx_bf16"}.isdisjoint(file.read().split())
    return False


def loads_bfloat16(config: RunConfig) -> bool:
    """Whether the model is loaded in bfloat16: only under an adapter, which itself is float32."""
    return bool(config.lora_rank) and (config.dtype == "bfloat16" or (config.dtype == "auto" and has_bfloat16()))


def lora(config: RunConfig) -> "LoraConfig | None":
    """The LoraConfig of `lora_rank`: all linear layers, alpha twice the rank; None if all weights are trained."""
    if not config.lora_rank:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=config.lora_rank, lora_alpha=2 * config.lora_rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )
