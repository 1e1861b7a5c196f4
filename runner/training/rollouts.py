"""A GRPO step up to the update: from questions to rewarded groups of completions. Free of torch and TRL.

Read `RolloutWorker.collect`: it is the step from top to bottom. What generates is an argument, so a test runs it without a
model; TRL's side of the step is in trainer.py.
"""

import json
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rlvr.errors import ConfigError, ExitCode, RlvrError
from rlvr.files import write_whole
from rlvr.runner.generation.backend import Tokens
from rlvr.runner.generation.prompts import EncodedPrompt
from rlvr.runner.process.processes import ALONE, Processes
from rlvr.runner.training.advantages import Advantages, Scored
from rlvr.runner.training.control_rewards import RewardSource, control_reward
from rlvr.runner.training.metrics import StepClock, step_metrics
from rlvr.runner.training.prompt_sampler import PromptSampler
from rlvr.tasks.pack import Pack
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict, has_variance
from rlvr.verifiers.verifier import Verifier

ERROR_WINDOW = 256  # verdicts over which the error rate is taken
STATE = "rlvr_state.json"  # in a checkpoint

EncodePrompts = Callable[[Sequence[Example], int], list[EncodedPrompt]]  # (examples, step)
OnCompletion = Callable[[int, Completion], None]  # (place, completion), see Generate
Logprobs = list[list[float]] | None  # natural logarithms by place and token; None if the back end gives none


class TooManyErrors(RlvrError):
    """More verdicts than `max_error_rate` were `error` or `skipped`: the run would learn from what is left by chance."""

    exit_code = ExitCode.FAILED


class Generate(Protocol):
    """Samples `group_size` completions of each prompt."""

    def __call__(self, prompts: Sequence[Tokens], on_completion: OnCompletion) -> Logprobs:
        """Call `on_completion` once for each completion, as soon as it is finished, in any order.

        Its place among the completions says which prompt it answers: number place // group_size.
        """


@dataclass(frozen=True, slots=True)
class RolloutSettings:
    """How rollouts are collected. `shadow` is a second verifier, which only observes."""

    group_size: int
    reward: RewardSource = "verifier"
    shadow: Verifier | None = None
    resample_rounds: int = 0
    max_error_rate: float = 0.1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ScoredCompletion:
    """A completion with what was decided about it; `shadow` is what the shadow verifier says."""

    completion: Completion
    verdict: Verdict
    reward: Reward
    shadow: Status | None


@dataclass(frozen=True, slots=True)
class Group:
    """The completions of one prompt. `index` is the example's among those that the sampler draws from."""

    index: int
    example: Example
    prompt: EncodedPrompt
    completions: list[ScoredCompletion]
    logprobs: Logprobs  # of this group's completions

    @property
    def rewards(self) -> list[float | None]:
        """By completion; None if masked."""
        return [scored.reward.value for scored in self.completions]

    @property
    def has_variance(self) -> bool:
        """Whether its rewards differ; if not, its advantages are 0."""
        return has_variance(self.rewards)

    @property
    def tokens(self) -> int:
        """How many were generated."""
        return sum(len(scored.completion.tokens) for scored in self.completions)

    @property
    def pass_rate(self) -> float | None:
        """Share of correct completions, without masked verdicts; None if all are masked."""
        statuses = [scored.verdict.status for scored in self.completions if not scored.verdict.status.masked]
        return statuses.count(Status.CORRECT) / len(statuses) if statuses else None


@dataclass(frozen=True, slots=True)
class RolloutBatch:
    """What this process trains on in one step.

    `advantages` has one value for each completion, group by group; None if they are TRL's. `generated_tokens` includes
    the groups that resampling replaced.
    """

    groups: list[Group] = field(repr=False)  # TRL logs the columns of a row without a reward
    advantages: list[float] | None = field(repr=False)
    generated_tokens: int
    resampled: int  # rounds

    @property
    def completions(self) -> list[ScoredCompletion]:
        """Those of all groups, in order."""
        return [scored for group in self.groups for scored in group.completions]


