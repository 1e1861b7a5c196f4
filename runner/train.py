"""One run: evaluate, train with GRPO, evaluate again, report. Everything that it makes lies in the run's folder."""

import contextlib
import importlib.util
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rlvr.runner import models, vllm_backend
from rlvr.runner.config import RunConfig
from rlvr.runner.evaluate import evaluate, require_fit, save, tokenise, uses_chat_template
from rlvr.runner.generation import Generator, Sampling, TransformersGenerator
from rlvr.runner.live import View
from rlvr.runner.quiet import quiet_libraries
from rlvr.runner.run_folder import RunFolder
from rlvr.sandboxes.errors import ConfigError, PrerequisiteError
from rlvr.tasks.data import Split, load_split
from rlvr.tasks.pack import Pack
from rlvr.tasks.prompt import choose_shots, render
from rlvr.verifiers.engine import Engine
from rlvr.verifiers.types import Example

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
        if self.test is None or not self.config.eval_questions:
            return []
        examples = self.test.examples
        count = min(self.config.eval_questions, len(examples))
        return random.Random(self.config.seed).sample(examples, count)


def plan(pack: Pack, config: RunConfig, view: View) -> Plan:
    """Resolve model, data and back end; check that prompts fit. Raises ConfigError or PrerequisiteError."""
    require_training_stack()
    quiet_libraries()
    choose_shots(pack, config.shots or 0)
    choose_shots(pack, config.eval_shots or 0)
    train = load_split(pack, "train", config.hub_mirror or None)
    test = load_split(pack, EVAL_SPLIT, config.hub_mirror or None) if config.eval_questions else None
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
    model = models.resolve(config.model or models.default_model(), view.say)
    return Plan(pack, config, model, train, test, choose_backend(config))


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


def run(plan: Plan, folder: RunFolder, view: View, *, resume: bool = False) -> bool:
    """Carry the plan out in `folder`. Returns whether it went to its end: False after Ctrl-C."""
    if plan.backend == "vllm":
        vllm_backend.prepare_environment()
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    config = plan.config
    tokenizer = AutoTokenizer.from_pretrained(plan.model.path)
    context = context_of(AutoConfig.from_pretrained(plan.model.path), tokenizer)
    check_prompts(plan, tokenizer, context)
    view.say(f"loading {plan.model.name} ({plan.model.origin})")
    model = AutoModelForCausalLM.from_pretrained(plan.model.path, dtype=torch.float32)
    tiny = sum(p.numel() for p in model.parameters()) < TINY_PARAMETERS
    if tiny:
        torch.set_num_threads(1)
    with Engine() as engine:
        trainer = _trainer(plan, folder, view, engine, model, tokenizer, context, tiny)
        from transformers import PrinterCallback

        trainer.remove_callback(PrinterCallback)  # the view shows the metrics
        trainer.add_callback(view.callback(config.steps))
        checkpoint = folder.last_checkpoint() if resume else None
        if resume:
            folder.rewind(int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0)
        if not (resume and (folder.eval / "before.json").exists()):
            _evaluate(plan, folder, view, trainer, tokenizer, engine, context, "before")
        with _stop_on_interrupt(trainer, view):
            trainer.start_clock()
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        if trainer.interrupted:
            return False
        _evaluate(plan, folder, view, trainer, tokenizer, engine, context, "after")
        folder.finish()
    return True


def check_prompts(plan: Plan, tokenizer: Any, context: int) -> None:
    """Raises ConfigError if a training prompt doesn't fit; the longest questions stand for the rest."""
    longest = sorted(plan.train.examples, key=lambda e: len(e.question), reverse=True)[:16]
    _, prompts = tokenise(plan.pack, longest, plan.config.shots or 0, tokenizer)
    require_fit(max(map(len, prompts)), plan.config.max_completion_length, context)


def context_of(model_config: Any, tokenizer: Any) -> int:
    """How many tokens the model can attend to."""
    limit = getattr(model_config, "max_position_embeddings", None) or tokenizer.model_max_length
    return int(min(limit, tokenizer.model_max_length))


