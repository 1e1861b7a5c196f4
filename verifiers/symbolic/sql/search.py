"""Further instances, which tell the gold query from mutants of it (mutants.py) that had its results so far.

In each, every column has a favorite value that many rows hold, as a rule a constant of the query or a neighbor of it.
So some row fulfills all conditions of a query but one, which it just fails or just fulfills. The number of instances is
fixed, and so is the number of steps that the databases may take, so that no verdict depends on the machine. A mutant that
no instance tells from the gold query probably means the same.
"""

from collections.abc import Callable, Iterator, Sequence

from rlvr.verifiers.symbolic.fields import TooExpensive
from rlvr.verifiers.symbolic.sql.compare import ResultRules, difference
from rlvr.verifiers.symbolic.sql.databases import Database, Refused, Result
from rlvr.verifiers.symbolic.sql.schema import Hints, Profile

DRAWN = {"sqlite": 98, "duckdb": 8}  # DuckDB takes some 40 ms for each
KEPT = 21  # of them, whether or not they tell a mutant
MAX_STEPS = 10_000_000  # of SQLite's machine, for the whole search

Opened = tuple[Database, Result]  # a database, and the gold query's result on it


def telling(
    mutants: Sequence[str], tried: Sequence[Opened], draw: Callable[[int], Opened], count: int, *, ordered: bool
) -> list[Opened]:
    """Those of `count` drawn databases that tell a mutant which neither `tried` nor an earlier one tells, and a few more.

    An answer may be wrong in another way than the mutants: the first KEPT stay, and the one with the longest result.
    """
    rules = ResultRules(ordered, names=False, any_columns=False)
    left, steps = list(mutants), 0
    kept: list[Opened] = []
    longest: Opened | None = None
    for index in range(-len(tried), count):
        opened = tried[index] if index < 0 else draw(index)
        steps += opened[0].steps
        still = []
        for mutant in left:
            if not _tells(mutant, opened, rules):
                still.append(mutant)
            steps += opened[0].steps
        if index >= 0:
            if len(still) < len(left) or index < KEPT:
                kept.append(opened)
            elif longest is None or len(opened[1].rows) > len(longest[1].rows):
                longest = opened
        left = still
        if steps > MAX_STEPS:
            break
    return kept if longest is None else [*kept, longest]


def _tells(mutant: str, opened: Opened, rules: ResultRules) -> bool:
    database, expected = opened
    try:
        return bool(difference(expected, database.run(mutant), rules))
    except (Refused, TooExpensive):
        return True  # as an answer it would not be right


def profiles(hints: Hints) -> list[Profile]:
    """The kinds of small instances, in turn. A constant of the query may be a number of rows."""
    kinds = [
        Profile(rows=(16, 20), children=1.5, nulls=0.1, hinted=0.7, distinct=4, focus=0.4),
        Profile(rows=(5, 8), children=3, nulls=0.1, hinted=0.7, distinct=3, focus=0.3),
        Profile(rows=(10, 14), children=1.5, nulls=0.1, hinted=0.7, distinct=3, focus=0.4),
        Profile(rows=(2, 4), children=2, nulls=0.1, hinted=0.9, distinct=2, focus=0.7),
        Profile(rows=(10, 14), children=1.5, nulls=0.3, hinted=0.6, distinct=4, focus=0.3),
        Profile(rows=(30, 40), children=1, nulls=0.1, hinted=0.8, distinct=2, focus=0.95),
        Profile(rows=(20, 30), children=1, nulls=0.05, hinted=0.6, distinct=2, focus=0.9),
    ]
    return kinds + [
        Profile(rows=(number, 2 * number), children=1, nulls=0.05, hinted=0.9, distinct=2, focus=0.9)
        for number in dict.fromkeys(_numbers(hints))
    ]


def _numbers(hints: Hints) -> Iterator[int]:
    for values in hints.values():
        yield from (
            value for value in values if isinstance(value, int) and 2 <= value <= 25
        )  # no more rows than ordinary instances have