@dataclass
class RolloutWorker:
    """Collects the rollouts of one process of a run, and keeps what the next steps need to know of them."""

    pack: Pack
    examples: Sequence[Example]
    encode: EncodePrompts
    engine: Engine
    sampler: PromptSampler
    settings: RolloutSettings
    advantages: Advantages = field(default_factory=Advantages)
    processes: Processes = ALONE
    clock: StepClock = field(default_factory=StepClock, init=False)
    recent: deque[Status] = field(default_factory=lambda: deque(maxlen=ERROR_WINDOW), init=False)

    def collect(self, count: int, generate: Generate, step: int) -> RolloutBatch:
        """A GRPO step from top to bottom, but for the update: `count` groups of completions, verified and rewarded.

        Raises ConfigError if a prompt doesn't fit the context.
        """
        groups: list[Group] = []
        wanted, resampled, generated_tokens = count, 0, 0
        while True:
            # Draw examples: shuffled passes, by the weights of categories and by pass rates.
            indices = self._draw(wanted)
            examples = [self.examples[index] for index in indices]
            # Render each with its few-shot examples, as text and as tokens.
            prompts = self.encode(examples, step)
            # Generate a group of completions for each prompt. Each is submitted to its verifier as soon as it is finished.
            verification = Verification(self._submit, examples, self.settings.group_size)
            logprobs = generate([prompt.tokens for prompt in prompts], verification.submit)
            # Verify: wait for the verdicts that generation didn't hide.
            with self.clock.measure("verify"):
                verified = verification.results()
            # Reward each verdict by the rule of the example's pack, or by a control reward.
            fresh = []
            for number, (index, example, prompt) in enumerate(zip(indices, examples, prompts, strict=True)):
                places = verification.places(number)
                scored = [self._reward(example, *verified[place], f"{step - 1}-{index}-{place}") for place in places]
                fresh.append(Group(index, example, prompt, scored, logprobs and [logprobs[place] for place in places]))
            generated_tokens += sum(group.tokens for group in fresh)
            self._observe(fresh)
            # Resample: a zero-variance group, of which nothing is learned, gives way to a fresh one (DAPO,
            # arXiv:2503.14476). All processes sample as many, since generation may be collective.
            groups = replace_zero_variance(groups, fresh) if groups else fresh
            if resampled == self.settings.resample_rounds:
                break
            wanted = max(self.processes.concatenate([sum(not group.has_variance for group in groups)]))
            if not wanted:
                break
            resampled += 1
        # Advantage: (reward - mean of the group) / (its standard deviation + 1e-4) by TRL, or what advantages.py computes.
        advantages = self._advantages(groups) if self.advantages.enabled else None
        return RolloutBatch(groups, advantages, generated_tokens, resampled)

    def rollouts(self, batch: RolloutBatch, advantages: Sequence[float], step: int) -> list[Rollout]:
        """The step's rollouts of all processes, to be written down. `advantages` by completion, as trained on."""
        first = self.processes.rank * len(batch.groups)  # every process has as many
        in_order = iter(advantages)
        own = [
            Rollout(
                group.example, group.prompt.text, scored.completion, scored.verdict, scored.reward,
                None if scored.reward.value is None else advantage, number, step, scored.shadow,
            )
            for number, group in enumerate(batch.groups, first)
            for scored, advantage in zip(group.completions, in_order, strict=False)
        ]  # fmt: skip
        return self.processes.concatenate(own)

    def metrics(self, batch: RolloutBatch, rollouts: Sequence[Rollout]) -> dict[str, float]:
        """The step's figures, from `batch` of this process and `rollouts` of all."""
        generated = sum(self.processes.concatenate([batch.generated_tokens]))
        resampling = {"resample/rounds": float(batch.resampled)} if self.settings.resample_rounds else {}
        return resampling | step_metrics(rollouts, self.settings.group_size, generated)

    def require_few_errors(self, rollouts: Sequence[Rollout]) -> None:
        """Raises TooManyErrors if too many of the last verdicts, these included, are infrastructure errors."""
        check_error_rate(self.recent, rollouts, self.settings.max_error_rate)

    def save(self, checkpoint: Path) -> None:
        """Write what a resumed run needs of this worker into a checkpoint's folder, which may be missing yet."""
        checkpoint.mkdir(parents=True, exist_ok=True)
        state = {"sampler": self.sampler.state(), "advantages": self.advantages.state(), "recent": list(self.recent)}
        write_whole(checkpoint / STATE, json.dumps(state))

    def restore(self, checkpoint: Path) -> None:
        """Go on from what `save` wrote. Raises ConfigError if it isn't there, or belongs to other examples."""
        try:
            state = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(
                f"{checkpoint / STATE}: {reason}; the checkpoint is incomplete: "
                "delete its folder to go on from the one before it"
            ) from None
        self.sampler.restore(state["sampler"])
        self.advantages.restore(state["advantages"])
        self.recent.extend(Status(status) for status in state["recent"])

    def _draw(self, count: int) -> list[int]:
        """The next `count` examples of this process. All processes draw all, so that their samplers stay the same."""
        drawn = self.sampler.draw(count * self.processes.count)
        return drawn[self.processes.rank * count : (self.processes.rank + 1) * count]

    def _submit(self, example: Example, completion: Completion) -> list[Future[Verdict]]:
        """To the pack's verifier, and to the shadow verifier if there is one."""
        futures = [self.pack.submit(self.engine, example, completion)]
        if self.settings.shadow:
            futures.append(self.engine.submit(self.settings.shadow, example, completion))
        return futures

    def _reward(
        self, example: Example, completion: Completion, verdict: Verdict, shadow: Status | None, place: str
    ) -> ScoredCompletion:
        honest = self.pack.reward(example, completion, verdict)
        key = f"{self.settings.seed}-{place}-{self.processes.rank}"
        paid = control_reward(self.settings.reward, self.pack.reward_rule(example), verdict, honest, key)
        return ScoredCompletion(completion, verdict, paid, shadow)

    def _observe(self, groups: Sequence[Group]) -> None:
        """Tell the sampler how often each example was solved; it is told the same on all processes."""
        rates = [(group.index, rate) for group in groups if (rate := group.pass_rate) is not None]
        self.sampler.observe(self.processes.concatenate(rates))

    def _advantages(self, groups: Sequence[Group]) -> list[float]:
        """By completion; 0 if masked. They depend on the groups of all processes."""
        own = [Scored.of(self.pack, group.example, scored.reward) for group in groups for scored in group.completions]
        every = self.advantages.compute(self.processes.concatenate(own), self.settings.group_size)
        return every[self.processes.rank * len(own) : (self.processes.rank + 1) * len(own)]


