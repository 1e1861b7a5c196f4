"""TRL's GRPOTrainer with rlvr's verdicts as its reward. TRL stays the engine; these methods are overridden, no others:

    _tokenize_prompts                a chat template already holds its special tokens
    _calculate_rewards               measures the seconds that a step waited for verdicts
    _generate_single_turn            measures generation
    _generate_and_score_completions  renders prompts; takes masked completions out of the loss; hands rollouts on
    log                              metrics go to the run's folder

tests/runner/test_trl_contract.py fails when TRL changes what they stand on.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
from accelerate.utils import gather_object
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer
from trl.generation.vllm_generation import VLLMGeneration

from rlvr.runner import vllm_backend
from rlvr.runner.evaluate import require_fit
from rlvr.runner.generation import cut_at
from rlvr.sandboxes.errors import RlvrError
from rlvr.tasks.pack import Pack
from rlvr.tasks.reward import reward
from rlvr.verifiers.engine import Engine
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict

ERROR_WINDOW = 256  # verdicts over which the error rate is taken
Render = Callable[[Example], str]


class TooManyErrors(RlvrError):
    """More verdicts than `max_error_rate` were `error` or `skipped`: the run would learn from what is left by chance."""

    exit_code = 1


@dataclass(frozen=True)
class Task:
    """What the trainer trains on. `render` makes a prompt's text; `chat` says that a chat template rendered it."""

    pack: Pack
    examples: Sequence[Example]
    render: Render
    chat: bool
    engine: Engine
    max_error_rate: float


