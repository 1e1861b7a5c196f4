"""reasoning-gym's questions as rows of a pack: what data.py's `generate` may yield."""

import contextlib
import functools
import hashlib
import importlib
import inspect
import io
import json
import random
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from rlvr.errors import ConfigError
from rlvr.text import did_you_mean
from rlvr.verifiers.symbolic.final_answer import load
from rlvr.verifiers.symbolic.reasoning_gym.offered import OFFERED, REFUSED, ScoringRule

SLOW = frozenset(
    {"futoshiki", "knight_swap", "puzzle24", "sokoban", "zebra_puzzles", "intermediate_integration", "sudoku"}
)
TRIES = 50


def library() -> Any:
    """reasoning-gym. Raises VerifierError if it isn't installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # in a dependency of it
        return load("reasoning_gym", "reasoning-gym")


def rule(name: str) -> ScoringRule:
    """How answers to a generator's questions are scored. Raises ConfigError for one that isn't offered, with the reason."""
    if name in REFUSED:
        raise ConfigError(f"reasoning-gym's generator {name!r} isn't offered: {REFUSED[name]}")
    if name not in OFFERED:
        raise ConfigError(f"reasoning-gym has no generator {name!r}{did_you_mean(name, [*OFFERED])}")
    return OFFERED[name]


def rows(name: str, size: int, seed: int, **options: Any) -> Iterator[dict[str, Any]]:
    """`size` rows of the generator called `name`, with its options: question, gold, category, metadata.

    Raises ConfigError for a generator that isn't offered, and for wrong options.
    """
    scoring, gym = rule(name), library()
    try:
        dataset = gym.create_dataset(name, size=2 * size + TRIES, seed=seed, **options)
    except (ValueError, TypeError, AssertionError) as error:
        raise ConfigError(f"reasoning-gym's generator {name!r}: {error}") from None
    count = index = 0
    while count < size and index < 2 * size + TRIES:
        with contextlib.redirect_stdout(io.StringIO()):  # one generator prints while it works
            entry = dataset[index]
        index += 1
        answer = gold(scoring, entry)
        if answer is None:
            continue
        count += 1
        metadata: dict[str, Any] = {"generator": name}
        if scoring.by_library or scoring.compare in _WITH_ENTRY:
            metadata["entry"] = json.loads(json.dumps(entry["metadata"], default=str))
            metadata["options"] = options
        yield {"question": entry["question"], "gold": answer, "category": name, "metadata": metadata}


_WITH_ENTRY = frozenset({"probability", "sudoku", "survo", "queens", "countdown", "antiderivative", "polynomial"})


def gold(scoring: ScoringRule, entry: Mapping[str, Any]) -> str | None:
    """A solution of the entry as text, or None if it has none."""
    value = entry["metadata"].get(scoring.gold) if scoring.gold else entry["answer"]
    if isinstance(value, (dict, list)):
        value = json.dumps(value)
    text = "" if value is None else str(value)
    return text if text.strip() and "Integral(" not in text else None  # what its computer algebra couldn't solve


def generate(size: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rows of all quick generators in turn, with the gold answer as a completion, for `rlvr audit`."""
    names = sorted(set(OFFERED) - SLOW)
    each = -(-size // len(names))
    sources = [rows(name, each, seed) for name in names]
    for number in range(size):
        row = next(sources[number % len(names)], None)
        if row is not None:
            yield row | {"completion": f"<answer>\n{row['gold']}\n</answer>"}


def near_misses(row: Mapping[str, Any], draw: random.Random) -> list[str]:
    """The gold answer twice, cut short, and with words around it."""
    answer = row["gold"]
    texts = [f"{answer} {answer}", f"I think that it is {answer}, isn't it"]
    if len(answer) > 3 and "." not in answer:
        texts.append(answer[: draw.randrange(1, len(answer) // 2 + 1)])
    return [f"<answer>{text}</answer>" for text in texts]


@functools.cache
def scorer_digest(name: str) -> str:
    """A digest of the source of a generator's module, which has its scorer."""
    cls = library().factory.DATASETS[name][0]
    return hashlib.sha256(inspect.getsource(importlib.import_module(cls.__module__)).encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=64)
def scorer(name: str, options: str) -> Any:
    """The data set object whose scorer decides; `options` as JSON."""
    return library().create_dataset(name, size=1, seed=0, **json.loads(options))
