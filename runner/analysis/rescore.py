"""Verifies a run's saved rollouts again, with the verifier as it is now or with another one.

Nothing in the run is changed. Rewards are what the pack pays today; advantages are computed as the run computed them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any

from rlvr.errors import ConfigError
from rlvr.runner.settings.run_config import RunConfig
from rlvr.runner.training.advantages import Advantages, Scored
from rlvr.tasks.pack import Pack
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.rows import rollout_from_row
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Verdict
from rlvr.verifiers.verifier import Verifier

CHUNK = 512
Row = dict[str, Any]  # of a rollout, as the run's folder has it
Item = tuple[Verifier, Example, Completion]


@dataclass(frozen=True, slots=True)
class Rescored:
    """One rollout: `row` and `before` as it was saved; `verdict`, `reward` and `advantage` as they are now."""

    row: Row
    before: Rollout
    verdict: Verdict
    reward: Reward
    advantage: float | None = None

    @property
    def flipped(self) -> bool:
        """Whether the verdict has another status now."""
        return self.before.verdict.status is not self.verdict.status

    def as_json(self) -> Row:
        """The saved row with what is new beside it."""
        new = {
            "new_status": str(self.verdict.status), "new_score": self.verdict.score, "new_extracted": self.verdict.extracted,
            "new_reason": self.verdict.reason, "new_reward": self.reward.value, "new_advantage": self.advantage,
        }  # fmt: skip
        return {**self.row, **new, "flipped": self.flipped}


def rescore(
    rows: Sequence[Row],
    pack: Pack,
    config: RunConfig,
    engine: Engine,
    verifier: Verifier | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Rescored]:
    """Each rollout verified again: by `verifier`, or by the one that the pack has for its example.

    `config` is the run's; `advance` is called with how many more are done. Raises ConfigError for a row that holds no
    rollout, and for one that the pack can't verify.
    """
    rollouts = [rollout_from_row(row, f"rollout {row.get('id')!r} of step {row.get('step')}") for row in rows]
    verifiers = [verifier or _verifier_of(pack, rollout) for rollout in rollouts]
    rescored: list[Rescored] = []
    items = ((chosen, r.example, r.completion) for chosen, r in zip(verifiers, rollouts, strict=True))
    for chunk in _chunks(items):
        for (_, example, completion), verdict in zip(chunk, engine.verify_each(chunk), strict=True):
            place = len(rescored)
            rescored.append(Rescored(rows[place], rollouts[place], verdict, pack.reward(example, completion, verdict)))
        advance(len(chunk))
    return _with_advantages(rescored, pack, config)


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def _verifier_of(pack: Pack, rollout: Rollout) -> Verifier:
    example = rollout.example
    try:
        return pack.verifier_for(example)
    except ConfigError as error:
        raise ConfigError(
            f"rollout {example.id!r} of step {rollout.step} says verifier {example.verifier!r} of pack "
            f"{example.pack!r}, which the pack {pack.name!r} doesn't have: {error}"
        ) from None


def _with_advantages(rescored: Sequence[Rescored], pack: Pack, config: RunConfig) -> list[Rescored]:
    """Advantages as the run's configuration says, step by step, since a category's baseline looks back."""
    advantages = Advantages(config.category_baseline, config.category_scale, config.normalize_parts)
    done: list[Rescored] = []
    for _, step in groupby(rescored, key=lambda rollout: rollout.before.step):
        members = sorted(step, key=lambda rollout: rollout.before.group)
        sizes = Counter(rollout.before.group for rollout in members)
        if len(set(sizes.values())) > 1:  # a step that was cut off while it was written
            full = max(sizes.values())
            done += [rollout for rollout in members if sizes[rollout.before.group] < full]
            members = [rollout for rollout in members if sizes[rollout.before.group] == full]
        scored = [Scored.of(pack, rollout.before.example, rollout.reward) for rollout in members]
        values = advantages.compute(scored, sizes[members[0].before.group])
        done += [
            replace(rollout, advantage=None if rollout.reward.value is None else value)
            for rollout, value in zip(members, values, strict=True)
        ]
    return done
