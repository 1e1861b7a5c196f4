"""Verifies a run's saved rollouts again, with the verifier as it is now or another one, and says what would have changed.

Nothing of the run is written. Rewards are what the pack pays today; advantages are the group's, as the run computed them.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any

from rlvr.errors import ConfigError
from rlvr.runner.settings.run_config import RunConfig
from rlvr.runner.training.advantages import Advantages, Scored
from rlvr.tasks.pack import Pack
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.rows import example_from_row, pair_from_row
from rlvr.verifiers.types import Reward, Status, Verdict, has_variance
from rlvr.verifiers.verifier import Verifier

CHUNK = 512
EXAMPLES = 3  # shown of each kind of flip
MOVED = 0.05  # an advantage that changes by less is the same
Row = dict[str, Any]


@dataclass(frozen=True)
class Rescored:
    """One rollout with its verdicts: `row` as it was saved, `verdict` and `reward` as they are now."""

    row: Row
    verdict: Verdict
    reward: Reward
    advantage: float | None = None

    @property
    def flipped(self) -> bool:
        return bool(self.row["status"] != self.verdict.status)

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

    Raises ConfigError for a row that the pack can't verify.
    """
    verifiers = [verifier or _verifier_of(pack, row) for row in rows]
    found: list[Rescored] = []
    items = ((one, *pair_from_row(row, _where(row))) for one, row in zip(verifiers, rows, strict=True))
    for chunk in _chunks(items):
        for item, verdict in zip(chunk, engine.verify_each(chunk), strict=True):
            row = rows[len(found)]
            found.append(Rescored(row, verdict, pack.reward(item[1], item[2], verdict)))
        advance(len(chunk))
    return _with_advantages(found, pack, config)


def _chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def _where(row: Row) -> str:
    return f"rollout {row['id']!r} of step {row['step']}"


def _verifier_of(pack: Pack, row: Row) -> Verifier:
    try:
        return pack.verifier_for(example_from_row(row, _where(row)))
    except ConfigError as error:
        raise ConfigError(
            f"{_where(row)} says verifier {row.get('verifier') or ''!r} of pack "
            f"{row.get('pack') or ''!r}, which the pack {pack.name!r} doesn't have: {error}"
        ) from None


def _with_advantages(found: Sequence[Rescored], pack: Pack, config: RunConfig) -> list[Rescored]:
    """Advantages as the run's configuration says, step by step, since a category's baseline looks back."""
    advantages = Advantages(config.category_baseline, config.category_scale, config.normalize_parts)
    done: list[Rescored] = []
    for _, step in groupby(found, key=lambda one: one.row["step"]):
        members = sorted(step, key=lambda one: one.row["group"])
        sizes = Counter(one.row["group"] for one in members)
        if len(set(sizes.values())) > 1:  # a step that was cut off while it was written
            full = max(sizes.values())
            done += [one for one in members if sizes[one.row["group"]] < full]
            members = [one for one in members if sizes[one.row["group"]] == full]
        scored = [Scored.of(pack, example_from_row(one.row, _where(one.row)), one.reward) for one in members]
        values = advantages.compute(scored, sizes[members[0].row["group"]])
        done += [
            replace(one, advantage=None if one.reward.value is None else value)
            for one, value in zip(members, values, strict=True)
        ]
    return done


def summary(found: Sequence[Rescored], then: object, now: object) -> Row:
    """What flipped and what it would have meant, as JSON values. `then` and `now` describe the verifiers."""
    flips = Counter((str(one.row["status"]), str(one.verdict.status)) for one in found)
    rewards = [(_finite(one.row["reward"]), one.reward.value) for one in found]
    return {
        "rollouts": len(found),
        "flipped": sum(one.flipped for one in found),
        "verifier": {"then": then, "now": now, "differences": differences(then, now)},
        "flips": [
            {"from": old, "to": new, "rollouts": count, "examples": _examples(found, old, new)}
            for old, new, count in _ordered(flips)
        ],
        "reward": {
            "then": _mean(old for old, _ in rewards),
            "now": _mean(new for _, new in rewards),
            "changed": sum(_differs(old, new) for old, new in rewards),
        },
        "groups": _groups(found),
        "advantages": {
            "moved": sum(_moved(one) for one in found),
            "turned": sum(_turned(one) for one in found),  # from pushing towards a completion to pushing away, or back
        },
        "by_category": _by_category(found),
    }


def _ordered(flips: Mapping[tuple[str, str], int]) -> list[tuple[str, str, int]]:
    order = [str(status) for status in Status]
    known = sorted(flips, key=lambda pair: (pair[0] == pair[1], order.index(pair[0]), order.index(pair[1])))
    return [(old, new, flips[old, new]) for old, new in known]


def _examples(found: Sequence[Rescored], old: str, new: str) -> list[Row]:
    if old == new:
        return []
    some = (one for one in found if one.row["status"] == old and one.verdict.status == new)
    keep = ("step", "id", "category", "gold", "completion", "extracted", "reason")
    return [
        {
            **{name: one.row[name] for name in keep},
            "new_extracted": one.verdict.extracted,
            "new_reason": one.verdict.reason,
        }
        for one in islice(some, EXAMPLES)
    ]


def _groups(found: Sequence[Rescored]) -> Row:
    """Groups without variance then and now: those teach nothing."""
    groups: dict[tuple[int, int], list[Rescored]] = defaultdict(list)
    for one in found:
        groups[one.row["step"], one.row["group"]].append(one)
    then = {key for key, members in groups.items() if not has_variance(_finite(one.row["reward"]) for one in members)}
    now = {key for key, members in groups.items() if not has_variance(one.reward.value for one in members)}
    return {"groups": len(groups), "no_variance_then": len(then), "no_variance_now": len(now),
            "gained": len(then - now), "lost": len(now - then)}  # fmt: skip


def _by_category(found: Sequence[Rescored]) -> list[Row]:
    members: dict[str, list[Rescored]] = defaultdict(list)
    for one in found:
        members[str(one.row["category"])].append(one)
    return [
        {"category": name, "rollouts": len(those), "flipped": sum(one.flipped for one in those),
         "correct_then": _share(one.row["status"] for one in those),
         "correct_now": _share(str(one.verdict.status) for one in those)}
        for name, those in sorted(members.items())
    ]  # fmt: skip


def _share(statuses: Iterable[str]) -> float | None:
    """Share of `correct` among the verdicts about the model."""
    counted = [status == "correct" for status in statuses if not Status(status).masked]
    return sum(counted) / len(counted) if counted else None


def _moved(one: Rescored) -> bool:
    then, now = _finite(one.row["advantage"]) or 0.0, one.advantage or 0.0
    return abs(now - then) > MOVED


def _turned(one: Rescored) -> bool:
    return _moved(one) and (_finite(one.row["advantage"]) or 0.0) * (one.advantage or 0.0) < 0


def _differs(old: float | None, new: float | None) -> bool:
    if old is None or new is None:
        return old is not new
    return not math.isclose(old, new, abs_tol=1e-9)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def differences(then: object, now: object) -> list[str]:
    """What differs between two descriptions of verifiers, one line each: name, version, options, parts."""
    old, new = (json.loads(json.dumps(one, default=str)) for one in (then, now))
    if old is None:
        return ["the run recorded no verifier"]
    return list(_walk("", old, new))


def _walk(place: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            yield from _walk(f"{place}.{key}" if place else key, old.get(key), new.get(key))
    elif old != new:
        shown = ("not set" if value is None else json.dumps(value) for value in (old, new))
        yield f"{place}: {' -> '.join(shown)}"