class Verification:
    """The verdicts on the completions of one round, asked for as they come in; equal work is done once.

    Completions are numbered group by group: `places(i)` answer `examples[i]`.
    """

    def __init__(
        self,
        submit: Callable[[Example, Completion], list[Future[Verdict]]],
        examples: Sequence[Example],
        group_size: int,
    ) -> None:
        self._submit, self._examples, self._group_size = submit, examples, group_size
        self._pending: dict[int, tuple[Completion, list[Future[Verdict]]]] = {}  # by place
        self._submitted: dict[tuple[int, str, str], list[Future[Verdict]]] = {}

    def places(self, number: int) -> range:
        """Of the group `number`."""
        return range(number * self._group_size, (number + 1) * self._group_size)

    def submit(self, place: int, completion: Completion) -> None:
        """Start verifying a completion, unless an equal one of its group was submitted before."""
        number = place // self._group_size
        key = (number, completion.text, completion.finish_reason)
        if key not in self._submitted:
            self._submitted[key] = self._submit(self._examples[number], completion)
        self._pending[place] = completion, self._submitted[key]

    def results(self) -> list[tuple[Completion, Verdict, Status | None]]:
        """(completion, verdict, the shadow verifier's status) by place, when all are decided."""
        decided = []
        for place in range(len(self._examples) * self._group_size):
            completion, futures = self._pending[place]
            verdict, *shadow = [future.result() for future in futures]
            decided.append((completion, verdict, shadow[0].status if shadow else None))
        return decided


def replace_zero_variance(groups: Sequence[Group], fresh: Sequence[Group]) -> list[Group]:
    """`groups`, with fresh groups that have variance in the places of those that have none, as far as they go."""
    better = (group for group in fresh if group.has_variance)
    return [group if group.has_variance else next(better, group) for group in groups]


def check_error_rate(recent: deque[Status], rollouts: Sequence[Rollout], limit: float) -> None:
    """Take a step's statuses into `recent`, the last of the run; a rewarded part that is not a number is an `error` too.

    Raises TooManyErrors if the share of `error` and `skipped` among them is above `limit`.
    """
    undecided = [rollout.reward.masked == "part" for rollout in rollouts]
    recent.extend(Status.ERROR if part else r.verdict.status for part, r in zip(undecided, rollouts, strict=True))
    masked = sum(status.masked for status in recent)
    if masked / len(recent) <= limit:
        return
    reasons = Counter(rollout.verdict.reason for rollout in rollouts if rollout.verdict.status.masked)
    reasons["a rewarded part is not a finite number"] += sum(undecided)
    common = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common(3) if count)
    raise TooManyErrors(
        f"{masked} of the last {len(recent)} verdicts are infrastructure errors, not the model's: more than "
        f"max_error_rate = {limit:g}. Most common: {common or 'none in this step'}"
    )