def _trainer(
    plan: Plan, folder: RunFolder, view: View, engine: Engine, model: Any, tokenizer: Any, context: int, tiny: bool
) -> Any:
    from rlvr.runner.trainer import Task, Trainer

    config, pack = plan.config, plan.pack
    shots = choose_shots(pack, config.shots or 0)
    task = Task(
        pack,
        plan.train.examples,
        lambda example: render(pack, example, shots, tokenizer),
        uses_chat_template(pack, tokenizer),
        engine,
        config.max_error_rate,
    )

    def on_rollouts(rollouts: list[Any]) -> None:
        folder.add_rollouts(rollouts)
        view.rollouts(rollouts)
        observe("rollout_scored", view, [{"rollout": rollout} for rollout in rollouts])

    def on_metrics(row: dict[str, Any]) -> None:
        folder.add_metrics(row)
        view.metrics(row)
        observe("step_finished", view, [{"step": row["step"], "metrics": row}])

    trainer = Trainer(
        task,
        model=model,
        tokenizer=tokenizer,
        args=grpo_config(plan, folder, context, tiny),
        on_rollouts=on_rollouts,
        on_metrics=on_metrics,
        context=context,
        peft_config=_lora(config),
    )
    trainer.interrupted = False
    return trainer


def grpo_config(plan: Plan, folder: RunFolder, context: int, tiny: bool) -> Any:
    """The run's configuration as TRL's GRPOConfig. Raises ConfigError for a field of [trl] that it refuses."""
    import torch
    from trl import GRPOConfig

    config = plan.config
    gpu = torch.cuda.is_available()
    batch = config.prompts_per_step * config.generations
    micro = config.micro_batch or config.generations
    fields: dict[str, Any] = {
        "output_dir": str(folder.checkpoints),
        "seed": config.seed,
        "max_steps": config.steps,
        "num_generations": config.generations,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": batch // micro,
        "steps_per_generation": batch // micro,
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
        "bf16": not tiny and has_bfloat16(),
        "gradient_checkpointing": gpu,
        "lr_scheduler_type": "constant",
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "log_completions": False,
        "dataloader_pin_memory": gpu,
    }
    try:
        return GRPOConfig(**fields | config.trl)
    except TypeError as error:
        raise ConfigError(f"[trl]: {str(error).replace('GRPOConfig.__init__() ', '')}") from None
    except ValueError as error:
        raise ConfigError(f"[trl]: {error}") from None


def has_bfloat16() -> bool:
    """Whether the processor or the GPU computes in bfloat16."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        return any(flag in file.read() for flag in ("avx512_bf16", "amx_bf16"))
    return False


def _lora(config: RunConfig) -> Any:
    if not config.lora_rank:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=config.lora_rank, lora_alpha=2 * config.lora_rank, target_modules="all-linear", task_type="CAUSAL_LM"
    )


def _evaluate(
    plan: Plan, folder: RunFolder, view: View, trainer: Any, tokenizer: Any, engine: Engine, context: int, name: str
) -> None:
    examples = plan.eval_examples
    if not examples:
        return
    config = plan.config
    sampling = Sampling(config.eval_max_tokens, temperature=0.0, stop=plan.pack.task.prompt.stop, seed=config.seed)
    with view.progress(f"accuracy {name}", len(examples)) as progress:
        summary, answered = evaluate(
            plan.pack, examples, generator_of(trainer, tokenizer), tokenizer, engine,
            shots=config.eval_shots or 0, sampling=sampling, context=context, progress=progress,
        )  # fmt: skip
    assert plan.test is not None
    summary |= {"split": EVAL_SPLIT, "origin": dict(plan.test.origin), "model": plan.model.name}
    save(folder.eval, name, summary, answered)
    view.evaluation(name, summary, answered)


def generator_of(trainer: Any, tokenizer: Any) -> Generator:
    """What generates with the trainer's present weights."""
    if not trainer.use_vllm:
        return TransformersGenerator(trainer.accelerator.unwrap_model(trainer.model), tokenizer)
    if trainer._last_loaded_step != trainer.state.global_step:
        trainer.vllm_generation.sync_weights()
        trainer._last_loaded_step = trainer.state.global_step
    return vllm_backend.VllmGenerator(trainer.vllm_generation.llm)


def observe(hook: str, view: View, calls: list[dict[str, Any]]) -> None:
    """Call plugins' observers; one that fails is reported, and the run goes on."""
    from rlvr.verifiers.registry import registry

    caller = getattr(registry().manager.hook, hook)
    if not caller.get_hookimpls():
        return
    for arguments in calls:
        try:
            caller(**arguments)
        except Exception as error:  # noqa: BLE001 - an observer must not stop the run
            view.warn(f"a plugin's {hook} failed: {type(error).__name__}: {error}")
            return


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
