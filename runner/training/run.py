"""One run: evaluate, train with GRPO, evaluate again, report. Everything that it makes lies in the run's folder."""

import contextlib
import functools
import importlib.util
import os
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.runner.display.terminal_view import View
from rlvr.runner.generation import models, vllm_backend
from rlvr.runner.generation.prompts import require_fit, tokenize
from rlvr.runner.generation.trl_patches import trl_without_vllm
from rlvr.runner.process.garbage_collection import long_lived, without_collection
from rlvr.runner.process.memory import keep_memory
from rlvr.runner.process.processes import ALONE, Processes
from rlvr.runner.process.quiet import quiet_libraries
from rlvr.runner.run_folder.checkpoints import step_of
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig, check_batch
from rlvr.runner.settings.trl_config import check_fields, grpo_config, lora
from rlvr.runner.training import trackers
from rlvr.runner.training.advantages import Advantages
from rlvr.runner.training.periodic_evaluation import Evaluations, evaluation_shots
from rlvr.runner.training.prompt_sampler import PromptSampler
from rlvr.runner.training.recorder import Log
from rlvr.tasks.overlap import Overlap, overlap
from rlvr.tasks.pack import Pack, Split
from rlvr.tasks.shots import Shots, ShotSchedule
from rlvr.tasks.splits import load_split
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.plugins.registry import registry
from rlvr.verifiers.types import Example
from rlvr.verifiers.verifier import Verifier

EVAL_SPLIT = "test"
TINY_PARAMETERS = 5_000_000  # below, threads and bfloat16 cost more than they bring


@dataclass(frozen=True)
class Plan:
    """What a run is about to do: everything that can be known, and checked, before a model is built."""

    pack: Pack
    config: RunConfig
    model: models.Model
    train: Split
    test: Split | None
    backend: str

    @property
    def eval_examples(self) -> list[Example]:
        """The same questions for the same seed, before and after."""
        if self.test is None or not self.config.eval_examples:
            return []
        examples = self.test.examples
        count = min(self.config.eval_examples, len(examples))
        return random.Random(self.config.seed).sample(examples, count)

    @functools.cached_property
    def tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self.model.path)

    @functools.cached_property
    def context(self) -> int:
        """How many tokens the model can attend to."""
        from transformers import AutoConfig

        return context_of(AutoConfig.from_pretrained(self.model.path), self.tokenizer)

    @functools.cached_property
    def contamination(self) -> Overlap:
        """Evaluation questions that stand in the training data or among the worked examples."""
        known = [example.question for example in self.train.examples]
        known += [shot.example.question for shot in self.pack.shots]
        return overlap([example.question for example in self.eval_examples], known)

    @property
    def contamination_report(self) -> dict[str, Any]:
        """The same, as JSON values with the ids of the questions."""
        found, examples = self.contamination, self.eval_examples
        return {
            "questions": found.questions,
            "equal": [examples[position].id for position in found.equal],
            "similar": {examples[position].id: shared for position, shared in found.similar},
        }


@without_collection()
def plan(pack: Pack, config: RunConfig, view: View) -> Plan:
    """Resolve model, data and back end. Raises ConfigError or PrerequisiteError."""
    require_training_stack()
    quiet_libraries()
    training_shots(pack, config)
    evaluation_shots(pack, config)
    shadow_of(config)
    trackers.require(config.report_to)
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
    sampler_of(config, train.examples)
    if (backend := choose_backend(config)) == "vllm":
        vllm_backend.prepare_environment()  # before TRL is imported
    check_fields(config.trl)
    model = models.resolve(config.model or models.default_model(), view.say)
    plan = Plan(pack, config, model, train, test, backend)
    known = plan.contamination
    if known.equal:
        view.warn(
            f"{len(known.equal)} of {known.questions} evaluation questions stand in the training data or among the "
            f"worked examples, such as {plan.eval_examples[known.equal[0]].question!r:.100}: accuracy says little of them"
        )
    return plan


