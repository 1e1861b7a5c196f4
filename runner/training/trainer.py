"""TRL's GRPOTrainer with rlvr's verdicts as its reward. TRL stays the engine; these methods are overridden, no others:

    _generate_single_turn            asks for a group at a time where transformers generates; measures generation
    _generate_and_score_completions  draws the questions; takes masked completions out of the loss; hands rollouts on
    training_step, _prepare_inputs, _get_per_token_logps_and_entropies   share what prompts have in common (shared_prefix/)
    _save_checkpoint                 saves the sampler's state with TRL's
    log                              metrics go to the run's folder

What comes between is TRL's `rollout_func`: questions become prompts, completions go to the engine as soon as they are
finished, and groups that teach nothing are replaced. TRL is lent our `Vllm` and our `pad`.
tests/runner/training/test_trainer_trl_contract.py fails when TRL changes what all this stands on.
"""

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence
from trl import GRPOConfig, GRPOTrainer
from trl.trainer import grpo_trainer

from rlvr.errors import ConfigError, RlvrError
from rlvr.files import write_whole
from rlvr.runner.generation.backend import Tokens, cut_at
from rlvr.runner.generation.prompts import require_fit, tokenize
from rlvr.runner.generation.trl_patches import replaced
from rlvr.runner.generation.trl_vllm import Vllm
from rlvr.runner.shared_prefix.compatibility import Training, obstacle_to
from rlvr.runner.shared_prefix.prefix_sharing import PrefixSharing, StepPosition, TensorBatch, regroup
from rlvr.runner.training.advantages import Advantages, Scored
from rlvr.runner.training.control_rewards import Arm, arm_reward
from rlvr.runner.training.metrics import step_metrics
from rlvr.runner.training.prompt_sampler import PromptSampler
from rlvr.tasks.pack import Pack
from rlvr.tasks.prompt import Prompt
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict
from rlvr.verifiers.verifier import Verifier

ERROR_WINDOW = 256  # verdicts over which the error rate is taken
STATE = "rlvr_state.json"  # in a checkpoint
# Our metrics.
OWN = (
    "time/",
    "verdicts/",
    "reward_parts/",
    "tokens/",
    "groups/",
    "shadow/",
    "resample/",
    "category/",
    "shared_prefix/",
)


class TooManyErrors(RlvrError):
    """More verdicts than `max_error_rate` were `error` or `skipped`: the run would learn from what is left by chance."""

    exit_code = 1


@dataclass(frozen=True)
class Task:
    """What the trainer trains on.

    `prompt(example, step)` makes a prompt's text; `arm` is what is paid, `shadow` a second verifier that only watches.
    """

    pack: Pack
    examples: Sequence[Example]
    prompt: Callable[[Example, int], Prompt]
    engine: Engine
    sampler: PromptSampler
    advantages: Advantages = field(default_factory=Advantages)
    arm: Arm = "verifier"
    shadow: Verifier | None = None
    resample_rounds: int = 0
    max_error_rate: float = 0.1
    seed: int = 0


@dataclass
class Group:
    """One question's completions, with what was decided about each."""

    example: int  # its index
    prompt: str
    prompt_ids: Tokens
    completion_ids: list[Tokens]
    logprobs: list[list[float]] | None
    scored: list[tuple[Completion, Verdict, Reward]]

    @property
    def rewards(self) -> list[float]:
        return [reward.value for _, _, reward in self.scored if reward.value is not None]

    @property
    def teaches(self) -> bool:
        """Whether its rewards differ; where they don't, its advantages are 0."""
        return len(set(self.rewards)) > 1

    @property
    def tokens(self) -> int:
        return sum(map(len, self.completion_ids))


