"""Whether two results are the same: rows as multisets or in their order, numbers within a tolerance."""

import itertools
import math
from typing import Any, NamedTuple

from rlvr.verifiers.symbolic.sql.databases import Result

TOLERANCE = 1e-6


class ResultRules(NamedTuple):
    """Whether the order of rows counts, the names of columns count, and columns may come in any order."""

    ordered: bool
    names: bool
    any_columns: bool


def difference(expected: Result, result: Result, rules: ResultRules) -> str:
    """How a result differs from the gold query's, or ""."""
    if len(result.names) != len(expected.names):
        return f"{len(result.names)} columns, not {len(expected.names)}"
    if rules.names and [n.lower() for n in result.names] != [n.lower() for n in expected.names]:
        return f"the columns are named {', '.join(result.names)[:100]}, not {', '.join(expected.names)[:100]}"
    if len(result.rows) != len(expected.rows):
        return f"{len(result.rows)} rows, not {len(expected.rows)}"
    rows, expected_rows = sorted(result.rows, key=_sort_key), sorted(expected.rows, key=_sort_key)
    for row, expected_row in zip(rows, expected_rows, strict=True):
        if not _same(row, expected_row):
            return f"the row {row!r:.100} should be {expected_row!r:.100}"
    if rules.ordered and not all(itertools.starmap(_same, zip(result.rows, expected.rows, strict=True))):
        return "the rows are in another order"
    return ""


def _sort_key(row: tuple[Any, ...]) -> Any:
    """Fractions last and rounded, so that a rounding error doesn't separate equal rows."""
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


def _same(row: tuple[Any, ...], expected: tuple[Any, ...]) -> bool:
    return all(itertools.starmap(_same_value, zip(row, expected, strict=True)))


def _same_value(value: Any, expected: Any) -> bool:
    if isinstance(value, (int, float)) and isinstance(expected, (int, float)):
        return value == expected or math.isclose(value, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return type(value) is type(expected) and bool(value == expected)
