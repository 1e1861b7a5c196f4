"""The run's configuration as TRL's GRPOConfig, and what may stand in its table [trl]."""

import contextlib
import dataclasses
import enum
import functools
import importlib.util
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.runner.process.processes import ALONE, Processes
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig
from rlvr.text import did_you_mean

if TYPE_CHECKING:
    from rlvr.runner.training.run import Plan

# What TRL compares these fields with; it says so only in the middle of the first step.
CHOICES: dict[str, tuple[str | bool, ...]] = {
    "loss_type": ("grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo", "vespo"),
    "scale_rewards": ("group", "batch", "none", True, False),
    "importance_sampling_level": ("token", "sequence"),
    "multi_objective_aggregation": ("sum_then_normalize", "normalize_then_sum"),
    "vllm_mode": ("colocate", "server"),
    "vllm_importance_sampling_mode": ("token_truncate", "token_mask", "sequence_truncate", "sequence_mask"),
}


def check_fields(table: Mapping[str, Any]) -> None:
    """Look at [trl] before anything is made.

    Raises ConfigError for a field that GRPOConfig doesn't have and for a value of another type, and PrerequisiteError
    for a library that a field needs and that isn't there.
    """
    if not table:
        return
    known = _types()
    for name, value in table.items():
        if name not in known:
            raise ConfigError(f"[trl] {name}: TRL's GRPOConfig has no such field{did_you_mean(name, known)}")
        choices = CHOICES.get(name) or _members(known[name])
        if choices:
            if value not in choices:
                words = ", ".join(repr(word) for word in choices if isinstance(word, str))
                raise ConfigError(f"[trl] {name} = {value!r:.60}: expected one of {words}")
            continue
        try:
            TypeAdapter(known[name], config=ConfigDict(arbitrary_types_allowed=True, strict=True)).validate_python(
                value
            )
        except ValidationError as error:
            wanted = "; or ".join(dict.fromkeys(problem["msg"] for problem in error.errors()))
            raise ConfigError(f"[trl] {name} = {value!r:.60}: {wanted}") from None
    if table.get("deepspeed") and importlib.util.find_spec("deepspeed") is None:
        raise PrerequisiteError("[trl] deepspeed: DeepSpeed is not installed: pip install deepspeed")


def _members(kind: Any) -> tuple[str, ...]:
    """The words of an enumeration that a field may be given by."""
    enums = [one for one in typing.get_args(kind) if isinstance(one, type) and issubclass(one, enum.Enum)]
    return tuple(member.value for one in enums for member in one)


@functools.cache
def _types() -> dict[str, Any]:
    """Field of GRPOConfig -> its type."""
    from trl import GRPOConfig

    hints = typing.get_type_hints(GRPOConfig)
    return {field.name: hints[field.name] for field in dataclasses.fields(GRPOConfig) if field.init}


def grpo_config(plan: "Plan", folder: RunFolder, context: int, tiny: bool, processes: Processes = ALONE) -> Any:
    """The run's configuration as TRL's GRPOConfig.

    Raises ConfigError for a field of [trl] that it refuses, PrerequisiteError for a library that it needs.
    """
    import torch
    from trl import GRPOConfig

    config = plan.config
    gpu = torch.cuda.is_available()
    batch = config.prompts_per_step * config.group_size
    # For a tiny model, calls cost more than memory saves.
    micro = config.micro_batch or (batch // processes.count if tiny else config.group_size)
    fields: dict[str, Any] = {
        "output_dir": str(folder.checkpoints),
        "seed": config.seed,
        "max_steps": config.steps,
        "num_generations": config.group_size,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": batch // micro // processes.count,
        "steps_per_generation": batch // micro // processes.count,
        "max_completion_length": config.max_completion_length,
        "temperature": config.temperature,
        "learning_rate": config.learning_rate,
        "use_vllm": plan.backend == "vllm",
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": config.save_every,
        "save_total_limit": config.keep_checkpoints,
        "report_to": config.report_to or "none",
        # From here on, defaults that [trl] may change.
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
        return torch.cuda.is_bf16_supported()
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        return not {"avx512_bf16", "amx_bf16"}.isdisjoint(file.read().split())
    return False


def lora(config: RunConfig) -> Any:
    if not config.lora_rank:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=config.lora_rank, lora_alpha=2 * config.lora_rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )
