"""What alarms read out of one step's rollouts: counts that are summed over a window, and which rollouts show a thing."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from rlvr.runner.alarms.finding import Place
from rlvr.runner.alarms.history import RolloutView
from rlvr.verifiers.types import Status, has_variance

SHOWN = 8  # rollouts that an alarm names
SAMPLED = 64  # completions a step whose words are compared with the prompt's
WORDS = 8  # a shorter answer can't help sharing words with the prompt
GRAM = 4
LONG = 40  # characters from which equal completions are no coincidence
ECHOED = 0.8  # share of a completion's runs of words that are in the prompt
READ = 4000  # characters of a completion that are compared
REFUSED = (Status.INCORRECT, Status.UNPARSED)
DECIDED = (Status.CORRECT, *REFUSED)
ALL_RIGHT, ALL_WRONG, ONE_TEXT = "all right", "all wrong", "one text"  # what a zero-variance group is


def counts(rollouts: Sequence[RolloutView]) -> Mapping[str, float]:
    """Figures of one step that can be summed."""
    counted = [rollout for rollout in rollouts if not rollout.status.masked]
    cut = [rollout for rollout in counted if rollout.truncated]
    wrong = [rollout.reward or 0.0 for rollout in counted if not rollout.correct]
    decided = [rollout for rollout in rollouts if rollout.correct and rollout.shadow in DECIDED]
    sample = sampled(rollouts)
    return {
        "rollouts": len(rollouts),
        "counted": len(counted),
        "correct": sum(rollout.correct for rollout in counted),
        "wrong": len(wrong),
        "wrong paid": sum(reward > 0 for reward in wrong),
        "earned": math.fsum(max(rollout.reward or 0.0, 0.0) for rollout in counted),
        "earned wrong": math.fsum(max(reward, 0.0) for reward in wrong),
        "cut": len(cut),
        "cut correct": sum(rollout.correct for rollout in cut),
        "cut unparsed": sum(rollout.extracted is None for rollout in cut),
        "shadowed": len(decided),
        "refused": len(refused(rollouts)),
        "same": len(same(rollouts)),
        **_why_zero_variance(rollouts),
        "sampled": len(sample),
        "echoing": sum(map(echoes, sample)),
    }


def refused(rollouts: Iterable[RolloutView]) -> list[RolloutView]:
    """Correct for the verifier and wrong for its shadow."""
    return [rollout for rollout in rollouts if rollout.correct and rollout.shadow in REFUSED]


def sampled(rollouts: Sequence[RolloutView]) -> Sequence[RolloutView]:
    """Some of them, evenly spread."""
    stride = max(1, len(rollouts) // SAMPLED)
    return rollouts[::stride]


def same(rollouts: Sequence[RolloutView]) -> list[RolloutView]:
    """Those with the one text that most different questions get and that is wrong for most, and those that repeat a long
    text of their group. Short right answers of a group are alike as they should be."""
    by_text: dict[str, list[RolloutView]] = defaultdict(list)
    for rollout in rollouts:
        by_text[rollout.completion].append(rollout)
    groups = len({rollout.group for rollout in rollouts})
    common = max(by_text.values(), key=len, default=[])
    wrong = sum(not rollout.correct for rollout in common)
    across = len({rollout.group for rollout in common})
    copies = list(common) if across >= 2 and across * 2 > groups and wrong * 2 > len(common) else []
    for text, members in by_text.items():
        if len(text) >= LONG and not (copies and members is common):
            repeated = Counter(rollout.group for rollout in members)
            copies += [rollout for rollout in members if repeated[rollout.group] > 1]
    return copies


def echoes(rollout: RolloutView) -> bool:
    """Whether the completion is made of the prompt's words: most of its runs of four words are in the prompt."""
    words = _words(rollout.completion[:READ])
    if len(words) < WORDS:
        return False
    prompt = set(_runs(_words(rollout.prompt)))
    runs = _runs(words)
    return sum(run in prompt for run in runs) >= ECHOED * len(runs)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _runs(words: list[str]) -> list[tuple[str, ...]]:
    return [tuple(words[start : start + GRAM]) for start in range(len(words) - GRAM + 1)]


def named(rollouts: Iterable[RolloutView]) -> tuple[Place, ...]:
    """(step, index) of the first ones, no two of a group if there are enough groups."""
    rollouts = list(rollouts)
    firsts = {rollout.group: rollout for rollout in reversed(rollouts)}
    order = sorted(rollouts, key=lambda rollout: firsts[rollout.group] is not rollout)
    return tuple(rollout.place for rollout in order[:SHOWN])


def strongest(rollouts: Iterable[RolloutView], by: Callable[[RolloutView], float]) -> list[RolloutView]:
    """Those of which `by` is largest, the largest first."""
    return sorted(rollouts, key=by, reverse=True)[:SHOWN]


def zero_variance(rollouts: Sequence[RolloutView]) -> list[RolloutView]:
    """One rollout of each zero-variance group."""
    return [members[0] for members in _zero_variance_groups(rollouts)]


def _zero_variance_groups(rollouts: Sequence[RolloutView]) -> list[list[RolloutView]]:
    groups: dict[int, list[RolloutView]] = defaultdict(list)
    for rollout in rollouts:
        groups[rollout.group].append(rollout)
    return [members for members in groups.values() if not has_variance(rollout.reward for rollout in members)]


def _why_zero_variance(rollouts: Sequence[RolloutView]) -> Mapping[str, float]:
    """How many of the zero-variance groups are all right, all one wrong text, or different wrong ones."""
    kinds = {ALL_RIGHT: 0.0, ONE_TEXT: 0.0, ALL_WRONG: 0.0}
    for members in _zero_variance_groups(rollouts):
        if all(rollout.correct for rollout in members):
            kinds[ALL_RIGHT] += 1
        else:
            kinds[ONE_TEXT if len({rollout.completion for rollout in members}) == 1 else ALL_WRONG] += 1
    return kinds
