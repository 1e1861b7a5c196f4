"""The evaluations of a run: before, every so many steps, after. Keeps the best model, and says when to stop early."""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rlvr.runner.display.terminal_view import View
from rlvr.runner.evaluation.answers import Answered
from rlvr.runner.evaluation.evaluate import evaluate
from rlvr.runner.evaluation.summary import SampledAccuracies, Summary, save
from rlvr.runner.generation import vllm_backend
from rlvr.runner.generation.backend import Generator, Sampling
from rlvr.runner.generation.transformers_backend import TransformersGenerator
from rlvr.runner.process.processes import Processes
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig
from rlvr.tasks.pack import Pack
from rlvr.tasks.shots import Shots, ShotSchedule
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.types import Example

if TYPE_CHECKING:
    from rlvr.runner.training.run import Plan

BEST = "best"  # the folder of the best model, in the run's


def evaluation_shots(pack: Pack, config: RunConfig) -> Shots:
    """The worked examples of evaluation prompts. Raises ConfigError for more than the pack has."""
    return Shots.of(
        pack,
        ShotSchedule.constant(config.eval_shots or 0),
        form=config.eval_fewshot,
        drawn=config.eval_draw_shots,
        seed=config.seed,
    )


class Evaluations:
    """Asks the same held-out questions each time, greedily and, with `eval_samples`, sampled as well.

    `told` gets each summary, on the main process.
    """

    def __init__(
        self, plan: "Plan", folder: RunFolder, view: View, trainer: Any, tokenizer: Any, engine: Engine, context: int,
        processes: Processes, told: Callable[[Summary], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._told = told
        self._plan, self._folder, self._view, self._processes = plan, folder, view, processes
        self._trainer, self._tokenizer, self._engine, self._context = trainer, tokenizer, engine, context
        self._examples = plan.eval_examples
        self._shots = evaluation_shots(plan.pack, plan.config)

    def before(self, *, again: bool = True) -> None:
        """Evaluate the untrained model; not `again` where a resumed run has it."""
        if again or not self._folder.evaluated("before"):
            self._evaluate("before", "before", 0)

    def at(self, step: int) -> bool:
        """Evaluate after `step`, where it is one's turn. Returns whether the run should stop early."""
        config = self._plan.config
        if not config.eval_every or step % config.eval_every or step >= config.steps:
            return False
        self._evaluate(f"step-{step:06d}", f"after step {step}", step)
        return self.enough()

    def enough(self) -> bool:
        """Whether the run should stop early, by the evaluations that there are."""
        wanted = self._plan.config.early_stop
        return bool(wanted) and fruitless(self._folder) >= wanted

    @property
    def ended(self) -> bool:
        """Whether the last evaluation was made."""
        return self._folder.evaluated("after")

    def after(self, step: int) -> None:
        self._evaluate("after", "after", step)

    def _evaluate(self, name: str, title: str, step: int) -> None:
        if not self._examples:
            return
        config, pack = self._plan.config, self._plan.pack
        greedy = Sampling(config.eval_max_tokens or 0, temperature=0.0, stop=pack.task.prompt.stop, seed=config.seed)
        with self._view.progress(f"accuracy {title}", len(self._examples)) as progress:
            summary, answered = self._ask(self._examples, greedy, progress)
        if config.eval_samples:
            sampled = Sampling(
                greedy.max_tokens, config.temperature, n=config.eval_samples, stop=greedy.stop, seed=config.seed
            )
            with self._view.progress(f"pass@{config.eval_samples} {title}", len(self._examples)) as progress:
                several, _ = self._ask(self._examples, sampled, progress)
            sampled_accuracies = SampledAccuracies(several.samples, sampled.temperature, several.accuracies)
            summary = replace(summary, sampled=sampled_accuracies)
        assert self._plan.test is not None
        summary = replace(
            summary, step=step, split="test", origin=dict(self._plan.test.origin), model=self._plan.model.name
        )
        if self._processes.main:
            save(self._folder.eval, name, summary, answered)
            self._view.evaluation(title, summary, answered)
            self._told(summary)
        self._processes.wait()
        if step:
            self._keep_if_best(step, summary.strict.accuracy)

    def _ask(self, examples: list[Example], sampling: Sampling, progress: Any) -> tuple[Summary, list[Answered]]:
        with generator_of(self._trainer, self._tokenizer) as generator:
            return evaluate(
                self._plan.pack, examples, generator, self._tokenizer, self._engine, shots=self._shots,
                sampling=sampling, context=self._context, progress=progress, processes=self._processes,
            )  # fmt: skip

    def _keep_if_best(self, step: int, accuracy: float | None) -> None:
        """The best model stands in `best/` with its step and accuracy; it is replaced whole."""
        best = self._folder.path / BEST
        fresh, old = best.with_name(f".{BEST}.new"), best.with_name(f".{BEST}.old")
        if self._processes.main and old.exists() and not best.exists():
            old.replace(best)  # killed between the two renames below
        known = self._processes.from_main(lambda: best_of(self._folder))
        if accuracy is None or (known and known["accuracy"] >= accuracy):
            return
        if self._processes.main:
            shutil.rmtree(fresh, ignore_errors=True)
        self._processes.wait()
        self._trainer.save_model(str(fresh))
        if self._processes.main:
            self._tokenizer.save_pretrained(fresh)
            (fresh / "best.json").write_text(json.dumps({"step": step, "accuracy": accuracy}) + "\n")
            shutil.rmtree(old, ignore_errors=True)
            if best.exists():
                best.replace(old)
            fresh.replace(best)
            shutil.rmtree(old, ignore_errors=True)
        self._processes.wait()


def fruitless(folder: RunFolder) -> int:
    """Evaluations since the best one; those that failures of ours left without a figure don't count."""
    by_step = {summary.at_step: summary.strict.accuracy for summary in folder.evaluations()}
    figures = [accuracy for accuracy in by_step.values() if accuracy is not None]
    return len(figures) - 1 - figures.index(max(figures)) if figures else 0


def best_of(folder: RunFolder) -> dict[str, Any] | None:
    """{step, accuracy} of the model in the run's `best/`, or None where there is none."""
    with contextlib.suppress(OSError, ValueError):
        found: dict[str, Any] = json.loads((folder.path / BEST / "best.json").read_text(encoding="utf-8"))
        return found
    return None


@contextlib.contextmanager
def generator_of(trainer: Any, tokenizer: Any) -> Iterator[Generator]:
    """What generates with the trainer's present weights; they are gathered where each process holds a part of them."""
    if trainer.use_vllm and trainer.vllm_generation.mode == "colocate":
        if trainer._last_loaded_step != trainer.state.global_step:
            trainer.vllm_generation.sync_weights()
            trainer._last_loaded_step = trainer.state.global_step
        yield vllm_backend.VllmGenerator(trainer.vllm_generation.llm)
        return
    from trl.models import unwrap_model_for_generation

    wrapped = trainer.model_wrapped
    with (
        unwrap_model_for_generation(wrapped, trainer.accelerator) as model,
        trainer._dist.summon_full_params(wrapped, recurse=False),
    ):
        yield TransformersGenerator(model, tokenizer)
