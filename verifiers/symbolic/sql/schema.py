"""The tables of a question, and database instances for them that tell near misses apart.

An instance is drawn from a seed: keys are unique, references point at existing rows, and only columns that may be NULL
are. The constants of the queries, their neighbors and other letter cases are put into the columns that they are compared
with, so that `>` and `>=`, `=` and `LIKE` give different results.
"""

import datetime
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rlvr.verifiers.symbolic.fields import choice, fail, whole
from rlvr.verifiers.symbolic.fields import field as read

TYPES = ("integer", "real", "text", "date")
MAX_TABLES, MAX_COLUMNS = 8, 20
MAX_ROWS = 60  # of a table
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}")
_WORDS = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana", "Ivo", "June", "Kai", "Lea")

Row = tuple[Any, ...]
Instance = Mapping[str, list[Row]]
Hints = Mapping[str, tuple[Any, ...]]  # column (lower case) -> constants that it is compared with; "" -> the others


@dataclass(frozen=True, slots=True)
class Column:
    """`values` closes the domain of a column. `references` is (table, column)."""

    name: str
    type: str
    key: bool = False
    null: bool = False
    values: tuple[Any, ...] = ()
    references: tuple[str, str] | None = None
    low: int = 0
    high: int = 100


@dataclass(frozen=True, slots=True)
class Profile:
    """How an instance is drawn. `hinted`: the share of constants of the queries; `distinct`: other values of a column.

    `children`: how many times more rows a table has than the one that it references. `focus`: the share of rows that hold
    the same value in a column.
    """

    rows: tuple[int, int] = (6, 12)
    children: float = 1
    nulls: float = 0.15
    hinted: float = 0.6
    distinct: int = 5
    focus: float = 0
    empty: frozenset[str] = field(default_factory=frozenset)  # tables without rows


Tables = dict[str, tuple[Column, ...]]


def tables_of(metadata: Mapping[str, Any]) -> Tables:
    """The field `tables`: name -> column -> type, or an object with `type` and more. Raises VerifierError."""
    tables: Tables = {}
    given = read(metadata, "tables", dict)
    if not 1 <= len(given) <= MAX_TABLES:
        fail(f"field 'tables' must have 1 to {MAX_TABLES} of them")
    for table, columns in given.items():
        if not _is_name(table) or not isinstance(columns, dict) or not 1 <= len(columns) <= MAX_COLUMNS:
            fail(f"table {table!r:.60} must be a name with an object of 1 to {MAX_COLUMNS} columns")
        tables[table] = tuple(_column(table, name, spec, tables) for name, spec in columns.items())
    return tables


def closure(tables: Tables, names: frozenset[str]) -> Tables:
    """The tables of these names, and those that they reference."""
    kept: set[str] = set()
    for name in reversed(tables):  # a table references only those above it
        if name in names or name in kept:
            kept |= {name, *(column.references[0] for column in tables[name] if column.references)}
    return {name: columns for name, columns in tables.items() if name in kept}


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def _column(table: str, name: Any, spec: Any, before: Mapping[str, tuple[Column, ...]]) -> Column:
    full_name = f"column {table}.{name}"
    spec = {"type": spec} if isinstance(spec, str) else spec
    if not _is_name(name) or not isinstance(spec, dict):
        fail(f"{full_name!r:.80} must be a name with a type or an object")
    unknown = set(spec) - {"type", "key", "null", "values", "references", "min", "max"}
    if unknown:
        fail(f"{full_name} has unknown fields: {', '.join(sorted(map(str, unknown)))}")
    references = None
    if "references" in spec:
        target, _, column = str(spec["references"]).partition(".")
        if not any(candidate.name == column and candidate.key for candidate in before.get(target, ())):
            fail(f"{full_name} references {spec['references']!r:.60}, which is not a key of a table above it")
        references = (target, column)
    low = whole(spec.get("min", 0), f"'min' of {full_name}", -(10**9), 10**9)
    return Column(
        name,
        choice(spec, "type", TYPES),
        read(spec, "key", bool, False),
        read(spec, "null", bool, False),
        tuple(read(spec, "values", list, [])),
        references,
        low,
        whole(spec.get("max", low + 100), f"'max' of {full_name}", low + 1, 10**9),
    )


def profiles(tables: Tables) -> list[Profile]:
    """The kinds of instances, the most telling first."""
    ties = Profile(distinct=2, hinted=0.7, nulls=0.1)
    dense = Profile(rows=(4, 6), children=3, hinted=0.7, distinct=3, nulls=0.2)
    kinds = [
        dense,
        Profile(rows=(40, 50), hinted=0.7, distinct=4),
        ties,
        Profile(nulls=0.5),
        Profile(rows=(20, 24), children=0.5, hinted=0.8, distinct=3),
        Profile(rows=(15, 20), distinct=12),
        *[dense] * 4,
        *[Profile(rows=(5, 7), children=3, hinted=0.9, distinct=2)] * 3,
        *[Profile(rows=(30, 36), children=0.5, hinted=0.9, distinct=2)] * 5,
        *[Profile(rows=(10, 14), children=2, hinted=0.8, distinct=2)] * 2,
        Profile(rows=(1, 2), hinted=0.8),
        Profile(empty=frozenset(tables)),
    ]
    if len(tables) > 1:
        kinds += [Profile(empty=frozenset({name})) for name in tables]
    return kinds


