"""`sql`: a query returns what the gold query returns, on several database instances.

`example.answer` is the gold query; `example.metadata`:

- `tables`: name -> column -> type (`integer`, `real`, `text`, `date`), or an object with `type` and, as needed, `key` (its
  values are unique), `null` (it may be NULL), `references` (`table.column`, a key of a table above), `values` (all that it
  may hold), `min` and `max` of numbers.
- `ordered`: whether the order of rows counts (default: no). The gold query must then order them fully.
- `names`: whether the names of columns count; `columns`: `ordered` (default), or `any` order of columns.
- `seed` of the instances; `rows`: further instances, each an object of tables and lists of rows.
- `dialect`: `sqlite` (default) or `duckdb`.

Rows are compared as multisets, numbers within a relative tolerance of 1e-6. No instance is known to whoever answers, and
the constants of the answer find their way into some: a query that returns the gold rows literally is right on none.
"""

import functools
import itertools
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rlvr.verifiers.errors import VerifierError
from rlvr.verifiers.symbolic.answer import last_code, load
from rlvr.verifiers.symbolic.fields import Unreadable, choice, fail, field, whole
from rlvr.verifiers.symbolic.sql_databases import Database, DuckDatabase, Refused, Result, SqliteDatabase, TooExpensive
from rlvr.verifiers.symbolic.sql_query import Query, merged, read
from rlvr.verifiers.symbolic.sql_schema import Hints, Instance, Profile, Tables, closure, instance, profiles, tables_of
from rlvr.verifiers.types import Completion, Example, Status, Verdict
from rlvr.verifiers.verifier import verifier

CASES = Path(__file__).with_name("sql.jsonl")
TOLERANCE = 1e-6
MAX_PERMUTED = 6  # columns that may stand in any order


class Rules(NamedTuple):
    ordered: bool
    names: bool
    any_columns: bool


class Prepared:
    """What is the same for every answer to an example: the databases with the gold query's result on each.

    They are made when they are first needed: most wrong answers need one or two.
    """

    def __init__(self, tables: Tables, gold: Query, dialect: str, metadata: Mapping[str, Any]) -> None:
        self.tables, self.gold, self.dialect = tables, gold, dialect
        self.seed = whole(metadata.get("seed", 0), "field 'seed'", -(10**12), 10**12)
        self._given = [_given(tables, rows) for rows in field(metadata, "rows", list, [])]
        self._profiles = profiles(tables)
        self._made: list[tuple[str, Database, Result]] = []

    def databases(self) -> Iterator[tuple[str, Database, Result]]:
        """(name, database, the gold query's result) of each instance. Raises VerifierError where the gold query fails."""
        for index in range(len(self._profiles) + len(self._given)):
            if index == len(self._made):
                self._made.append(self._make(index))
            yield self._made[index]
        if not any(result.rows for _, _, result in self._made):
            fail("the gold query returns no row on any instance")

    def _make(self, index: int) -> tuple[str, Database, Result]:
        if index < len(self._profiles):
            name, rows = f"instance {index + 1}", self.instance(self._profiles[index], self.gold.hints, str(index))
        else:
            name = f"given instance {index - len(self._profiles) + 1}"
            rows = self._given[index - len(self._profiles)]
        return name, *self.open(rows, reverse=bool(index % 2))

    def instance(self, profile: Profile, hints: Hints, name: str) -> Instance:
        return instance(self.tables, profile, hints, f"{self.seed}-{name}")

    def open(self, rows: Instance, *, reverse: bool) -> tuple[Database, Result]:
        """A database, and the gold query's result on it. Raises VerifierError where the gold query fails."""
        made: Database = (
            DuckDatabase(self.tables, rows)
            if self.dialect == "duckdb"
            else SqliteDatabase(self.tables, rows, reverse=reverse)
        )
        try:
            return made, made.run(self.gold.text)
        except (Refused, TooExpensive) as error:
            raise VerifierError(f"the gold query: {error}") from None


def preload() -> None:
    load("sqlglot", "sqlglot").parse("SELECT a FROM b WHERE c = 1", read="sqlite")


