"""One step's figures about its rollouts: statuses, parts of the reward, categories, and what was generated for nothing."""

from collections import Counter
from collections.abc import Sequence

from rlvr.verifiers.types import Rollout, Status


def step_metrics(rollouts: Sequence[Rollout], group: int, generated: int) -> dict[str, float]:
    """`group` completions in a row belong together; `generated` tokens were made for this step, replaced groups included."""
    groups = [list(rollouts[start : start + group]) for start in range(0, len(rollouts), group)]
    useful = sum(len(one.completion.tokens) for members in groups if not _alike(members) for one in members)
    metrics = _statuses("", rollouts)
    for name in sorted({part for rollout in rollouts for part in rollout.reward.parts}):
        values = [rollout.reward.parts[name] for rollout in rollouts if name in rollout.reward.parts]
        metrics[f"reward_parts/{name}"] = sum(values) / len(values)
    metrics["tokens/generated"] = generated
    metrics["tokens/useful"] = useful
    if useful:
        metrics["tokens/per_useful"] = generated / useful
    metrics["groups/no_variance"] = sum(map(_alike, groups)) / len(groups)
    watched = [one for one in rollouts if "shadow" in one.verdict.parts and not _undecided(one)]
    if watched:
        differ = [one for one in watched if (one.verdict.parts["shadow"] == "correct") != _correct(one)]
        metrics["shadow/disagreement"] = len(differ) / len(watched)
    categories = sorted({rollout.example.category for rollout in rollouts})
    if len(categories) > 1:
        for name in categories:
            mine = [members for members in groups if members[0].example.category == name]
            metrics |= _category(f"category/{name}/", mine, len(groups))
    return metrics


def _category(prefix: str, groups: Sequence[list[Rollout]], of: int) -> dict[str, float]:
    members = [one for group in groups for one in group]
    paid = [one.reward.value for one in members if one.reward.value is not None]
    counted = [one for one in members if not one.verdict.status.masked]
    figures = {
        "share": len(groups) / of,
        "no_variance": sum(map(_alike, groups)) / len(groups),
        "length": sum(len(one.completion.tokens) for one in members) / len(members),
    }
    if paid:
        figures["reward"] = sum(paid) / len(paid)
    if counted:
        figures["pass_rate"] = sum(map(_correct, counted)) / len(counted)
    return {prefix + name: value for name, value in figures.items()} | _statuses(prefix, members)


def _statuses(prefix: str, rollouts: Sequence[Rollout]) -> dict[str, float]:
    counts = Counter(rollout.verdict.status for rollout in rollouts)
    return {f"{prefix}verdicts/{status}": counts[status] / len(rollouts) for status in Status}


def _alike(group: Sequence[Rollout]) -> bool:
    """Whether all rewards are equal, so that all advantages are 0."""
    return len({one.reward.value for one in group if one.reward.value is not None}) <= 1


def _undecided(rollout: Rollout) -> bool:
    """Whether the verifier or its shadow failed: no disagreement."""
    return rollout.verdict.status.masked or Status(rollout.verdict.parts["shadow"]).masked


def _correct(rollout: Rollout) -> bool:
    return rollout.verdict.status is Status.CORRECT
