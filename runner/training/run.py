"""One run, from top to bottom: evaluate, train with GRPO, evaluate again. All that it writes is in the run's folder."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from rlvr.runner.display.terminal_view import View
from rlvr.runner.generation import models
from rlvr.runner.generation.prompts import PromptEncoder
from rlvr.runner.generation.trl_patches import trl_without_vllm
from rlvr.runner.process.garbage_collection import long_lived, without_collection
from rlvr.runner.process.processes import ALONE, Processes
from rlvr.runner.process.setup import prepare_memory, prepare_threads
from rlvr.runner.run_folder.checkpoints import step_of
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.trl_config import grpo_config, loads_bfloat16, lora
from rlvr.runner.training import trackers
from rlvr.runner.training.advantages import Advantages
from rlvr.runner.training.periodic_evaluation import PeriodicEvaluation
from rlvr.runner.training.plan import Plan, RunContext
from rlvr.runner.training.recorder import Recorder
from rlvr.runner.training.rollouts import RolloutSettings, RolloutWorker
from rlvr.runner.training.signal_check import check_signal
from rlvr.runner.training.stopping import Ending, StopFlag, stopping_on_interrupt
from rlvr.verifiers.engine.engine import Engine

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from rlvr.runner.training.trainer import Trainer


def run(
    plan: Plan,
    folder: RunFolder,
    view: View,
    *,
    resume: bool = False,
    force: bool = False,
    processes: Processes = ALONE,
) -> Ending:
    """Carry the plan out in `folder`; with `resume`, from its last checkpoint. Returns how the run ended.

    Raises ConfigError for a checkpoint that doesn't fit the plan, NoLearningSignal for a new run that has nothing to learn
    from, unless `force`, TooManyErrors if verifying fails too often, and KeyboardInterrupt at the second Ctrl-C.
    """
    prepare_memory(plan.backend)
    view.say(f"loading {plan.model.name} ({plan.model.origin})")
    model = models.load_for_training(plan.model, bfloat16=loads_bfloat16(plan.config))
    prepare_threads(models.is_tiny(model))
    checkpoint = folder.last_checkpoint() if resume else None
    if resume and processes.main:
        folder.rewind(step_of(checkpoint))
    processes.wait()
    with Engine() as engine:
        context = RunContext(plan, folder, view, engine, processes, StopFlag())
        recorder = Recorder(context)
        evaluation = PeriodicEvaluation(context, recorder.evaluation)
        trainer = _trainer(context, model, recorder, evaluation)
        if checkpoint:
            trainer.worker.restore(checkpoint)
        if not resume:
            check_signal(context, trainer, force=force)
        evaluation.before(trainer, again=not resume)
        _train(context, trainer, checkpoint, evaluation)
        if context.stop.ending is Ending.INTERRUPTED:
            return Ending.INTERRUPTED
        evaluation.after(trainer)
        trackers.finish(plan.config.report_to)
        if processes.main:
            folder.finish()
    return context.stop.ending or Ending.DONE


def _train(context: RunContext, trainer: "Trainer", checkpoint: Path | None, evaluation: PeriodicEvaluation) -> None:
    """Train up to the last step, or until the run is stopped."""
    with stopping_on_interrupt(context.stop, context.view.say), long_lived():
        trainer.start_clock()
        all_steps_done = step_of(checkpoint) >= context.plan.config.steps
        ended_early = evaluation.should_stop_early() and not evaluation.final_done
        if checkpoint and (all_steps_done or ended_early):
            trainer.load(checkpoint)  # killed between the last step and the last evaluation
        else:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    context.stop.agreed(context.processes)  # an interruption after the last step may have reached only some


@without_collection()
def _trainer(
    context: RunContext, model: "PreTrainedModel", recorder: Recorder, evaluation: PeriodicEvaluation
) -> "Trainer":
    """TRL's trainer with the run's questions, verifiers and records."""
    from transformers import PrinterCallback

    plan, view, stop, processes = context.plan, context.view, context.stop, context.processes
    config, tokenizer, shots = plan.config, plan.tokenizer, plan.shots
    with contextlib.nullcontext() if plan.backend == "vllm" else trl_without_vllm():
        from rlvr.runner.training.trainer import Trainer

    def after_step(trainer: Trainer) -> bool:
        """Evaluate if it is time; whether the run ends here."""
        evaluation.maybe_evaluate(trainer)
        return stop.agreed(processes)

    encode = PromptEncoder(
        tokenizer,
        lambda example, step: shots.prompt(example, tokenizer, step),
        config.max_completion_length,
        plan.context,
    )
    settings = RolloutSettings(
        config.group_size,
        config.reward,
        plan.shadow,
        config.resample_rounds,
        config.max_error_rate,
        config.seed,
    )
    worker = RolloutWorker(
        plan.pack,
        plan.train.examples,
        encode,
        context.engine,
        plan.sampler,
        settings,
        Advantages(config.category_baseline, config.category_scale, config.normalize_parts),
        processes,
    )
    args = grpo_config(
        config,
        context.folder.checkpoints,
        backend=plan.backend,
        context=plan.context,
        tiny=models.is_tiny(model),
        processes=processes,
    )
    trainer = Trainer(
        worker,
        recorder,
        model=model,
        tokenizer=tokenizer,
        args=args,
        after_step=after_step,
        peft_config=lora(config),
        shared_prefix=config.shared_prefix,
    )
    if processes.main:
        context.folder.add_to_environment(shared_prefixes=trainer.prefix_sharing.summary)
        if config.shared_prefix:
            view.say(trainer.prefix_sharing.summary)
    trainer.remove_callback(PrinterCallback)  # the view shows the metrics
    trainer.add_callback(view.callback(config.steps))
    return trainer