@verifier("sql", deadline_s=4.0, memory_mb=4096)
def VERIFIER(example: Example, completion: Completion) -> Verdict:
    """A query returns what the gold query returns, on several database instances made to tell queries apart."""
    metadata = example.metadata
    rules = Rules(
        field(metadata, "ordered", bool, False),
        field(metadata, "names", bool, False),
        choice(metadata, "columns", ("ordered", "any"), "ordered") == "any",
    )
    kept = {name: metadata[name] for name in ("tables", "seed", "rows", "dialect") if name in metadata}
    task = _task(example.answer, json.dumps(kept))
    answer = last_code(completion.text, "sql", "sqlite", "duckdb", "postgresql", "")
    if answer is None:
        return Verdict.unparsed("no fenced block and no line 'Answer: …'")
    try:
        query = read(answer, task.tables, task.dialect)
        problem = _wrong(query, task.prepared(query.uses), rules)
    except Unreadable as error:
        return Verdict.unparsed(str(error))
    except Refused as error:
        return Verdict.of(False, answer, f"the database refuses it: {error}")
    except TooExpensive as error:
        return Verdict(Status.TIMEOUT, 0.0, answer, str(error))
    return Verdict.of(not problem, query.normal(task.dialect), problem or "as the gold query, on every instance")


class Task:
    """An example: its tables, its gold query, and the instances for the tables that a query and the gold one use."""

    def __init__(self, answer: str, metadata: Mapping[str, Any]) -> None:
        self.metadata, self.tables = metadata, tables_of(metadata)
        self.dialect = choice(metadata, "dialect", ("sqlite", "duckdb"), "sqlite")
        if any(
            not isinstance(given, dict) or set(given) - set(self.tables) for given in field(metadata, "rows", list, [])
        ):
            fail("field 'rows' must be a list of objects of tables and their rows")
        try:
            self.gold = read(answer, self.tables, self.dialect)
        except Unreadable as error:
            raise VerifierError(f"the gold query: {error}") from None
        self._prepared: dict[tuple[str, ...], Prepared] = {}

    def prepared(self, uses: frozenset[str]) -> Prepared:
        used = closure(self.tables, uses | self.gold.uses)
        return self._prepared.setdefault(tuple(used), Prepared(used, self.gold, self.dialect, self.metadata))


@functools.lru_cache(maxsize=16)
def _task(answer: str, metadata_text: str) -> Task:
    """Raises VerifierError where the example is wrong."""
    return Task(answer, json.loads(metadata_text))


def _given(tables: Tables, given: Mapping[str, Any]) -> Instance:
    """An instance of the field `rows`. Raises VerifierError."""
    rows = {name: [tuple(row) for row in given.get(name, [])] for name in tables}
    if any(len(row) != len(tables[name]) for name in tables for row in rows[name]):
        fail("field 'rows': a row has another number of values than its table has columns")
    return rows


def _wrong(query: Query, prepared: Prepared, rules: Rules) -> str:
    """How the query's results differ, or nothing. Raises Refused and TooExpensive."""
    if query.text == prepared.gold.text and any(expected.rows for _, _, expected in prepared.databases()):
        return ""  # the gold query itself, which runs
    compared = ((name, expected, database.run(query.text)) for name, database, expected in _databases(query, prepared))
    if rules.any_columns:
        return _wrong_in_any_order(list(compared), rules)
    for name, expected, result in compared:
        problem = _difference(expected, result, rules)
        if problem:
            return f"{name}: {problem}"
    return ""


def _databases(query: Query, prepared: Prepared) -> Iterator[tuple[str, Database, Result]]:
    """The prepared ones, and, if the query has constants of its own, two more in which they occur."""
    yield from prepared.databases()
    hints = merged(prepared.gold.hints, query.hints)
    if any(set(hints[name]) - set(prepared.gold.hints.get(name, ())) for name in hints):
        for index, profile in enumerate(
            (Profile(rows=(25, 35), hinted=0.8), Profile(rows=(5, 8), children=3, hinted=0.8, distinct=2))
        ):
            made, expected = prepared.open(prepared.instance(profile, hints, f"own-{index}"), reverse=bool(index))
            yield "an instance with the query's own constants", made, expected


def _wrong_in_any_order(compared: list[tuple[str, Result, Result]], rules: Rules) -> str:
    width = len(compared[0][1].names)
    if len(compared[0][2].names) != width or width > MAX_PERMUTED:
        return f"{len(compared[0][2].names)} columns, not {width}"
    problem = ""
    for order in itertools.permutations(range(width)):
        moved = (
            (name, expected, Result([r.names[i] for i in order], [tuple(row[i] for i in order) for row in r.rows]))
            for name, expected, r in compared
        )
        found = next((f"{n}: {p}" for n, expected, r in moved if (p := _difference(expected, r, rules))), "")
        if not found:
            return ""
        problem = problem or found
    return problem


def _difference(expected: Result, result: Result, rules: Rules) -> str:
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
