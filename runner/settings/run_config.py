"""What a run is: one flat table. Precedence: defaults < the pack's [run] < its profile < -c run.toml < flags."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from rlvr.errors import ConfigError
from rlvr.files import read_toml, validate
from rlvr.runner.alarms import AlarmSettings
from rlvr.runner.training.control_rewards import Arm
from rlvr.tasks.pack import Pack
from rlvr.tasks.schema import Finite, Positive, Table
from rlvr.tasks.shots import Form, parse_shots
from rlvr.text import did_you_mean

Share = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[int, Field(ge=0)]
Above0 = Annotated[float, Field(gt=0, allow_inf_nan=False)]


CATEGORY_WEIGHTS = ("none", "balanced", "proportional")


class RunConfig(Table):
    """Every field can stand in a pack's [run] table, in a run.toml, or be a flag of `rlvr run`."""

    model: str = ""  # hub id, folder or short name; empty: the default model
    backend: Literal["auto", "vllm", "transformers"] = "auto"  # what generates; auto: vLLM where it is installed
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    steps: Positive = 100
    prompts_per_step: Positive = 8
    group_size: Annotated[int, Field(ge=2)] = 8  # completions a prompt: the group
    micro_batch: NotNegative = 0  # completions at once in forward and backward; 0: one group
    # Worked examples in prompts (tasks/shots.py).
    shots: NotNegative | str | None = None  # in a training prompt, or a schedule "8->0"; None: as the pack says
    draw_shots: bool = False  # each training prompt draws its own
    fewshot: Form = ""  # turns of a chat, or a prefix of the question; empty: as the pack says
    eval_shots: NotNegative | None = None  # in an evaluation prompt; None: as in training, at the end of a schedule
    eval_draw_shots: bool = False
    eval_fewshot: Form = ""
    # Which questions are asked (runner/training/prompt_sampler.py), and what their answers are worth (runner/training/).
    category_weights: Literal["none", "balanced", "proportional"] | dict[str, Finite] = "none"  # of categories
    category_boost_below: Share = 0.0  # a category that falls by more below its best is asked twice as often; 0: off
    pass_rate_band: list[Share] = []  # [low, high]: questions outside this band of pass rates are rarely asked again
    resample_rounds: NotNegative = 0  # times that groups without variance are replaced by other questions
    reward: Arm = "verifier"  # random, format-only, constant: sham rewards for a control arm
    category_baseline: Share = 0.0  # weight of the category's running mean in the baseline
    category_scale: bool = False  # advantages are scaled by the category's deviation where it is the larger
    normalize_parts: bool = False  # each part of the reward is normalized on its own
    shadow_verifier: dict[str, Any] = {}  # a second verifier that only watches: name, and options
    # Evaluation.
    eval_examples: NotNegative = 200  # of the test split, before and after; 0: no evaluation
    eval_every: NotNegative = 0  # steps between evaluations during training; 0: none
    eval_samples: NotNegative = 0  # sampled completions a question beside the greedy one, for pass@k; 0: none
    early_stop: NotNegative = 0  # evaluations in a row without a better one after which the run stops; 0: never
    max_completion_length: Positive = 256
    eval_max_tokens: NotNegative = 0  # 0: as max_completion_length
    temperature: Above0 = 1.0
    learning_rate: Above0 = 1e-6
    lora_rank: NotNegative = 0  # 0: all weights are trained
    shared_prefix: bool = True  # what prompts have in common is computed once a step, where that is exact
    max_error_rate: Share = 0.1  # share of verdicts `error` or `skipped` above which the run stops
    on_alarm: Literal["warn", "stop"] = "warn"  # what a critical alarm does (docs/alarms.md)
    alarms: AlarmSettings = AlarmSettings()  # when they go off
    save_every: Positive = 50  # steps between checkpoints
    keep_checkpoints: Positive = 2  # and the best one, where the run evaluates
    hub_mirror: str = ""
    output: str = "runs"  # the folder in which the run's folder is made
    report_to: list[str] = []  # trackio, tensorboard, wandb, mlflow
    trl: dict[str, Any] = {}  # any other field of TRL's GRPOConfig

    @field_validator("shots", mode="before")
    @classmethod
    def _a_number_or_a_schedule(cls, value: Any) -> Any:
        if value is not None:
            parse_shots(value)
        return value

    @field_validator("category_weights", mode="before")
    @classmethod
    def _a_word_or_shares(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for name, share in value.items():
                if isinstance(share, bool) or not isinstance(share, int | float) or not math.isfinite(share):
                    raise ValueError(f"{name}: expected a finite number, found {share!r:.60}")
        elif value not in CATEGORY_WEIGHTS:
            raise ValueError(f"expected {', '.join(CATEGORY_WEIGHTS)} or a table of shares, found {value!r:.60}")
        return value


# Fields of GRPOConfig that a run sets itself -> the field of ours that rules it.
OWNED = {
    "output_dir": "output",
    "seed": "seed",
    "max_steps": "steps",
    "num_generations": "group_size",
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
    last = parse_shots(shots)[1]
    config = config.model_copy(
        update={"shots": shots, "eval_shots": last if config.eval_shots is None else config.eval_shots,
                "eval_max_tokens": config.eval_max_tokens or config.max_completion_length}
    )  # fmt: skip
    _check(config)
    return config


def _check(config: RunConfig) -> None:
    for name in config.trl:
        if name in OWNED:
            ours = OWNED[name]
            raise ConfigError(f"[trl] {name}: rlvr sets this itself" + (f"; set {ours!r} instead" if ours else ""))
    if config.pass_rate_band and not (
        len(config.pass_rate_band) == 2 and config.pass_rate_band[0] <= config.pass_rate_band[1]
    ):
        raise ConfigError(f"pass_rate_band = {config.pass_rate_band}: expected two pass rates [low, high]")
    if config.normalize_parts and (config.category_baseline or config.category_scale):
        raise ConfigError("normalize_parts doesn't go with category_baseline or category_scale: choose one")
    if config.early_stop and not (config.eval_every and config.eval_examples):
        raise ConfigError("early_stop needs evaluations: set eval_every and eval_examples")
    if config.shadow_verifier and not isinstance(config.shadow_verifier.get("name"), str):
        raise ConfigError("shadow_verifier: expected a table with the verifier's name, and its options")
    if config.micro_batch and (config.prompts_per_step * config.group_size) % config.micro_batch:
        raise ConfigError(
            f"micro_batch = {config.micro_batch}: expected a divisor of prompts_per_step * group_size "
            f"= {config.prompts_per_step * config.group_size}"
        )