class Trainer(GRPOTrainer):  # type: ignore[misc]
    """`on_rollouts` gets each step's rollouts and `on_metrics` each step's metrics, both on the main process only.

    `after_step` is called on all processes when a step is finished; if it returns true, the run saves and stops.
    """

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
        after_step: Callable[["Trainer"], bool] = lambda _: False,
        peft_config: Any = None,
        shared_prefix: bool = True,
        say: Callable[[str], None] = print,
    ) -> None:
        self.task = task
        self._on_rollouts, self._on_metrics, self._context = on_rollouts, on_metrics, context
        self._after_step = after_step
        self._groups: list[Group] = []
        self._generated_tokens = 0
        self._recent: deque[Status] = deque(maxlen=ERROR_WINDOW)
        self._seconds: Counter[str] = Counter()
        self._step_start = time.perf_counter()
        with replaced(grpo_trainer, "VLLMGeneration", Vllm):  # TRL offers no parameter for it
            super().__init__(
                model=model,
                reward_funcs=[self.verdict],
                args=args,
                # Rows without content: the sampler chooses the questions. Their number makes TRL count epochs right.
                train_dataset=Dataset.from_dict({"prompt": [""] * max(len(task.examples), args.generation_batch_size)}),
                processing_class=tokenizer,
                rollout_func=lambda prompts, _: self._roll_out(len(prompts)),
                peft_config=peft_config,
            )
        self._share_prefixes(shared_prefix, say)
        self._ranks, self._rank = self.accelerator.num_processes, self.accelerator.process_index

    # ---- questions, completions, verdicts

    def _draw(self, count: int) -> list[int]:
        """The next `count` questions of this process. All processes draw all, so that their samplers stay alike."""
        drawn = self.task.sampler.draw(count * self._ranks)
        return drawn[self._rank * count : (self._rank + 1) * count]

    def _roll_out(self, rows: int) -> dict[str, Any]:
        """TRL's rollout_func: the completions of this process's groups, verified."""
        size = self.num_generations
        self._generated_tokens = 0
        groups = self._complete(self._draw(rows // size))
        self._observe(groups)
        rounds = 0
        while rounds < self.task.resample_rounds:
            idle = [place for place, group in enumerate(groups) if not group.teaches]
            wanted = max(gather_object([len(idle)]))  # the same number everywhere: generation may be collective
            if not wanted:
                break
            rounds += 1
            fresh = self._complete(self._draw(wanted))
            self._observe(fresh)
            better = [group for group in fresh if group.teaches]
            for place, group in zip(idle, better, strict=False):
                groups[place] = group
        if self.task.resample_rounds:
            self._metrics["train"]["resample/rounds"].append(rounds)
        self._groups = groups
        return {
            "prompt_ids": [group.prompt_ids for group in groups for _ in range(size)],
            "completion_ids": [ids for group in groups for ids in group.completion_ids],
            "logprobs": None
            if groups[0].logprobs is None
            else [row for group in groups for row in group.logprobs or []],
        }

    def _complete(self, indices: list[int]) -> list[Group]:
        """A group for each question. Each completion goes to the engine as soon as it is finished."""
        task, size, step = self.task, self.num_generations, self.state.global_step + 1
        examples = [task.examples[index] for index in indices]
        prompts = [task.prompt(example, step) for example in examples]
        ids = tokenize(prompts, self.processing_class)
        require_fit(max(map(len, ids)), self.max_completion_length, self._context)
        jobs: dict[int, tuple[Completion, list[Future[Verdict]]]] = {}
        known: dict[tuple[int, str, str], list[Future[Verdict]]] = {}  # equal work is done once

        def submit(place: int, tokens: Sequence[int]) -> None:
            example = examples[place // size]
            completion = self._completion(example, list(tokens))
            key = (place // size, completion.text, completion.finish_reason)
            if key not in known:
                known[key] = [task.pack.submit(task.engine, example, completion)]
                if task.shadow:
                    known[key].append(task.engine.submit(task.shadow, example, completion))
            jobs[place] = (completion, known[key])

        with self._streaming(submit):
            tokens, logprobs = self._generate_single_turn([one for one in ids for _ in range(size)], None, {}, size)
        for place, completion_ids in enumerate(tokens):
            if place not in jobs:
                submit(place, completion_ids)
        self._generated_tokens += sum(map(len, tokens))
        with self._timed("verify"):
            scored = [self._score(place, *jobs[place], indices[place // size]) for place in range(len(tokens))]
        return [
            Group(
                index, prompts[number].text, ids[number], tokens[start : start + size],
                None if logprobs is None else logprobs[start : start + size], scored[start : start + size],
            )
            for number, (index, start) in enumerate(zip(indices, range(0, len(tokens), size), strict=True))
        ]  # fmt: skip

    def _completion(self, example: Example, tokens: Tokens) -> Completion:
        text = self.processing_class.decode(tokens, skip_special_tokens=True)
        ended = bool(tokens) and tokens[-1] in self.eos_token_ids
        return Completion(
            cut_at(text, self.task.pack.task.prompt.stop), tuple(tokens), (), "stop" if ended else "length"
        )

    def _score(
        self, place: int, completion: Completion, jobs: list[Future[Verdict]], index: int
    ) -> tuple[Completion, Verdict, Reward]:
        verdict, *shadow = [job.result() for job in jobs]
        if shadow:
            verdict = replace(verdict, parts={**verdict.parts, "shadow": str(shadow[0].status)})
        example, pack = self.task.examples[index], self.task.pack
        key = f"{self.task.seed}-{self.state.global_step}-{index}-{place}-{self._rank}"
        honest = pack.reward(example, completion, verdict)
        return completion, verdict, arm_reward(self.task.arm, pack.reward_rule(example), verdict, honest, key)

    @contextmanager
    def _streaming(self, submit: Callable[[int, Sequence[int]], None]) -> Iterator[None]:
        """Where vLLM runs in this process, completions are handed on while the others are generated."""
        if not self.use_vllm:
            yield
            return
        self.vllm_generation.on_done = lambda index, output: submit(index, output.outputs[0].token_ids)
        try:
            yield
        finally:
            self.vllm_generation.on_done = None

    def _observe(self, groups: list[Group]) -> None:
        """Tell the sampler how often each question was answered; it is told the same on all processes."""
        rates = []
        for group in groups:
            counted = [verdict.status is Status.CORRECT for _, verdict, _ in group.scored if not verdict.status.masked]
            if counted:
                rates.append((group.example, sum(counted) / len(counted)))
        self.task.sampler.observe(gather_object(rates))

    def verdict(self, prompts: list[str], **_: Any) -> list[float | None]:
        """The reward function that TRL calls; None where a verdict says nothing about the model."""
        return [reward.value for group in self._groups for _, _, reward in group.scored]

    def _generate_single_turn(self, prompt_ids: list[Tokens], images: Any, fields: Any, size: int) -> Any:
        with self._timed("generate"):
            if self.use_vllm or self.use_transformers_continuous_batching:
                return super()._generate_single_turn(prompt_ids, images, fields, size)
            with replaced(self.generation_config, "num_return_sequences", size), self.prefix_sharing.generating():
                return super()._generate_single_turn(prompt_ids[::size], images, fields, size)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        with replaced(grpo_trainer, "pad", pad):
            batch = super()._generate_and_score_completions(inputs)
        scored = [one for group in self._groups for one in group.scored]
        masked = torch.tensor([reward.value is None for _, _, reward in scored], device=self.accelerator.device)
        if masked.any():
            batch["completion_mask"] = batch["completion_mask"] * (~masked).unsqueeze(1)
        # The loss's normalizer counts tokens: those of masked completions are none. Never 0, so that 0 / 0 is no NaN.
        batch["num_items_in_batch"] = self.accelerator.gather(batch["completion_mask"].sum()).sum().clamp(min=1)
        if self.task.advantages.ours:
            batch["advantages"] = self._own_advantages().to(batch["advantages"])
        self._record(batch["advantages"].tolist())
        return batch

    def _own_advantages(self) -> torch.Tensor:
        mine = [
            Scored.of(self.task.pack, self.task.examples[group.example], reward)
            for group in self._groups
            for _, _, reward in group.scored
        ]
        every = self.task.advantages.compute(gather_object(mine), self.num_generations)
        return torch.tensor(every[self._rank * len(mine) : (self._rank + 1) * len(mine)])

    # ---- what prompts share is computed once

    def _share_prefixes(self, enabled: bool, say: Callable[[str], None]) -> None:
        """Share prompts' prefixes from now on if that is exact; `say` gets one line: that they are, or why not."""

        def reference(model: Any, ids: torch.Tensor, mask: torch.Tensor, width: int) -> torch.Tensor:
            return super(Trainer, self)._get_per_token_logps_and_entropies(model, ids, mask, width)[0]

        def record(name: str, value: float) -> None:
            self._metrics["train"][name].append(value)

        self.prefix_sharing = PrefixSharing(self.model, self.accelerator, record, enabled=enabled)
        if not enabled:
            return
        training = Training(
            self.model, self.args, self.accelerator, reference, self._is_vlm, bool(self.aux_loss_enabled)
        )
        self.prefix_sharing.obstacle = obstacle_to(self.prefix_sharing, training)
        if self.accelerator.is_main_process:
            say(self.prefix_sharing.summary)

    def _step_position(self) -> StepPosition:
        accumulation = self.current_gradient_accumulation_steps
        return StepPosition(self._step, self._buffered_inputs, self.args.steps_per_generation, accumulation)

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        with self.prefix_sharing.attention():
            return super().training_step(*args, **kwargs)

    def _prepare_inputs(self, generation_batch: TensorBatch) -> TensorBatch:
        buffered = self._buffered_inputs
        inputs = super()._prepare_inputs(generation_batch)
        loss_depends_on_micro_batch = (
            self.loss_type == "bnpo" or self.top_entropy_quantile < 1 or self._entropy_bonus_enabled
        )
        is_new = self.model.training and self._buffered_inputs is not buffered
        if not self.prefix_sharing.on or not is_new or loss_depends_on_micro_batch:
            return inputs
        self._buffered_inputs = regroup(self._buffered_inputs, self.current_gradient_accumulation_steps)
        return self._buffered_inputs[self._step % self.args.steps_per_generation]

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **inputs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """As TRL's: log-probabilities and entropies (B, `logits_to_keep`) of completions, and the experts' auxiliary loss."""
        scores = None
        if self.prefix_sharing.on and not compute_aux_loss and all(value is None for value in inputs.values()):
            position = self._step_position() if torch.is_grad_enabled() else None
            scores = self.prefix_sharing.score(model, input_ids, attention_mask, logits_to_keep, batch_size, position)
        if scores is None:
            return super()._get_per_token_logps_and_entropies(
                model,
                input_ids,
                attention_mask,
                logits_to_keep,
                batch_size,
                compute_entropy,
                compute_aux_loss,
                **inputs,
            )
        return scores[0], scores[1] if compute_entropy else None, None

    # ---- what is written down

    def _record(self, advantages: list[float]) -> None:
        size = self.num_generations
        local = [
            (group.prompt, self.task.examples[group.example], *scored, None if scored[2].value is None else advantage)
            for group, start in zip(self._groups, range(0, len(advantages), size), strict=True)
            for scored, advantage in zip(group.scored, advantages[start : start + size], strict=True)
        ]
        step = self.state.global_step + 1
        rollouts = [
            Rollout(example, prompt, completion, verdict, reward, advantage, index // size, step)
            for index, (prompt, example, completion, verdict, reward, advantage) in enumerate(gather_object(local))
        ]
        generated = sum(gather_object([self._generated_tokens]))
        metrics = self._metrics["train" if self.model.training else "eval"]
        for name, value in step_metrics(rollouts, size, generated).items():
            metrics[name].append(value)
        if self.accelerator.is_main_process:
            self._on_rollouts(rollouts)
        self._check_errors(rollouts)

    def _check_errors(self, rollouts: list[Rollout]) -> None:
        undecided = [self._is_undecided(rollout) for rollout in rollouts]
        statuses = [Status.ERROR if one else r.verdict.status for one, r in zip(undecided, rollouts, strict=True)]
        self._recent.extend(statuses)
        bad = sum(status.masked for status in self._recent)
        if bad / len(self._recent) <= self.task.max_error_rate:
            return
        reasons = Counter(r.verdict.reason for r in rollouts if r.verdict.status.masked)
        reasons["a part that is paid for is no number"] += sum(undecided)
        common = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common(3) if count)
        raise TooManyErrors(
            f"{bad} of the last {len(self._recent)} verdicts are errors of ours, not of the model: more than "
            f"max_error_rate = {self.task.max_error_rate:g}. Most common: {common or 'none in this step'}"
        )

    def _is_undecided(self, rollout: Rollout) -> bool:
        """Whether its reward is missing though neither its verdict is nor a policy on truncated completions says so."""
        policy = self.task.pack.reward_rule(rollout.example)
        by_policy = rollout.completion.truncated and policy.truncated == "mask"
        return rollout.reward.value is None and not rollout.verdict.status.masked and not by_policy

    # ---- checkpoints

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        if self.args.should_save:
            folder = Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}"
            folder.mkdir(parents=True, exist_ok=True)
            state = {
                "sampler": self.task.sampler.state(),
                "advantages": self.task.advantages.state(),
                "recent": list(self._recent),
            }
            write_whole(folder / STATE, json.dumps(state))
        super()._save_checkpoint(model, trial)  # writes trainer_state.json last: the checkpoint is complete

    def restore(self, checkpoint: Path) -> None:
        """Take over what `_save_checkpoint` saved beside TRL's state. Raises ConfigError if it isn't there."""
        try:
            state = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(
                f"{checkpoint / STATE}: {reason}; the checkpoint is incomplete: "
                "delete its folder to go on from the one before it"
            ) from None
        self.task.sampler.restore(state["sampler"])
        self.task.advantages.restore(state["advantages"])
        self._recent.extend(Status(status) for status in state["recent"])

    def load(self, checkpoint: Path) -> None:
        """Take a checkpoint's weights, without any training."""
        self._load_from_checkpoint(str(checkpoint))
        self.state.global_step = int(checkpoint.name.rpartition("-")[2])

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
                "time/verify": self._seconds["verify"],  # waited for; what generation hid is not in it
                "time/sync": sync,
                "time/update": max(0.0, step - generate - sync - self._seconds["verify"]),
            }
        super().log(logs, start_time)
        if not training:
            return
        if self.accelerator.is_main_process:
            # TRL's keys come first: readers that look for the last part of a key take the first that they find.
            ordered = sorted(logs.items(), key=lambda item: item[0].startswith(OWN))
            self._on_metrics({"step": self.state.global_step, **dict(ordered)})
        if self._after_step(self):
            self.control.should_save = self.control.should_training_stop = True
        self.start_clock()


def pad(
    tensors: list[torch.Tensor],
    padding_value: int = 0,
    padding_side: str = "right",
    pad_to_multiple_of: int | None = None,
) -> torch.Tensor:
    """TRL's `pad` of rows, without a turn of Python for each: for a tiny model these were a tenth of a step."""
    padded = pad_sequence(tensors, True, padding_value, padding_side)
    if pad_to_multiple_of and (missing := -padded.shape[1] % pad_to_multiple_of):
        sides = (missing, 0) if padding_side == "left" else (0, missing)
        padded = torch.nn.functional.pad(padded, sides, value=padding_value)
    return padded
