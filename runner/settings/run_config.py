"""The settings of a run, each declared once: type, default and meaning, for files, `rlvr run --help` and docs/runs.md.

In a file, settings are one flat table. A setting that is left out is None if its default follows from elsewhere: the
pack, the hardware, another setting. A setting that can be off is off at 0.
"""

import inspect
import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationInfo, field_validator

from rlvr.runner.alarms import AlarmSettings
from rlvr.runner.training.control_rewards import RewardSource
from rlvr.tasks.schema import Finite, Positive, Table
from rlvr.tasks.shots import Form, ShotSchedule


def _given(value: Any, info: ValidationInfo) -> Any:
    if value in ("", 0) and not isinstance(value, bool):
        text = " ".join((RunConfig.model_fields[str(info.field_name)].description or "").split())
        raise ValueError(f"expected a value, found {value!r}. {text[text.index('Left out:') :]}")
    return value


Share = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[int, Field(ge=0)]
Above0 = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Given = BeforeValidator(_given)  # for settings that are left out rather than empty
Schedule = Annotated[ShotSchedule, BeforeValidator(ShotSchedule.parse), PlainSerializer(ShotSchedule.as_setting)]
Backend = Literal["auto", "vllm", "transformers"]

CATEGORY_WEIGHTS = ("none", "balanced", "proportional")


class Settings(Table):
    """Settings of one subject; the first line of a subclass's docstring is its title."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class ModelSettings(Settings):
    """Model"""

    model: Annotated[str, Given] | None = None
    """A hub id, a local folder, or a short name such as smollm2-135m; tiny is a test model made on the spot. Left out:
    qwen2.5-1.5b with a GPU; else qwen2.5-coder-0.5b if there are 8 GiB of memory free (20 without LoRA), or smollm2-135m."""
    backend: Backend = "auto"
    """What generates completions. auto takes vLLM if it is installed, except for the model tiny."""
    lora_rank: NotNegative = 0
    """Train a LoRA adapter of this rank on all linear layers; 0 trains all weights."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Dtype of the weights that an adapter leaves alone. auto: bfloat16 if the hardware computes in it. Weights that are
    trained are float32 in any case: in bfloat16, small updates would be rounded away."""


class PromptSettings(Settings):
    """Prompts"""

    shots: Schedule | None = None
    """Few-shot examples in a training prompt: a number, or a schedule over the run such as "8->0". Left out: as the
    pack's [prompt] says."""
    draw_shots: bool = False
    """Each training prompt draws its own few-shot examples, with the seed; otherwise all use the pack's first ones."""
    fewshot: Form | None = None
    """Form of the few-shot examples: turns of a chat, or a prefix of the question. Left out: as the pack says."""
    eval_shots: NotNegative | None = None
    """Few-shot examples in an evaluation prompt. Left out: as in training, at the end of a schedule."""
    eval_draw_shots: bool = False
    """Each evaluation prompt draws its own few-shot examples."""
    eval_fewshot: Form | None = None
    """Form of the few-shot examples in evaluations. Left out: as the pack says."""


class SelectionSettings(Settings):
    """Data selection"""

    category_weights: Literal["none", "balanced", "proportional"] | dict[str, Finite] = "none"
    """How often each category is asked: balanced, proportional to the data, or none, which asks in shuffled passes. A
    TOML file can give a table of shares instead."""
    category_boost_below: Share = 0.0
    """Ask a category twice as often while its pass rate is more than this below its best; 0 is off."""
    pass_rate_band: tuple[Share, Share] | None = None
    """Two pass rates [low, high]: a question whose pass rate lies outside is rarely asked again. Left out: off."""
    resample_rounds: NotNegative = 0
    """Dynamic sampling: how many times a step replaces zero-variance groups, whose completions all get the same reward
    and which provide no learning signal. 0 is off."""
    hub_mirror: Annotated[str, Given] | None = None
    """A folder with copies of hub data sets. Left out: RLVR_HUB_MIRROR, otherwise the hub."""


class SamplingSettings(Settings):
    """Sampling"""

    prompts_per_step: Positive = 8
    """Questions per step."""
    group_size: Annotated[int, Field(ge=2)] = 8
    """Completions per question, at least 2: the group whose rewards are compared."""
    max_completion_length: Positive = 256
    """Most tokens of a completion."""
    temperature: Above0 = 1.0
    """Temperature in training and for pass@k; other evaluations are greedy."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed for the choice of evaluation questions, the order of the data, sampling and initialization."""


