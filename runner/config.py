"""What a run is: one flat table. Precedence: defaults < the pack's [run] < its profile < -c run.toml < flags."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from rlvr.sandboxes.errors import ConfigError
from rlvr.tasks.files import read_toml, validate
from rlvr.tasks.pack import Pack
from rlvr.tasks.schema import Positive, Table
from rlvr.verifiers.registry import did_you_mean

Share = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[int, Field(ge=0)]
Above0 = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RunConfig(Table):
    """Every field can stand in a pack's [run] table, in a run.toml, or be a flag of `rlvr run`."""

    model: str = ""  # hub id, folder or short name; empty: the default model
    backend: Literal["auto", "vllm", "transformers"] = "auto"  # what generates; auto: vLLM where it is installed
    seed: int = 0
    steps: Positive = 100
    prompts_per_step: Positive = 8
    generations: Annotated[int, Field(ge=2)] = 8  # completions a prompt: the group
    micro_batch: NotNegative = 0  # completions at once in forward and backward; 0: one group
    shots: NotNegative | None = None  # worked examples in a training prompt; None: as the pack's [prompt] says
    eval_shots: NotNegative | None = None  # in an evaluation prompt; None: as in training
    eval_questions: NotNegative = 200  # of the test split, before and after; 0: no evaluation
    max_completion_length: Positive = 256
    eval_max_tokens: NotNegative = 0  # 0: as max_completion_length
    temperature: Above0 = 1.0
    learning_rate: Above0 = 1e-6
    lora_rank: NotNegative = 0  # 0: all weights are trained
    max_error_rate: Share = 0.1  # share of verdicts `error` or `skipped` above which the run stops
    save_every: Positive = 50  # steps between checkpoints
    keep_checkpoints: Positive = 2
    hub_mirror: str = ""
    output: str = "runs"  # the folder in which the run's folder is made
    report_to: list[str] = []  # trackio, tensorboard, wandb, mlflow
    trl: dict[str, Any] = {}  # any other field of TRL's GRPOConfig


# Fields of GRPOConfig that a run sets itself -> the field of ours that rules it.
OWNED = {
    "output_dir": "output",
    "seed": "seed",
    "max_steps": "steps",
    "num_generations": "generations",
    "per_device_train_batch_size": "micro_batch",
    "gradient_accumulation_steps": "prompts_per_step",
    "generation_batch_size": "prompts_per_step",
    "steps_per_generation": "prompts_per_step",
    "max_completion_length": "max_completion_length",
    "temperature": "temperature",
    "learning_rate": "learning_rate",
    "use_vllm": "backend",
    "save_steps": "save_every",
    "save_total_limit": "keep_checkpoints",
    "report_to": "report_to",
    "logging_steps": "",
    "save_strategy": "",
    "reward_weights": "",
}


def resolve(pack: Pack, profile: str, file: Path | None, flags: Mapping[str, Any]) -> RunConfig:
    """The run's configuration. Raises ConfigError that names the file and field, or the profiles that there are."""
    defaults = dict(pack.task.run)
    profiles = defaults.pop("profiles", {})
    where = pack.folder / "task.toml"
    if not (isinstance(profiles, dict) and all(isinstance(table, dict) for table in profiles.values())):
        raise ConfigError(f"{where}: [run] profiles: expected tables [run.profiles.NAME]")
    merged = dict(defaults)
    validate(RunConfig, defaults, f"{where}: [run]")
    if profile:
        if profile not in profiles:
            known = ", ".join(profiles) or "none"
            raise ConfigError(
                f"--profile {profile}: pack {pack.name!r} has no such profile{did_you_mean(profile, profiles)} ({known})"
            )
        validate(RunConfig, profiles[profile], f"{where}: [run.profiles.{profile}]")
        merged |= profiles[profile]
    if file is not None:
        table = read_toml(file)
        validate(RunConfig, table, file)
        merged |= table
    merged |= {name: value for name, value in flags.items() if value is not None}
    config = validate(RunConfig, merged, "command line")
    shots = pack.task.prompt.shots if config.shots is None else config.shots
    config = config.model_copy(
        update={"shots": shots, "eval_shots": shots if config.eval_shots is None else config.eval_shots,
                "eval_max_tokens": config.eval_max_tokens or config.max_completion_length}
    )  # fmt: skip
    _check(config)
    return config


def _check(config: RunConfig) -> None:
    for name in config.trl:
        if name in OWNED:
            ours = OWNED[name]
            raise ConfigError(f"[trl] {name}: rlvr sets this itself" + (f"; set {ours!r} instead" if ours else ""))
    if config.micro_batch and (config.prompts_per_step * config.generations) % config.micro_batch:
        raise ConfigError(
            f"micro_batch = {config.micro_batch}: expected a divisor of prompts_per_step * generations "
            f"= {config.prompts_per_step * config.generations}"
        )
