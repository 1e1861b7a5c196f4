"""The evaluations of a run: before training, every so many steps, after it. Keeps the best model, and stops early."""

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rlvr.runner.evaluation.answers import Answered
from rlvr.runner.evaluation.evaluate import Evaluator
from rlvr.runner.evaluation.summary import SampledAccuracies, Summary, save
from rlvr.runner.generation.backend import Sampling
from rlvr.runner.generation.models import BEST
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.training.plan import EVAL_SPLIT, RunContext
from rlvr.runner.training.stopping import Ending

if TYPE_CHECKING:
    from rlvr.runner.training.trainer import Trainer


class PeriodicEvaluation:
    """Asks the same held-out questions each time: greedily and, with `eval_samples`, sampled as well.

    `on_summary` gets each summary, on the main process. Methods that take the trainer evaluate its current weights, and
    all processes must call them.
    """

    def __init__(self, context: RunContext, on_summary: Callable[[Summary], None] = lambda _: None) -> None:
        self._context, self._on_summary = context, on_summary

    def before(self, trainer: "Trainer", *, again: bool = True) -> None:
        """Evaluate the untrained model; without `again`, only if a resumed run hasn't done so."""
        if again or not self._context.folder.evaluated("before"):
            self._evaluate(trainer, "before", "before", 0)

    def maybe_evaluate(self, trainer: "Trainer") -> None:
        """Evaluate after the trainer's current step if it is time, and request the run's end if nothing improves."""
        config, step = self._context.plan.config, trainer.state.global_step
        if config.eval_every and step % config.eval_every == 0 and step < config.steps:
            self._evaluate(trainer, f"step-{step:06d}", f"after step {step}", step)
            if self.should_stop_early():
                self._context.stop.request(Ending.DONE)

    def should_stop_early(self) -> bool:
        """Whether `early_stop` evaluations in a row have brought no better one."""
        patience = self._context.plan.config.early_stop
        return bool(patience) and evaluations_since_best(self._context.folder) >= patience

    @property
    def final_done(self) -> bool:
        """Whether the evaluation after training was made."""
        return self._context.folder.evaluated("after")

    def after(self, trainer: "Trainer") -> None:
        """Evaluate the trained model."""
        self._evaluate(trainer, "after", "after", trainer.state.global_step)

    def _evaluate(self, trainer: "Trainer", name: str, title: str, step: int) -> None:
        plan, view, processes = self._context.plan, self._context.view, self._context.processes
        if not plan.eval_examples:
            return
        config, stop = plan.config, plan.pack.task.prompt.stop
        greedy = Sampling(config.evaluation_tokens, temperature=0.0, stop=stop, seed=config.seed)
        summary, answered = self._ask(trainer, f"accuracy {title}", greedy)
        if config.eval_samples:
            sampling = Sampling(
                config.evaluation_tokens, config.temperature, n=config.eval_samples, stop=stop, seed=config.seed
            )
            sampled, _ = self._ask(trainer, f"pass@{config.eval_samples} {title}", sampling)
            accuracies = SampledAccuracies(sampled.samples, sampling.temperature, sampled.accuracies)
            summary = replace(summary, sampled=accuracies)
        assert plan.test is not None
        summary = replace(summary, step=step, split=EVAL_SPLIT, origin=dict(plan.test.origin), model=plan.model.name)
        if processes.main:
            save(self._context.folder.eval, name, summary, answered)
            view.evaluation(title, summary, answered)
            self._on_summary(summary)
        processes.wait()
        if step:
            self._keep_if_best(trainer, step, summary.strict.accuracy)

    def _ask(self, trainer: "Trainer", title: str, sampling: Sampling) -> tuple[Summary, list[Answered]]:
        plan, context = self._context.plan, self._context
        with (
            context.view.progress(title, len(plan.eval_examples)) as progress,
            trainer.generator() as generator,
        ):
            evaluator = Evaluator(
                plan.pack, plan.eval_shots, plan.tokenizer, plan.context, context.engine, context.processes
            )
            return evaluator.evaluate(plan.eval_examples, generator, sampling, progress)

    def _keep_if_best(self, trainer: "Trainer", step: int, accuracy: float | None) -> None:
        """Keep the best model in `best/`, with its step and accuracy; the folder is replaced as a whole."""
        folder, processes = self._context.folder, self._context.processes
        best = folder.path / BEST
        fresh, old = best.with_name(f".{BEST}.new"), best.with_name(f".{BEST}.old")
        if processes.main and old.exists() and not best.exists():
            old.replace(best)  # killed between the two renames below
        so_far = processes.from_main(lambda: best_of(folder))
        if accuracy is None or (so_far and so_far["accuracy"] >= accuracy):
            return
        if processes.main:
            shutil.rmtree(fresh, ignore_errors=True)
        processes.wait()
        trainer.save_model(str(fresh))
        if processes.main:
            self._context.plan.tokenizer.save_pretrained(fresh)
            (fresh / "best.json").write_text(json.dumps({"step": step, "accuracy": accuracy}) + "\n")
            shutil.rmtree(old, ignore_errors=True)
            if best.exists():
                best.replace(old)
            fresh.replace(best)
            shutil.rmtree(old, ignore_errors=True)
        processes.wait()


def evaluations_since_best(folder: RunFolder) -> int:
    """Evaluations since the best one; those without a figure, because of infrastructure errors, don't count."""
    by_step = {summary.at_step: summary.strict.accuracy for summary in folder.evaluations()}
    accuracies = [accuracy for accuracy in by_step.values() if accuracy is not None]
    return len(accuracies) - 1 - accuracies.index(max(accuracies)) if accuracies else 0


def best_of(folder: RunFolder) -> dict[str, Any] | None:
    """{step, accuracy} of the model in the run's `best/`; None if there is no such model."""
    with contextlib.suppress(OSError, ValueError):
        best: dict[str, Any] = json.loads((folder.path / BEST / "best.json").read_text(encoding="utf-8"))
        return best
    return None
