"""a + b and a - b for a and b up to LARGEST. A fifth of the pairs is kept for the test, for both operations."""

import random
from collections.abc import Iterator

LARGEST = 20


def generate(split: str, size: int, seed: int) -> Iterator[dict[str, str]]:
    """`size` rows of a split, each problem once before any is repeated."""
    pairs = [(a, b) for a in range(LARGEST + 1) for b in range(LARGEST + 1)]
    random.Random(0).shuffle(pairs)
    held_out = len(pairs) // 5
    own_pairs = pairs[:held_out] if split == "test" else pairs[held_out:]
    problems = [(a, sign, b) for a, b in own_pairs for sign in "+-"]
    order = random.Random(f"{split}-{seed}")
    for index in range(size):
        if index % len(problems) == 0:
            order.shuffle(problems)
        a, sign, b = problems[index % len(problems)]
        answer = a + b if sign == "+" else a - b
        yield {"question": f"{a} {sign} {b}", "gold": str(answer), "category": "sum" if sign == "+" else "difference"}


def near_misses(row: dict[str, str], draw: random.Random) -> list[str]:
    """Numbers nearby, the other sign, and the answer hidden among others."""
    answer = int(row["gold"])
    others = [answer + draw.choice([-10, -2, -1, 1, 2, 10]), -answer if answer else 1]
    return [*map(str, others), f"{row['question']} = {answer}", f"{answer} or {answer + 1}", f"{answer}.5"]
