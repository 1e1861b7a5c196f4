"""Examples drawn from other packs: [data.packs]. Each keeps its pack's prompt, gold template and verifier."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rlvr.errors import ConfigError
from rlvr.tasks.pack import Pack, Split
from rlvr.tasks.sources.rows import of_split
from rlvr.verifiers.types import Example


def mix(pack: Pack, split: str, load: Callable[[Pack], Split]) -> Split:
    """The examples of a split and their origin: in the shares of [data.packs], drawn and shuffled by its seed.

    An example's id and category begin with its pack's name. Raises ConfigError if a pack has too few examples.
    """
    packs = pack.task.data.packs
    assert packs is not None
    size = of_split(pack, split, packs.sizes)
    draw = random.Random(f"{packs.seed}-{split}")
    examples: list[Example] = []
    origins: dict[str, Any] = {}
    counts = allot(size, list(packs.shares.values()))
    for (name, member), count in zip(pack.members.items(), counts, strict=True):
        if not count:
            continue
        drawn = load(member)
        if len(drawn.examples) < count:
            raise ConfigError(
                f"{pack.folder / 'task.toml'}: data.packs: split {split!r} needs {count} examples of {name!r}, "
                f"but it has {len(drawn.examples)}: lower its share, or sizes.{split}"
            )
        for example in draw.sample(drawn.examples, count):
            category = f"{name}/{example.category}" if packs.levels and example.category else name
            examples.append(replace(example, id=f"{name}/{example.id}", category=category, pack=name))
        origins[name] = {**drawn.origin, "examples": count}
    draw.shuffle(examples)
    return Split(examples, {"source": "packs", "seed": packs.seed, "size": size, "packs": origins})


def allot(size: int, shares: Sequence[float]) -> list[int]:
    """`size` split into whole numbers by shares: rounded down, the remaining ones go to the largest remainders."""
    total = math.fsum(shares)
    exact = [size * share / total for share in shares]
    counts = [math.floor(value) for value in exact]
    by_remainder = sorted(range(len(shares)), key=lambda i: (counts[i] - exact[i], i))
    for index in by_remainder[: size - sum(counts)]:
        counts[index] += 1
    return counts