def instance(tables: Tables, profile: Profile, hints: Hints, seed: str) -> Instance:
    """The rows of one instance, in an order without meaning."""
    rng = random.Random(seed)
    rows: dict[str, list[Row]] = {}
    depth: dict[str, int] = {}
    for name, columns in tables.items():
        depth[name] = max((depth[c.references[0]] + 1 for c in columns if c.references), default=int(len(tables) == 1))
        count = (
            0
            if name in profile.empty
            else min(MAX_ROWS, int(rng.randint(*profile.rows) * profile.children ** depth[name]))
        )
        drawn = []
        for column in columns:
            if column.references is not None:
                drawn.append(_references(column, count, profile, _keys(tables, rows, *column.references), rng))
            elif column.key:
                drawn.append(_unique(column, count, profile, hints, rng))
            else:
                drawn.append(_free(column, count, profile, hints, rng))
        rows[name] = list(zip(*drawn, strict=False))  # no rows if a column has no value to refer to
    return rows


def _keys(tables: Tables, rows: Instance, table: str, column: str) -> list[Any]:
    at = next(i for i, candidate in enumerate(tables[table]) if candidate.name == column)
    return [row[at] for row in rows[table]]


def _references(column: Column, count: int, profile: Profile, keys: list[Any], rng: random.Random) -> list[Any]:
    if not keys:
        return [None] * count if column.null else []
    keys = rng.sample(keys, max(1, len(keys) * 2 // 3))  # nothing refers to some rows
    return _with_nulls(column, _focused(rng.choices(keys, k=count), keys[0], profile, rng), profile, rng)


def _unique(column: Column, count: int, profile: Profile, hints: Hints, rng: random.Random) -> list[Any]:
    pool = list(dict.fromkeys([*_hinted(column, hints), *_plain(column, 2 * count + 2, rng)]))
    return rng.sample(pool[: 2 * count + 2], min(count, len(pool)))


def _free(column: Column, count: int, profile: Profile, hints: Hints, rng: random.Random) -> list[Any]:
    if column.values:
        plain = rng.sample(column.values, min(len(column.values), profile.distinct))
        wanted = hints.get(column.name.lower(), ())
        hinted = [value for value in column.values if value in wanted]
    else:
        plain, hinted = list(_plain(column, profile.distinct, rng)), list(_hinted(column, hints))
        if profile.focus and column.type == "date":  # in one month or year, which functions of dates treat as equal
            plain = [_moved(rng.choice(hinted or plain), rng.choice((-300, -3, -2, 2, 3, 300))) for _ in plain]
    pools = [hinted or plain, plain]
    share = min(profile.hinted, 0.5) if column.values else profile.hinted
    chosen = [pools[rng.random() >= share] for _ in range(count)]
    values = [pool[int(rng.random() * len(pool))] for pool in chosen]
    favorite = rng.choice(pools[rng.random() >= share]) if profile.focus else None
    return _with_nulls(column, _focused(values, favorite, profile, rng), profile, rng)


def _focused(values: list[Any], favorite: Any, profile: Profile, rng: random.Random) -> list[Any]:
    return [favorite if rng.random() < profile.focus else value for value in values] if profile.focus else values


def _with_nulls(column: Column, values: list[Any], profile: Profile, rng: random.Random) -> list[Any]:
    return [None if rng.random() < profile.nulls else value for value in values] if column.null else values


def _hinted(column: Column, hints: Hints) -> Iterator[Any]:
    """The constants that the column is compared with, and their neighbors."""
    constants = hints.get(column.name.lower(), ()) or hints.get("", ())
    for value in constants[:12]:
        if column.type in ("integer", "real") and not isinstance(value, str):
            steps = (0, 1, -1) if column.type == "integer" else (0, 0.5, -0.5)
            near = [int(value) + step if column.type == "integer" else float(value) + step for step in steps]
            yield from (number for number in near if column.low <= number <= column.high)
        elif column.type == "date" and isinstance(value, str):
            yield from _near_dates(value)
        elif column.type == "text" and isinstance(value, str):
            bare = value.replace("%", "").replace("_", "x")
            yield from (
                (bare, bare.swapcase(), bare + "s", "x" + bare)
                if value != bare
                else (bare, bare.swapcase(), bare + "s")
            )


def _near_dates(value: str) -> Iterator[str]:
    match = re.match(r"([0-9]{4})(-[0-9]{2})?(-[0-9]{2})?", value)
    if match is None:
        return
    try:
        day = datetime.date.fromisoformat(match[1] + (match[2] or "-01") + (match[3] or "-01"))
        yield from ((day + datetime.timedelta(days=step)).isoformat() for step in (0, 1, -1, 40, -40))
    except (ValueError, OverflowError):
        return


def _moved(day: str, days: int) -> str:
    return (datetime.date.fromisoformat(day) + datetime.timedelta(days=days)).isoformat()


def _plain(column: Column, count: int, rng: random.Random) -> Iterator[Any]:
    """`count` values of the column's own range, different ones if there are as many."""
    if column.type == "integer":
        size = min(count, column.high - column.low + 1)
        yield from rng.sample(range(column.low, column.high + 1), size)
    elif column.type == "real":
        for _ in range(count):
            yield rng.randint(4 * column.low, 4 * column.high) / 4  # exact in binary, and in sums
    elif column.type == "date":
        for _ in range(count):
            yield (datetime.date(2019, 1, 1) + datetime.timedelta(days=rng.randrange(2200))).isoformat()
    else:
        for index in range(count):
            yield _WORDS[index % len(_WORDS)] + (str(index // len(_WORDS)) if index >= len(_WORDS) else "")
