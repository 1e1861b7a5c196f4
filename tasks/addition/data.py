"""Sums whose answer is one digit. Each sum a+b is written in several ways; a fifth of the sums is kept for the test."""

import random
from collections.abc import Iterator


def generate(split: str, size: int, seed: int) -> Iterator[dict[str, str]]:
    sums = [(a, b) for a in range(10) for b in range(10 - a)]
    random.Random(0).shuffle(sums)
    held_out = len(sums) // 5
    mine = sums[:held_out] if split == "test" else sums[held_out:]
    order = random.Random(f"{split}-{seed}")
    for index in range(size):
        if index % len(mine) == 0:
            order.shuffle(mine)
        a, b = mine[index % len(mine)]
        yield {"question": f"{a}+{b}", "answer": str(a + b), "category": "small" if a + b < 5 else "large"}
