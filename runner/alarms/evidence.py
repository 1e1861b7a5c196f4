"""What alarms read out of one step's rollouts: counts that are summed over a window, and which rollouts show a thing."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from rlvr.runner.alarms.history import Seen

SHOWN = 8  # rollouts that an alarm names
SAMPLED = 64  # completions a step whose words are compared with the prompt's
WORDS = 8  # a shorter answer can't help sharing words with the prompt
GRAM = 4
LONG = 40  # characters from which equal completions are no coincidence
ECHOED = 0.8  # share of a completion's runs of words that stand in the prompt
READ = 4000  # characters of a completion that are compared


def counts(rollouts: Sequence[Seen]) -> Mapping[str, float]:
    """Figures of one step that can be summed."""
    counted = [one for one in rollouts if not one.masked]
    cut = [one for one in counted if one.truncated]
    decided = [one for one in rollouts if one.correct and one.shadow in ("correct", "incorrect", "unparsed")]
    sample = sampled(rollouts)
    return {
        "rollouts": len(rollouts),
        "counted": len(counted),
        "correct": sum(one.correct for one in counted),
        "cut": len(cut),
        "cut correct": sum(one.correct for one in cut),
        "cut unparsed": sum(one.extracted is None for one in cut),
        "shadowed": len(decided),
        "refused": len(refused(rollouts)),
        "same": len(same(rollouts)),
        **_why_alike(rollouts),
        "sampled": len(sample),
        "echoing": sum(map(echoes, sample)),
    }


def refused(rollouts: Iterable[Seen]) -> list[Seen]:
    """Correct for the verifier and wrong for its shadow."""
    return [one for one in rollouts if one.correct and one.shadow in ("incorrect", "unparsed")]


def sampled(rollouts: Sequence[Seen]) -> Sequence[Seen]:
    stride = max(1, len(rollouts) // SAMPLED)
    return rollouts[::stride]


def same(rollouts: Sequence[Seen]) -> list[Seen]:
    """Those with the one text that most different questions get and that is wrong for most, and those that repeat a long
    text of their group. Short right answers of a group are alike as they should be."""
    by_text: dict[str, list[Seen]] = defaultdict(list)
    for one in rollouts:
        by_text[one.completion].append(one)
    groups = len({one.group for one in rollouts})
    common = max(by_text.values(), key=len, default=[])
    wrong = sum(not one.correct for one in common)
    across = len({one.group for one in common})
    found = list(common) if across >= 2 and across * 2 > groups and wrong * 2 > len(common) else []
    for text, members in by_text.items():
        if len(text) >= LONG and not (found and members is common):
            repeated = Counter(one.group for one in members)
            found += [one for one in members if repeated[one.group] > 1]
    return found


def echoes(one: Seen) -> bool:
    """Whether the completion is made of the prompt's words: of its runs of four, most stand in the prompt."""
    words = _words(one.completion[:READ])
    if len(words) < WORDS:
        return False
    prompt = set(_runs(_words(one.prompt)))
    runs = _runs(words)
    return sum(run in prompt for run in runs) >= ECHOED * len(runs)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _runs(words: list[str]) -> list[tuple[str, ...]]:
    return [tuple(words[start : start + GRAM]) for start in range(len(words) - GRAM + 1)]


def named(rollouts: Iterable[Seen]) -> tuple[tuple[int, int], ...]:
    """(step, index) of the first ones, no two of a group where there are enough groups."""
    rollouts = list(rollouts)
    firsts = {one.group: one for one in reversed(rollouts)}
    order = sorted(rollouts, key=lambda one: firsts[one.group] is not one)
    return tuple((one.step, one.index) for one in order[:SHOWN])


def strongest(rollouts: Iterable[Seen], by: Callable[[Seen], float]) -> list[Seen]:
    return sorted(rollouts, key=by, reverse=True)[:SHOWN]


def alike(rollouts: Sequence[Seen]) -> list[Seen]:
    """One of each group whose rewards are all equal."""
    return [members[0] for members in _alike_groups(rollouts)]


def _alike_groups(rollouts: Sequence[Seen]) -> list[list[Seen]]:
    groups: dict[int, list[Seen]] = defaultdict(list)
    for one in rollouts:
        groups[one.group].append(one)
    return [m for m in groups.values() if len({one.reward for one in m if one.reward is not None}) <= 1]


def _why_alike(rollouts: Sequence[Seen]) -> Mapping[str, float]:
    """Of the groups without variance: all right, one wrong text all over, or different wrong ones."""
    found = {"alike right": 0.0, "alike text": 0.0, "alike wrong": 0.0}
    for members in _alike_groups(rollouts):
        if all(one.correct for one in members):
            found["alike right"] += 1
        else:
            found["alike text" if len({one.completion for one in members}) == 1 else "alike wrong"] += 1
    return found