def training_shots(pack: Pack, config: RunConfig) -> Shots:
    return Shots.of(
        pack,
        config.shots or ShotSchedule.constant(0),
        form=config.fewshot,
        drawn=config.draw_shots,
        seed=config.seed,
        steps=config.steps,
    )


def sampler_of(config: RunConfig, examples: list[Example]) -> PromptSampler:
    return PromptSampler(
        examples, config.seed, config.category_weights, config.category_boost_below, config.pass_rate_band or ()
    )


def shadow_of(config: RunConfig) -> Verifier | None:
    """The second verifier that only watches. Raises ConfigError for one that isn't there."""
    options = dict(config.shadow_verifier)
    return registry().verifier(options.pop("name"), **options) if options else None


def require_training_stack() -> None:
    missing = [
        name for name in ("torch", "transformers", "trl", "accelerate") if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise PrerequisiteError(f"training needs {', '.join(missing)}: pip install 'rlvr[train]' (or `make setup`)")


def choose_backend(config: RunConfig) -> str:
    """vllm or transformers. Raises PrerequisiteError where vLLM is asked for and missing."""
    if config.backend == "vllm" and not vllm_backend.available():
        raise PrerequisiteError(
            "backend = vllm, but vLLM is not installed: `make setup`, pip install 'rlvr[vllm]' for a GPU, "
            "or --backend transformers"
        )
    if config.backend == "auto":
        # For a tiny model, vLLM's start would take longer than the whole run.
        use = vllm_backend.available() and config.model != models.TINY
        return "vllm" if use else "transformers"
    return config.backend


@without_collection()
def check(plan: Plan, processes: Processes = ALONE) -> None:
    """What can be found wrong with a plan before its folder is made and its model is loaded.

    Raises ConfigError for numbers that don't divide among the processes, for a prompt that doesn't fit the model's
    context, and for what TRL refuses.
    """
    config = plan.config
    check_batch(config, processes.count)
    shots = training_shots(plan.pack, config)
    fullest = config.steps if shots.schedule.last > shots.schedule.first else 1
    _check_prompts(
        plan, plan.train.examples, lambda e: shots.prompt(e, plan.tokenizer, fullest), config.max_completion_length
    )
    asked = evaluation_shots(plan.pack, config)
    _check_prompts(plan, plan.eval_examples, lambda e: asked.prompt(e, plan.tokenizer), config.eval_max_tokens or 0)
    # DeepSpeed's settings change how models are loaded from the moment that they are read.
    if not (config.trl.get("deepspeed") or "ACCELERATE_USE_DEEPSPEED" in os.environ):
        grpo_config(plan, RunFolder(Path(config.output)), plan.context, False, processes)


def _check_prompts(plan: Plan, examples: Sequence[Example], prompt: Callable[[Example], str], tokens: int) -> None:
    """Raises ConfigError if a prompt doesn't fit; the longest questions stand for the rest."""
    if not examples:
        return
    longest = sorted(examples, key=lambda e: len(e.question), reverse=True)[:16]
    prompts = tokenize(plan.pack, longest, list(map(prompt, longest)), plan.tokenizer)
    require_fit(max(map(len, prompts)), tokens, plan.context)


class Ending(StrEnum):
    """How a run went to its end, or did not."""

    DONE = "done"
    INTERRUPTED = "interrupted"  # by Ctrl-C: saved, to be continued
    ALARM = "alarm"  # with on_alarm = stop


def run(plan: Plan, folder: RunFolder, view: View, *, resume: bool = False, processes: Processes = ALONE) -> Ending:
    """Carry the plan out in `folder`."""
    import torch
    from transformers import AutoModelForCausalLM

    if plan.backend == "vllm" and not torch.cuda.is_available():
        keep_memory()
    config, tokenizer, context = plan.config, plan.tokenizer, plan.context
    view.say(f"loading {plan.model.name} ({plan.model.origin})")
    model = AutoModelForCausalLM.from_pretrained(plan.model.path, dtype=torch.float32)
    tiny = sum(p.numel() for p in model.parameters()) < TINY_PARAMETERS
    if tiny:
        torch.set_num_threads(1)
    checkpoint = folder.last_checkpoint() if resume else None
    if resume and processes.main:
        folder.rewind(step_of(checkpoint))
    processes.wait()
    log = Log(folder, view, config)
    with Engine() as engine:
        trainer = _trainer(plan, folder, log, view, engine, model, tokenizer, context, tiny, processes)
        from transformers import PrinterCallback

        trainer.remove_callback(PrinterCallback)  # the view shows the metrics
        trainer.add_callback(view.callback(config.steps))
        evaluations = Evaluations(plan, folder, view, trainer, tokenizer, engine, context, processes, log.evaluation)
        # Alarms are the main process's, and stop all of them.
        trainer.on_step = lambda step: evaluations.at(step) or processes.from_main(lambda: log.stopped)
        if checkpoint:
            trainer.restore(checkpoint)
        evaluations.before(again=not resume)
        with _stop_on_interrupt(trainer, view), long_lived():
            trainer.start_clock()
            done = step_of(checkpoint)
            if checkpoint and (done >= config.steps or (evaluations.enough() and not evaluations.ended)):
                trainer.load(checkpoint)  # killed between the last step and the last evaluation
            else:
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        if trainer.interrupted:
            return Ending.INTERRUPTED
        evaluations.after(trainer.state.global_step)
        trackers.finish(config.report_to)
        if processes.main:
            folder.finish()
    return Ending.ALARM if processes.from_main(lambda: log.stopped) else Ending.DONE


def context_of(model_config: Any, tokenizer: Any) -> int:
    """How many tokens the model can attend to."""
    limit = getattr(model_config, "max_position_embeddings", None) or tokenizer.model_max_length
    return int(min(limit, tokenizer.model_max_length))


@without_collection()
def _trainer(
    plan: Plan, folder: RunFolder, log: Log, view: View, engine: Engine, model: Any, tokenizer: Any, context: int,
    tiny: bool, processes: Processes,
) -> Any:  # fmt: skip
    with contextlib.nullcontext() if plan.backend == "vllm" else trl_without_vllm():
        from rlvr.runner.training.trainer import Task, Trainer

    config, pack = plan.config, plan.pack
    shots = training_shots(pack, config)
    task = Task(
        pack,
        plan.train.examples,
        lambda example, step: shots.prompt(example, tokenizer, step),
        engine,
        sampler_of(config, plan.train.examples),
        Advantages(config.category_baseline, config.category_scale, config.normalize_parts),
        config.reward,
        shadow_of(config),
        config.resample_rounds,
        config.max_error_rate,
        config.seed,
    )

    trainer = Trainer(
        task,
        model=model,
        tokenizer=tokenizer,
        args=grpo_config(plan, folder, context, tiny, processes),
        on_rollouts=log.rollouts,
        on_metrics=lambda row: log.metrics({**row, "shots": shots.count(row["step"])}),
        context=context,
        peft_config=lora(config),
        shared_prefix=config.shared_prefix,
        say=view.say,
    )
    trainer.interrupted = False
    return trainer


@contextlib.contextmanager
def _stop_on_interrupt(trainer: Any, view: View) -> Iterator[None]:
    """First Ctrl-C: finish the step, save, stop. Second: at once."""

    def stop(*_: object) -> None:
        if trainer.interrupted:
            raise KeyboardInterrupt
        trainer.interrupted = True
        trainer.add_callback(_stopper())
        view.say("stopping after this step and saving it; press Ctrl-C again to stop at once")

    try:
        before = signal.signal(signal.SIGINT, stop)
    except ValueError:  # not the main thread: whoever runs us handles signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _stopper() -> Any:
    from transformers import TrainerCallback

    class Stop(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_save = True
            control.should_training_stop = True

    return Stop()
