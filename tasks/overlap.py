"""Finds test questions that stand in the training data: word for word, or sharing a run of eight words."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

NGRAM = 8  # words; as in the contamination checks of GPT-3's successors (a 13-gram misses short questions)
TEMPLATE = 0.005  # an n-gram in more than this share of the training questions, and in more than three, is a template's


@dataclass
class Overlap:
    """Positions of test questions. `similar` holds (position, the shared words) and none of the equal ones."""

    questions: int
    equal: list[int] = field(default_factory=list)
    similar: list[tuple[int, str]] = field(default_factory=list)


def overlap(test: Sequence[str], training: Iterable[str], common: Iterable[str] = ()) -> Overlap:
    """Which of the `test` questions stand in `training`. Case and punctuation don't count.

    `common` are other questions that tell what a template is: what many of them share is no overlap.
    """
    known = [words(text) for text in training]
    equal = {tuple(text) for text in known}
    counts = Counter(gram for text in known for gram in set(ngrams(text)))
    limit = max(3, TEMPLATE * len(known))
    shared_by = Counter(gram for text in common for gram in set(ngrams(words(text))))
    counts.update({gram: shared_by[gram] for gram in counts if gram in shared_by})
    found = Overlap(len(test))
    for position, text in enumerate(map(words, test)):
        if tuple(text) in equal:
            found.equal.append(position)
            continue
        shared = next((gram for gram in ngrams(text) if 0 < counts[gram] <= limit), None)
        if shared is not None:
            found.similar.append((position, " ".join(shared)))
    return found


def words(text: str) -> list[str]:
    """Words, numbers and operators, without case."""
    return re.findall(r"\w+|[+*/=<>^-]", text.casefold())


def ngrams(text: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(text[start : start + NGRAM]) for start in range(len(text) - NGRAM + 1)]
