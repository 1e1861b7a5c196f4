"""Whether two results are the same: rows as multisets or in their order, numbers within a tolerance."""

import itertools
import math
from typing import Any, NamedTuple

from rlvr.verifiers.symbolic.sql.databases import Result

TOLERANCE = 1e-6


class Rules(NamedTuple):
    ordered: bool
    names: bool
    any_columns: bool


def difference(expected: Result, result: Result, rules: Rules) -> str:
    """How a result differs from the gold query's, or nothing."""
    if len(result.names) != len(expected.names):
        return f"{len(result.names)} columns, not {len(expected.names)}"
    if rules.names and [n.lower() for n in result.names] != [n.lower() for n in expected.names]:
        return f"the columns are named {', '.join(result.names)[:100]}, not {', '.join(expected.names)[:100]}"
    if len(result.rows) != len(expected.rows):
        return f"{len(result.rows)} rows, not {len(expected.rows)}"
    mine, gold = sorted(result.rows, key=_sort_key), sorted(expected.rows, key=_sort_key)
    for one, two in zip(mine, gold, strict=True):
        if not _same(one, two):
            return f"the row {one!r:.100} should be {two!r:.100}"
    if rules.ordered and not all(itertools.starmap(_same, zip(result.rows, expected.rows, strict=True))):
        return "the rows stand in another order"
    return ""


def _sort_key(row: tuple[Any, ...]) -> Any:
    """Fractions last and rounded, so that a rounding error doesn't part two rows."""
    exact: list[Any] = []
    fractions = []
    for value in row:
        if isinstance(value, float):
            rounded = round(value, 4) if math.isfinite(value) else 0.5
            fractions.append(rounded)
            exact.append((1, rounded if rounded % 1 == 0 else 0))
        else:
            exact.append((0, "") if value is None else (_RANK.get(type(value), 3), value))
    return (exact, len(fractions), fractions)


_RANK = {int: 1, str: 2}


def _same(one: tuple[Any, ...], two: tuple[Any, ...]) -> bool:
    return all(itertools.starmap(_same_value, zip(one, two, strict=True)))


def _same_value(one: Any, two: Any) -> bool:
    if isinstance(one, (int, float)) and isinstance(two, (int, float)):
        return one == two or math.isclose(one, two, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return type(one) is type(two) and bool(one == two)
