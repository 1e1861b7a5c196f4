"""What a run is about to do: everything that can be determined and checked before a model is built or a folder created."""

import importlib.util
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.runner.display.terminal_view import View
from rlvr.runner.generation import models, vllm_backend
from rlvr.runner.generation.prompts import require_fit, tokenize
from rlvr.runner.process.garbage_collection import without_collection
from rlvr.runner.process.processes import ALONE, Processes
from rlvr.runner.process.setup import prepare_libraries, prepare_vllm
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.resolve import check_batch
from rlvr.runner.settings.run_config import RunConfig
from rlvr.runner.settings.trl_config import check_fields, grpo_config
from rlvr.runner.training import trackers
from rlvr.runner.training.prompt_sampler import PromptSampler
from rlvr.runner.training.stopping import StopFlag
from rlvr.tasks.overlap import Overlap, overlap
from rlvr.tasks.pack import Pack, Split
from rlvr.tasks.prompt import Prompt
from rlvr.tasks.shots import Shots, ShotSchedule
from rlvr.tasks.splits import load_split
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.types import Example
from rlvr.verifiers.verifier import Verifier

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

EVAL_SPLIT = "test"
LONGEST = 16  # questions of a split, by characters, whose prompts are tokenized to see whether all fit


@dataclass(frozen=True, slots=True)
class Plan:
    """What was determined and checked for one run."""

    pack: Pack
    config: RunConfig
    backend: str  # vllm or transformers
    model: models.Model
    tokenizer: "PreTrainedTokenizerBase"
    context: int  # tokens that the model can attend to
    train: Split
    test: Split | None  # None without evaluations
    eval_examples: Sequence[Example]  # the same ones for the same seed, at every evaluation
    shots: Shots  # of training prompts
    eval_shots: Shots
    sampler: PromptSampler
    shadow: Verifier | None
    contamination: Overlap  # evaluation questions that are in the training data or among the few-shot examples

    def record(self) -> dict[str, Any]:
        """What environment.json records of it, as JSON values."""
        overlapping = self.contamination
        return {
            "model": {"name": self.model.name, "origin": self.model.origin},
            "backend": self.backend,
            "data": {"train": dict(self.train.origin), "test": dict(self.test.origin) if self.test else None},
            "pack_folder": str(self.pack.folder),
            "verifier": self.pack.spec(),
            "reward_rule": self.pack.task.reward.model_dump(),
            "contamination": {
                "questions": overlapping.questions,
                "equal": [self.eval_examples[position].id for position in overlapping.equal],
                "similar": {self.eval_examples[position].id: shared for position, shared in overlapping.similar},
            },
        }


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all parts of a run share."""

    plan: Plan
    folder: RunFolder
    view: View
    engine: Engine
    processes: Processes
    stop: StopFlag


@without_collection()
def make_plan(pack: Pack, config: RunConfig, view: View, processes: Processes = ALONE) -> Plan:
    """Find model, data and back end, and check everything that they must agree on.

    Warns about substituted data and about evaluation questions in the training data. Raises PrerequisiteError for
    something that isn't installed or can't be reached, and ConfigError for settings that don't fit the pack, the data, the
    model, TRL or the number of processes.
    """
    require_training_stack()
    prepare_libraries()
    shots, eval_shots = training_shots(pack, config), evaluation_shots(pack, config)
    shadow = shadow_verifier(config)
    trackers.require(config.report_to)
    check_batch(config, processes.count)
    train = load_split(pack, "train", config.hub_mirror)
    test = load_split(pack, EVAL_SPLIT, config.hub_mirror) if config.eval_examples else None
    if train.substituted:
        view.warn(
            f"no hub, no mirror: {train.origin['instead_of']} is replaced by {train.origin['dataset']} "
            f"(seed {train.origin['seed']}); figures are NOT comparable with published ones. "
            "Give the real data with --hub-mirror or RLVR_HUB_MIRROR."
        )
    if len(train.examples) < config.prompts_per_step:
        raise ConfigError(
            f"prompts_per_step = {config.prompts_per_step}, but the training split has {len(train.examples)} examples"
        )
    sampler = prompt_sampler(config, train.examples)
    eval_examples = evaluation_examples(config, test)
    # The default is chosen once, by one process, and recorded: free memory may differ where the run is resumed.
    model_name = config.model or processes.from_main(
        lambda: models.default_model(trains_all_weights=not config.lora_rank)
    )
    config = config.model_copy(update={"model": model_name})
    backend = choose_backend(config.backend, model_name)
    if backend == "vllm":
        prepare_vllm()  # before TRL is imported
    check_fields(config.trl)
    model = models.resolve(model_name, view.say)
    contamination = overlap(
        [example.question for example in eval_examples],
        [example.question for example in train.examples] + [shot.example.question for shot in pack.shots],
    )
    if contamination.equal:
        view.warn(
            f"{len(contamination.equal)} of {contamination.questions} evaluation questions are in the training data or "
            f"among the few-shot examples, such as {eval_examples[contamination.equal[0]].question!r:.100}, so the "
            "accuracy on them is not meaningful"
        )
    tokenizer, context = models.tokenizer_and_context(model)
    plan = Plan(
        pack, config, backend, model, tokenizer, context, train, test, eval_examples, shots, eval_shots, sampler,
        shadow, contamination,
    )  # fmt: skip
    _check_prompts(plan)
    # DeepSpeed's settings change how models are loaded from the moment that they are read.
    if not (config.trl.get("deepspeed") or "ACCELERATE_USE_DEEPSPEED" in os.environ):
        grpo_config(config, Path(config.output), backend=backend, context=context, processes=processes)
    return plan


def training_shots(pack: Pack, config: RunConfig) -> Shots:
    """The few-shot examples of training prompts. Raises ConfigError for more than the pack has."""
    return Shots.of(
        pack,
        config.shots or ShotSchedule.constant(0),
        form=config.fewshot,
        drawn=config.draw_shots,
        seed=config.seed,
        steps=config.steps,
    )


def evaluation_shots(pack: Pack, config: RunConfig) -> Shots:
    """The few-shot examples of evaluation prompts. Raises ConfigError for more than the pack has."""
    return Shots.of(
        pack,
        ShotSchedule.constant(config.eval_shots or 0),
        form=config.eval_fewshot,
        drawn=config.eval_draw_shots,
        seed=config.seed,
    )


def evaluation_examples(config: RunConfig, test: Split | None) -> list[Example]:
    """The questions of every evaluation: the same ones for the same seed."""
    if test is None:
        return []
    count = min(config.eval_examples, len(test.examples))
    return random.Random(config.seed).sample(test.examples, count)


def prompt_sampler(config: RunConfig, examples: Sequence[Example]) -> PromptSampler:
    """What draws the questions of each step. Raises ConfigError for weights of categories that the examples don't have."""
    return PromptSampler(
        examples, config.seed, config.category_weights, config.category_boost_below, config.pass_rate_band or ()
    )


