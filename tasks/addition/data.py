"""Sums of two or three numbers whose answer is one digit.

A quarter of them is kept for the test, each asked once. Training asks for every answer equally often, so that no digit is a
good guess.
"""

import itertools
import random
from collections.abc import Iterator

SUMS = [terms for count in (2, 3) for terms in itertools.product(range(10), repeat=count) if sum(terms) < 10]
NAMES = {2: "two", 3: "three"}


def generate(split: str, size: int, seed: int) -> Iterator[dict[str, str]]:
    """`size` rows of a split; of the test, each sum once before any is repeated."""
    sums = list(SUMS)
    random.Random(0).shuffle(sums)
    held_out = len(sums) // 4
    own_sums = sums[:held_out] if split == "test" else sums[held_out:]
    order = random.Random(f"{split}-{seed}")
    by_answer = [[terms for terms in own_sums if sum(terms) == answer] for answer in range(10)]
    for index in range(size):
        terms = own_sums[index % held_out] if split == "test" else order.choice(by_answer[index % 10])
        yield {"question": "+".join(map(str, terms)), "gold": str(sum(terms)), "category": NAMES[len(terms)]}


def near_misses(row: dict[str, str], draw: random.Random) -> list[str]:
    """Wrong digits, and right ones with something beside them."""
    answer = int(row["gold"])
    return [
        str((answer + draw.randrange(1, 10)) % 10),
        f"0{answer}",
        f"{row['question']}={answer}",
        f"{answer}{answer}",
    ]
