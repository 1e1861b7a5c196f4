"""TRL's GRPOTrainer with a pack's rewards. TRL stays the engine of the update; these methods are overridden, no others:

    _generate_and_score_completions  hands the step's rollouts to TRL, and takes masked completions out of the loss
    _save_checkpoint                 saves the worker's state with TRL's
    log                              metrics go to the run's folder

What comes between a question and its reward is `RolloutWorker.collect` (rollouts.py). The batch that it returns takes TRL's
own way: TRL calls `_collect` (its `rollout_func`), puts the columns of what that returns into its rows, and passes them to
`pack_reward` (its reward function). What prompts have in common is shared by the base class (shared_prefix/).

tests/runner/training/test_trainer_trl_contract.py fails when TRL changes any of this.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

from datasets import Dataset
from trl import GRPOConfig
from trl.models import unwrap_model_for_generation
from trl.trainer import grpo_trainer

from rlvr.runner.generation.backend import Generator, Tokens, cut_at
from rlvr.runner.generation.transformers_backend import TransformersGenerator
from rlvr.runner.generation.trl_patches import replaced
from rlvr.runner.generation.trl_vllm import Vllm
from rlvr.runner.generation.vllm_backend import VllmGenerator
from rlvr.runner.shared_prefix.sharing_trainer import PrefixSharingTrainer
from rlvr.runner.training.metrics import ours_last
from rlvr.runner.training.rollouts import Logprobs, OnCompletion, RolloutBatch, RolloutWorker
from rlvr.runner.training.trl_batch import BATCH, apply_masks_and_advantages, pad, to_rollout_output
from rlvr.verifiers.types import Completion, Rollout


class StepObserver(Protocol):
    """Gets what each step decided, on the main process only."""

    def rollouts(self, rollouts: list[Rollout]) -> None:
        """Those of all processes, before the update."""

    def metrics(self, row: dict[str, Any]) -> None:
        """Those of a finished step; `step` is its number."""


class Trainer(PrefixSharingTrainer):
    """`after_step` is called on all processes when a step is finished; if it returns true, the run saves and stops."""

    _last_loaded_step: int  # TRL's: the step whose weights vLLM has

    def __init__(
        self,
        worker: RolloutWorker,
        observer: StepObserver,
        *,
        model: Any,
        tokenizer: Any,
        args: GRPOConfig,
        after_step: Callable[["Trainer"], bool] = lambda _: False,
        peft_config: Any = None,
        shared_prefix: bool = True,
    ) -> None:
        self.worker, self._observer, self._after_step = worker, observer, after_step
        # Rows without content: the sampler chooses the examples. Their number makes TRL count epochs right.
        rows = Dataset.from_dict({"prompt": [""] * max(len(worker.examples), args.generation_batch_size)})
        with replaced(grpo_trainer, "VLLMGeneration", Vllm):  # TRL offers no parameter for it
            super().__init__(
                model=model,
                reward_funcs=[self.pack_reward],
                args=args,
                train_dataset=rows,
                processing_class=tokenizer,
                rollout_func=self._collect,
                peft_config=peft_config,
            )
        if self.use_vllm:
            self.vllm_generation.measure_sync = lambda: worker.clock.measure("sync")
        self.share_prefixes(shared_prefix)

    # ---- a step: TRL calls the first of these, and in it the others

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        rows: list[dict[str, Any]] = [{"prompt": ""} for _ in inputs]
        with replaced(grpo_trainer, "pad", pad):
            tensors: dict[str, Any] = super()._generate_and_score_completions(rows)
        batch: RolloutBatch = rows[0][BATCH]
        apply_masks_and_advantages(tensors, batch, self.accelerator)
        rollouts = self.worker.rollouts(batch, tensors["advantages"].tolist(), self.state.global_step + 1)
        for name, value in self.worker.metrics(batch, rollouts).items():
            self._metrics["train" if self.model.training else "eval"][name].append(value)
        if self.accelerator.is_main_process:
            self._observer.rollouts(rollouts)
        self.worker.require_few_errors(rollouts)
        return tensors

    def _collect(self, prompts: list[str], _trainer: object) -> dict[str, Any]:
        """TRL's `rollout_func`: the sampler chooses the examples, so of `prompts` only the number matters."""
        count = len(prompts) // self.num_generations
        return to_rollout_output(self.worker.collect(count, self.generate_groups, self.state.global_step + 1))

    def pack_reward(self, rollout_batch: list[RolloutBatch], **_: Any) -> list[float | None]:
        """TRL's reward function: what the pack pays for each completion; None if the reward is masked."""
        return [scored.reward.value for scored in rollout_batch[0].completions]

    def generate_groups(self, prompts: Sequence[Tokens], on_completion: OnCompletion) -> Logprobs:
        """As `rollouts.Generate`. If vLLM runs in this process, completions are handed on while others are generated."""
        handed_on: set[int] = set()

        def hand_on(place: int, tokens: Sequence[int]) -> None:
            handed_on.add(place)
            on_completion(place, self._completion(tokens))

        size, clock = self.num_generations, self.worker.clock
        logprobs: Logprobs
        if self.use_vllm or self.use_transformers_continuous_batching:
            repeated = [prompt for prompt in prompts for _ in range(size)]
            stream = self.vllm_generation.handing_on(hand_on) if self.use_vllm else nullcontext()
            with clock.measure("generate"), stream:
                completions, logprobs = self._generate_single_turn(repeated, None, {}, size)
        else:  # each prompt is run once for its group
            groups_at_once = replaced(self.generation_config, "num_return_sequences", size)
            with clock.measure("generate"), groups_at_once, self.prefix_sharing.generating():
                completions, logprobs = self._generate_single_turn(list(prompts), None, {}, size)
        with clock.measure("verify"):
            for place, tokens in enumerate(completions):
                if place not in handed_on:
                    hand_on(place, tokens)
        return logprobs

    def _completion(self, tokens: Sequence[int]) -> Completion:
        text = self.processing_class.decode(tokens, skip_special_tokens=True)
        ended = bool(tokens) and tokens[-1] in self.eos_token_ids
        text = cut_at(text, self.worker.pack.task.prompt.stop)
        return Completion(text, tuple(tokens), (), "stop" if ended else "length")

    # ---- evaluation

    @contextmanager
    def generator(self) -> Iterator[Generator]:
        """A generator with the current weights, which are gathered if each process holds a part of them."""
        if self.use_vllm and self.vllm_generation.mode == "colocate":
            if self._last_loaded_step != self.state.global_step:
                self.vllm_generation.sync_weights()
                self._last_loaded_step = self.state.global_step
            yield VllmGenerator(self.vllm_generation.llm)
            return
        wrapped = self.model_wrapped
        with (
            unwrap_model_for_generation(wrapped, self.accelerator) as model,
            self._dist.summon_full_params(wrapped, recurse=False),
        ):
            yield TransformersGenerator(model, self.processing_class)

    # ---- checkpoints

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        if self.args.should_save:
            self.worker.save(Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}")
        super()._save_checkpoint(model, trial)  # writes trainer_state.json last: the checkpoint is complete

    def load(self, checkpoint: Path) -> None:
        """Take a checkpoint's weights, without any training."""
        self._load_from_checkpoint(str(checkpoint))
        self.state.global_step = int(checkpoint.name.rpartition("-")[2])

    # ---- metrics

    def start_clock(self) -> None:
        """Call right before training: an evaluation and vLLM's start are no part of the first step's time."""
        self.worker.clock.start()

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        training = "loss" in logs
        if training:
            logs |= self.worker.clock.metrics()
        super().log(logs, start_time)
        if not training:
            return
        if self.accelerator.is_main_process:
            self._observer.metrics({"step": self.state.global_step, **ours_last(logs)})
        if self._after_step(self):
            self.control.should_save = self.control.should_training_stop = True
        self.start_clock()