def shadow_verifier(config: RunConfig) -> Verifier | None:
    """The second verifier, which only observes. Raises ConfigError for an unknown one and for options it doesn't have."""
    options = dict(config.shadow_verifier)
    return registry().verifier(options.pop("name"), **options) if options else None


def require_training_stack() -> None:
    """Raises PrerequisiteError that names what is not installed."""
    missing = [
        name for name in ("torch", "transformers", "trl", "accelerate") if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise PrerequisiteError(f"training needs {', '.join(missing)}: pip install 'rlvr[train]' (or `make setup`)")


def choose_backend(wanted: str, model: str | None) -> str:
    """vllm or transformers, for the setting `backend`. Raises PrerequisiteError if vLLM is wanted and not installed."""
    if wanted == "vllm" and not vllm_backend.available():
        raise PrerequisiteError(
            "backend = vllm, but vLLM is not installed: `make setup`, pip install 'rlvr[vllm]' for a GPU, "
            "or --backend transformers"
        )
    if wanted == "auto":
        # For a tiny model, vLLM's start would take longer than the whole run.
        return "vllm" if vllm_backend.available() and model != models.TINY else "transformers"
    return wanted


def _check_prompts(plan: Plan) -> None:
    """Raises ConfigError if a prompt of training or evaluation doesn't fit the model's context."""
    config = plan.config
    most_shots = config.steps if plan.shots.schedule.last > plan.shots.schedule.first else 1  # at this step
    _check_longest(
        plan,
        plan.train.examples,
        lambda example: plan.shots.prompt(example, plan.tokenizer, most_shots),
        config.max_completion_length,
    )
    _check_longest(
        plan,
        plan.eval_examples,
        lambda example: plan.eval_shots.prompt(example, plan.tokenizer),
        config.evaluation_tokens,
    )


def _check_longest(
    plan: Plan, examples: Sequence[Example], prompt: Callable[[Example], Prompt], new_tokens: int
) -> None:
    longest = sorted(examples, key=lambda example: len(example.question), reverse=True)[:LONGEST]
    if longest:
        prompts = tokenize(list(map(prompt, longest)), plan.tokenizer)
        require_fit(max(map(len, prompts)), new_tokens, plan.context)
