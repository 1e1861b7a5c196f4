"""What a rescored run shows: which verdicts flip, and what that would have meant for rewards, groups and advantages."""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from rlvr.runner.analysis.rescore import Rescored
from rlvr.verifiers.types import Status, has_variance

EXAMPLES = 3  # shown of each kind of flip
MOVED = 0.05  # an advantage that changes by less is the same


@dataclass(frozen=True, slots=True)
class FlipExample:
    """A rollout whose verdict flips, with what was extracted and why, then and now."""

    step: int
    id: str
    category: str
    gold: str
    completion: str
    extracted: str | None
    reason: str
    new_extracted: str | None
    new_reason: str


@dataclass(frozen=True, slots=True)
class Flip:
    """How many verdicts changed from one status to another; with equal ones, how many didn't change."""

    before: Status
    now: Status
    rollouts: int
    examples: Sequence[FlipExample] = ()

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "from": str(self.before), "to": str(self.now), "rollouts": self.rollouts,
            "examples": [asdict(example) for example in self.examples],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class VerifierChange:
    """The verifiers as Pack.spec() gives them, and what differs, one line each."""

    then: object
    now: object
    differences: Sequence[str]


@dataclass(frozen=True, slots=True)
class RewardChange:
    """Mean rewards, None if all are masked, and how many rewards changed."""

    then: float | None
    now: float | None
    changed: int


@dataclass(frozen=True, slots=True)
class GroupChange:
    """Zero-variance groups then and now; `gained` groups would have given a learning signal, `lost` ones would not."""

    groups: int
    no_variance_then: int
    no_variance_now: int
    gained: int
    lost: int


@dataclass(frozen=True, slots=True)
class AdvantageChange:
    """How many advantages move, and how many of them change their sign."""

    moved: int
    turned: int


@dataclass(frozen=True, slots=True)
class CategoryChange:
    """The shares of correct verdicts in a category; None without a verdict about the model."""

    category: str
    rollouts: int
    flipped: int
    correct_then: float | None
    correct_now: float | None


@dataclass(frozen=True, slots=True)
class RescoreSummary:
    """Everything that `rlvr rescore` shows of a run."""

    rollouts: int
    flipped: int
    verifier: VerifierChange
    flips: Sequence[Flip]
    reward: RewardChange
    groups: GroupChange
    advantages: AdvantageChange
    by_category: Sequence[CategoryChange]

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "rollouts": self.rollouts,
            "flipped": self.flipped,
            "verifier": asdict(self.verifier),
            "flips": [flip.as_json() for flip in self.flips],
            "reward": asdict(self.reward),
            "groups": asdict(self.groups),
            "advantages": asdict(self.advantages),
            "by_category": [asdict(category) for category in self.by_category],
        }


def summarize_rescored(rescored: Sequence[Rescored], then: object, now: object) -> RescoreSummary:
    """What flipped and what it would have meant. `then` and `now` describe the verifiers, as Pack.spec() does."""
    flips = Counter((rollout.before.verdict.status, rollout.verdict.status) for rollout in rescored)
    return RescoreSummary(
        len(rescored),
        sum(rollout.flipped for rollout in rescored),
        VerifierChange(then, now, differences(then, now)),
        [Flip(*pair, flips[pair], _examples(rescored, *pair)) for pair in _ordered(flips)],
        RewardChange(
            _mean(rollout.before.reward.value for rollout in rescored),
            _mean(rollout.reward.value for rollout in rescored),
            sum(_differs(rollout.before.reward.value, rollout.reward.value) for rollout in rescored),
        ),
        _groups(rescored),
        AdvantageChange(sum(map(_moved, rescored)), sum(map(_turned, rescored))),
        _by_category(rescored),
    )


def _ordered(flips: Iterable[tuple[Status, Status]]) -> list[tuple[Status, Status]]:
    """Verdicts that changed first, then by status."""
    order = list(Status)
    return sorted(flips, key=lambda pair: (pair[0] is pair[1], order.index(pair[0]), order.index(pair[1])))


def _examples(rescored: Sequence[Rescored], before: Status, now: Status) -> list[FlipExample]:
    if before is now:
        return []
    some = (
        rollout for rollout in rescored if rollout.before.verdict.status is before and rollout.verdict.status is now
    )
    return [
        FlipExample(
            rollout.before.step, rollout.before.example.id, rollout.before.example.category, rollout.before.example.gold,
            rollout.before.completion.text, rollout.before.verdict.extracted, rollout.before.verdict.reason,
            rollout.verdict.extracted, rollout.verdict.reason,
        )
        for rollout in islice(some, EXAMPLES)
    ]  # fmt: skip


def _groups(rescored: Sequence[Rescored]) -> GroupChange:
    groups: dict[tuple[int, int], list[Rescored]] = defaultdict(list)
    for rollout in rescored:
        groups[rollout.before.step, rollout.before.group].append(rollout)
    then = {
        key for key, members in groups.items() if not has_variance(rollout.before.reward.value for rollout in members)
    }
    now = {key for key, members in groups.items() if not has_variance(rollout.reward.value for rollout in members)}
    return GroupChange(len(groups), len(then), len(now), len(then - now), len(now - then))


def _by_category(rescored: Sequence[Rescored]) -> list[CategoryChange]:
    categories: dict[str, list[Rescored]] = defaultdict(list)
    for rollout in rescored:
        categories[rollout.before.example.category].append(rollout)
    return [
        CategoryChange(
            name,
            len(members),
            sum(rollout.flipped for rollout in members),
            _correct(rollout.before.verdict.status for rollout in members),
            _correct(rollout.verdict.status for rollout in members),
        )
        for name, members in sorted(categories.items())
    ]


def _correct(statuses: Iterable[Status]) -> float | None:
    """Share of `correct` among the verdicts about the model."""
    counted = [status is Status.CORRECT for status in statuses if not status.masked]
    return sum(counted) / len(counted) if counted else None


def _moved(rollout: Rescored) -> bool:
    return abs((rollout.advantage or 0.0) - (rollout.before.advantage or 0.0)) > MOVED


def _turned(rollout: Rescored) -> bool:
    """Whether the update would push away from the completion instead of towards it, or the other way round."""
    return _moved(rollout) and (rollout.before.advantage or 0.0) * (rollout.advantage or 0.0) < 0


def _differs(old: float | None, new: float | None) -> bool:
    if old is None or new is None:
        return old is not new
    return not math.isclose(old, new, abs_tol=1e-9)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def differences(then: object, now: object) -> list[str]:
    """What differs between two descriptions of verifiers, one line each: name, version, options, parts."""
    old, new = (json.loads(json.dumps(described, default=str)) for described in (then, now))
    if old is None:
        return ["the run recorded no verifier"]
    return list(_walk("", old, new))


def _walk(place: str, old: object, new: object) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _walk(f"{place}.{key}" if place else key, old.get(key), new.get(key))
    elif old != new:
        shown = ("not set" if value is None else json.dumps(value) for value in (old, new))
        yield f"{place}: {' -> '.join(shown)}"
