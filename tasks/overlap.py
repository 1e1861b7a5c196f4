"""Finds test questions that are in the training data: word for word, or with eight words in a row in common."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

NGRAM = 8  # words; as in the contamination checks of GPT-3's successors (a 13-gram misses short questions)
TEMPLATE = (
    0.005  # an n-gram in more than this share of the training questions, and in more than three, belongs to a template
)


@dataclass
class Overlap:
    """Positions of test questions: `equal` ones, and `similar` ones that aren't equal, each with the words that it shares."""

    questions: int
    equal: list[int] = field(default_factory=list)
    similar: list[tuple[int, str]] = field(default_factory=list)


def overlap(test: Sequence[str], training: Iterable[str], common: Iterable[str] = ()) -> Overlap:
    """Which of the `test` questions are in `training`. Case and punctuation don't count.

    `common` are further questions: words that many of them share belong to a template, and are no overlap.
    """
    training_words = [words(text) for text in training]
    equal = {tuple(text) for text in training_words}
    counts = Counter(gram for text in training_words for gram in set(ngrams(text)))
    limit = max(3, TEMPLATE * len(training_words))
    shared_by = Counter(gram for text in common for gram in set(ngrams(words(text))))
    counts.update({gram: shared_by[gram] for gram in counts if gram in shared_by})
    result = Overlap(len(test))
    for position, text in enumerate(map(words, test)):
        if tuple(text) in equal:
            result.equal.append(position)
            continue
        shared = next((gram for gram in ngrams(text) if 0 < counts[gram] <= limit), None)
        if shared is not None:
            result.similar.append((position, " ".join(shared)))
    return result


def words(text: str) -> list[str]:
    """The words, numbers and operators of a text, in lower case."""
    return re.findall(r"\w+|[+*/=<>^-]", text.casefold())


def ngrams(text: Sequence[str]) -> list[tuple[str, ...]]:
    """Every run of NGRAM words of a text."""
    return [tuple(text[start : start + NGRAM]) for start in range(len(text) - NGRAM + 1)]
