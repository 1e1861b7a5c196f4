"""GSM8K's rows: a worked solution, a calculator annotation in << >> at each computed step, and `#### gold` at the end."""

import re
from random import Random

from rlvr.verifiers.text.questions import number_near_misses


def to_example(row: dict[str, str]) -> dict[str, str]:
    """The row with its gold answer alone, and the number of steps as category. Raises ValueError for one without `####`."""
    solution, marker, gold = row["answer"].rpartition("####")
    if not marker:
        raise ValueError("the answer column has no '####'")
    steps = len(re.findall(r"<<[^<>]*>>", solution)) or len(solution.strip().splitlines())
    return {"question": row["question"], "gold": gold.strip(), "category": str(min(steps, 8))}


def near_misses(row: dict[str, str], random: Random) -> list[str]:
    """Another number, or several, in place of the answer; and the right one without its marker."""
    return number_near_misses({"gold": row["gold"].replace(",", "")}, random)