class Trainer(GRPOTrainer):  # type: ignore[misc]
    """`on_rollouts` gets each step's rollouts, `on_metrics` each step's metrics; both on the main process only."""

    def __init__(
        self,
        task: Task,
        *,
        model: Any,
        tokenizer: Any,
        args: GRPOConfig,
        on_rollouts: Callable[[list[Rollout]], None],
        on_metrics: Callable[[dict[str, Any]], None],
        context: int,
        peft_config: Any = None,
    ) -> None:
        self.task = task
        self._on_rollouts, self._on_metrics, self._context = on_rollouts, on_metrics, context
        self._scored: list[tuple[Example, Completion, Verdict, Reward]] = []
        self._recent: deque[Status] = deque(maxlen=ERROR_WINDOW)
        self._seconds: Counter[str] = Counter()
        self._step_start = time.perf_counter()
        with patch("trl.trainer.grpo_trainer.VLLMGeneration", Vllm):  # TRL offers no parameter for it
            super().__init__(
                model=model,
                reward_funcs=[self.verdict],
                args=args,
                train_dataset=Dataset.from_dict(
                    {"prompt": [""] * len(task.examples), "index": range(len(task.examples))}
                ),
                processing_class=tokenizer,
                peft_config=peft_config,
            )

    # ---- prompts and generation

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        ids = self.processing_class(text=prompts, add_special_tokens=not self.task.chat)["input_ids"]
        require_fit(max(map(len, ids)), self.max_completion_length, self._context)
        return ids, None, {}

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
        with self._timed("generate"):
            return super()._generate_single_turn(*args, **kwargs)

    # ---- verdicts and rewards

    def verdict(
        self, prompts: list[str], completions: list[str], completion_ids: list[list[int]], index: list[int], **_: Any
    ) -> list[float | None]:
        """The reward function that TRL calls; None where a verdict says nothing about the model."""
        stop = self.task.pack.task.prompt.stop
        answers = [
            Completion(cut_at(text, stop), tuple(ids), (), "stop" if self._ended(ids) else "length")
            for text, ids in zip(completions, completion_ids, strict=True)
        ]
        pairs = [(self.task.examples[i], answer) for i, answer in zip(index, answers, strict=True)]
        verdicts = self.task.engine.verify_batch(self.task.pack.verifier, pairs)
        policy = self.task.pack.task.reward
        self._scored = [
            (example, answer, verdict, reward(policy, answer, verdict))
            for (example, answer), verdict in zip(pairs, verdicts, strict=True)
        ]
        return [scored[3].value for scored in self._scored]

    def _ended(self, ids: list[int]) -> bool:
        return bool(ids) and ids[-1] in self.eos_token_ids

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> Any:
        with self._timed("verify"):
            return super()._calculate_rewards(*args, **kwargs)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        for row in inputs:
            row["prompt"] = self.task.render(self.task.examples[row["index"]])
        batch = super()._generate_and_score_completions(inputs)
        masked = torch.tensor([scored[3].value is None for scored in self._scored], device=self.accelerator.device)
        if masked.any():
            batch["completion_mask"] = batch["completion_mask"] * (~masked).unsqueeze(1)
        # The loss's normaliser counts tokens: those of masked completions are none. Never 0, so that 0 / 0 is no NaN.
        batch["num_items_in_batch"] = self.accelerator.gather(batch["completion_mask"].sum()).sum().clamp(min=1)
        self._record(inputs, batch["advantages"].tolist())
        return batch

    def _record(self, inputs: list[dict[str, Any]], advantages: list[float]) -> None:
        local = [
            (row["prompt"], *scored, None if scored[3].value is None else advantage)
            for row, scored, advantage in zip(inputs, self._scored, advantages, strict=True)
        ]
        step = self.state.global_step + 1
        rollouts = [
            Rollout(example, prompt, completion, verdict, reward, advantage, index // self.num_generations, step)
            for index, (prompt, example, completion, verdict, reward, advantage) in enumerate(gather_object(local))
        ]
        self._log_statuses(rollouts)
        if self.accelerator.is_main_process:
            self._on_rollouts(rollouts)
        self._check_errors(rollouts)

    def _log_statuses(self, rollouts: list[Rollout]) -> None:
        counts = Counter(rollout.verdict.status for rollout in rollouts)
        metrics = self._metrics["train" if self.model.training else "eval"]
        for status in Status:
            metrics[f"verdicts/{status}"].append(counts[status] / len(rollouts))
        for name in sorted({part for rollout in rollouts for part in rollout.reward.parts}):
            values = [rollout.reward.parts[name] for rollout in rollouts if name in rollout.reward.parts]
            metrics[f"reward_parts/{name}"].append(sum(values) / len(values))

    def _check_errors(self, rollouts: list[Rollout]) -> None:
        self._recent.extend(rollout.verdict.status for rollout in rollouts)
        bad = sum(status.masked for status in self._recent)
        if bad / len(self._recent) <= self.task.max_error_rate:
            return
        reasons = Counter(r.verdict.reason for r in rollouts if r.verdict.status.masked)
        common = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common(3))
        raise TooManyErrors(
            f"{bad} of the last {len(self._recent)} verdicts are errors of ours, not of the model: more than "
            f"max_error_rate = {self.task.max_error_rate:g}. Most common: {common or 'none in this step'}"
        )

    # ---- metrics

    def start_clock(self) -> None:
        """Call right before training: an evaluation and vLLM's start are no part of the first step's time."""
        self._step_start = time.perf_counter()
        self._seconds.clear()
        if self.use_vllm:
            self.vllm_generation.take_sync_seconds()

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[what] += time.perf_counter() - start

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        now = time.perf_counter()
        training = "loss" in logs
        if training:
            step = now - self._step_start
            sync = self.vllm_generation.take_sync_seconds() if self.use_vllm else 0.0
            generate = self._seconds["generate"] - sync
            logs |= {
                "time/step": step,
                "time/generate": generate,
                "time/verify": self._seconds["verify"],
                "time/sync": sync,
                "time/update": max(0.0, step - generate - sync - self._seconds["verify"]),
            }
            self._step_start = now
            self._seconds.clear()
        super().log(logs, start_time)
        if training and self.accelerator.is_main_process:
            self._on_metrics({"step": self.state.global_step, **logs})


class Vllm(VLLMGeneration):  # type: ignore[misc]
    """TRL's vLLM, started and synchronised in a way that works with the CPU build too."""

    _sync_seconds = 0.0

    def _init_vllm(self) -> None:
        if self.mode != "colocate" or not vllm_backend.is_cpu():
            super()._init_vllm()
            return
        self.llm = vllm_backend.start(self.model.name_or_path, self.max_model_length, self.max_num_seqs)
        self._llm_weights_sleeping = False

    def sync_weights(self) -> None:
        start = time.perf_counter()
        if self.mode == "colocate" and vllm_backend.is_cpu():
            vllm_backend.load_weights(self.llm, self._iter_named_params())
        else:
            super().sync_weights()
        self._sync_seconds += time.perf_counter() - start

    def take_sync_seconds(self) -> float:
        seconds, self._sync_seconds = self._sync_seconds, 0.0
        return seconds
