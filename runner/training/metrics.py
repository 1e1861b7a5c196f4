"""A step's figures: statuses, parts of the reward, categories, what was generated for nothing, and where the time went."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rlvr.verifiers.types import Rollout, Status, has_variance

# How our own metrics begin.
PREFIXES = (
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


class StepClock:
    """Where the seconds of a training step go: generate, verify, sync, and the rest, which is the update."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A step begins."""
        self._start, self._inner = time.perf_counter(), 0.0
        self._seconds = dict.fromkeys(("generate", "verify", "sync"), 0.0)

    @contextmanager
    def measure(self, phase: str) -> Iterator[None]:
        """Count what runs inside as `phase`, without the phases that are measured in it."""
        start, around = time.perf_counter(), self._inner
        self._inner = 0.0
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            self._seconds[phase] += seconds - self._inner
            self._inner = around + seconds

    def metrics(self) -> dict[str, float]:
        """The step's time up to now, and its parts."""
        step = time.perf_counter() - self._start
        parts = {f"time/{phase}": seconds for phase, seconds in self._seconds.items()}
        return {"time/step": step, **parts, "time/update": max(0.0, step - sum(parts.values()))}


def ours_last(metrics: Mapping[str, float]) -> dict[str, float]:
    """TRL's metrics first: readers that look for the last part of a key take the first key that has it."""
    return dict(sorted(metrics.items(), key=lambda item: item[0].startswith(PREFIXES)))


def step_metrics(rollouts: Sequence[Rollout], group_size: int, generated_tokens: int) -> dict[str, float]:
    """Metrics of a step's rollouts, `group_size` in a row of one group.

    `generated_tokens` were generated for this step, replaced groups included.
    """
    groups = [rollouts[start : start + group_size] for start in range(0, len(rollouts), group_size)]
    useful = sum(_tokens(group) for group in groups if not _zero_variance(group))
    metrics = _statuses("", rollouts)
    for part in sorted({part for rollout in rollouts for part in rollout.reward.parts}):
        values = [rollout.reward.parts[part] for rollout in rollouts if part in rollout.reward.parts]
        metrics[f"reward_parts/{part}"] = sum(values) / len(values)
    metrics["tokens/generated"] = generated_tokens
    metrics["tokens/useful"] = useful
    if useful:
        metrics["tokens/per_useful"] = generated_tokens / useful
    metrics["groups/no_variance"] = sum(map(_zero_variance, groups)) / len(groups)
    decided = [r for r in rollouts if r.shadow and not (r.shadow.masked or r.verdict.status.masked)]
    if decided:
        disagreements = sum((rollout.shadow is Status.CORRECT) != _correct(rollout) for rollout in decided)
        metrics["shadow/disagreement"] = disagreements / len(decided)
    categories = sorted({rollout.example.category for rollout in rollouts})
    if len(categories) > 1:
        for category in categories:
            members = [group for group in groups if group[0].example.category == category]
            metrics |= _category(f"category/{category}/", members, len(groups))
    return metrics


def _category(prefix: str, groups: Sequence[Sequence[Rollout]], all_groups: int) -> dict[str, float]:
    rollouts = [rollout for group in groups for rollout in group]
    rewards = [rollout.reward.value for rollout in rollouts if rollout.reward.value is not None]
    decided = [rollout for rollout in rollouts if not rollout.verdict.status.masked]
    metrics = {
        "share": len(groups) / all_groups,
        "no_variance": sum(map(_zero_variance, groups)) / len(groups),
        "length": _tokens(rollouts) / len(rollouts),
    }
    if rewards:
        metrics["reward"] = sum(rewards) / len(rewards)
    if decided:
        metrics["pass_rate"] = sum(map(_correct, decided)) / len(decided)
    return {prefix + name: value for name, value in metrics.items()} | _statuses(prefix, rollouts)


def _statuses(prefix: str, rollouts: Sequence[Rollout]) -> dict[str, float]:
    counts = Counter(rollout.verdict.status for rollout in rollouts)
    return {f"{prefix}verdicts/{status}": counts[status] / len(rollouts) for status in Status}


def _tokens(rollouts: Sequence[Rollout]) -> int:
    return sum(len(rollout.completion.tokens) for rollout in rollouts)


def _zero_variance(group: Sequence[Rollout]) -> bool:
    return not has_variance(rollout.reward.value for rollout in group)


def _correct(rollout: Rollout) -> bool:
    return rollout.verdict.status is Status.CORRECT