class RewardSettings(Settings):
    """Rewards"""

    reward: RewardSource = "verifier"
    """What is rewarded. random, format-only and constant are control rewards, to compare with (see `rlvr compare`)."""
    category_baseline: Share = 0.0
    """Weight of the category's running mean in the baseline of the advantages; 0 is off."""
    category_scale: bool = False
    """Scale advantages by the category's running deviation if it is larger than the group's."""
    normalize_parts: bool = False
    """Normalize each part of the reward on its own within its group."""
    shadow_verifier: dict[str, Any] = {}
    """A second verifier that only observes: a table with its name and options."""
    max_error_rate: Share = 0.1
    """Stop the run when more than this share of the last 256 verdicts is error or skipped."""
    signal_check: NotNegative = 8
    """Before training, sample this many groups, and stop if the rewards differ in none (docs/training.md); 0 is off."""


class OptimizerSettings(Settings):
    """Optimizer"""

    steps: Positive = 100
    """Updates to make."""
    learning_rate: Above0 = 1e-6
    """Learning rate of the optimizer."""
    micro_batch: Annotated[Positive, Given] | None = None
    """Completions per forward and backward pass; must divide prompts_per_step * group_size. Left out: one group."""
    shared_prefix: bool = True
    """Compute what prompts have in common once a step, if that is exact (docs/performance.md)."""
    trl: dict[str, Any] = {}
    """Any other field of TRL's GRPOConfig."""


class EvaluationSettings(Settings):
    """Evaluation"""

    eval_examples: NotNegative = 200
    """Test questions asked before and after training; 0 for no evaluation."""
    eval_every: NotNegative = 0
    """Steps between evaluations during training; the best model is kept in best/ of the run's folder. 0 is off."""
    eval_samples: NotNegative = 0
    """Sampled completions of each evaluation question besides the greedy one, for pass@k; 0 for none."""
    eval_max_tokens: Annotated[Positive, Given] | None = None
    """Most tokens of a completion in evaluations. Left out: max_completion_length."""
    early_stop: NotNegative = 0
    """Stop after this many evaluations in a row without a better one; 0 is off."""


class OutputSettings(Settings):
    """Checkpoints and output"""

    save_every: Positive = 50
    """Steps between checkpoints."""
    keep_checkpoints: Positive = 2
    """How many of the newest checkpoints to keep, besides the best model in best/."""
    output: str = "runs"
    """The folder in which the run's folder is created."""
    report_to: list[str] = []
    """Trackers that also get the metrics: trackio, tensorboard, wandb, mlflow."""
    on_alarm: Literal["warn", "stop"] = "warn"
    """What a critical alarm does, such as collapsed entropy: warn, or stop the run after saving it."""
    alarms: AlarmSettings = AlarmSettings()
    """When alarms go off: a table (docs/alarms.md)."""


class RunConfig(  # pydantic lists the fields of the last base first
    OutputSettings,
    EvaluationSettings,
    OptimizerSettings,
    RewardSettings,
    SamplingSettings,
    SelectionSettings,
    PromptSettings,
    ModelSettings,
):
    """All settings of a run. Each can be in a pack's [run] table or in a run.toml; all but tables are flags of `rlvr run`."""

    @property
    def evaluation_tokens(self) -> int:
        """Most tokens of a completion in evaluations."""
        return self.eval_max_tokens or self.max_completion_length

    @field_validator("pass_rate_band", mode="before")
    @classmethod
    def _two_rates(cls, value: Any) -> Any:
        if value is not None and not (isinstance(value, list | tuple) and len(value) == 2):
            raise ValueError(f"expected two pass rates [low, high], found {value!r:.60}")
        return value

    @field_validator("pass_rate_band")
    @classmethod
    def _low_first(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and value[0] > value[1]:
            raise ValueError(f"expected two pass rates [low, high], found {list(value)}")
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


# Fields of GRPOConfig that a run sets itself -> the setting that rules it.
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


def subject_of(field: str) -> str:
    """The title of the subject that a setting belongs to, such as "Sampling"."""
    base = next(base for base in RunConfig.__mro__ if field in inspect.get_annotations(base))
    return (base.__doc__ or "").partition("\n")[0]
