"""`sql`: a query returns what the gold query returns, on several database instances.

`example.gold` is the gold query; `example.metadata`:

- `tables`: name -> column -> type (`integer`, `real`, `text`, `date`), or an object with `type` and, as needed, `key` (its
  values are unique), `null` (it may be NULL), `references` (`table.column`, a key of a table above), `values` (all that it
  may hold), `min` and `max` of numbers.
- `ordered`: whether the order of rows counts (default: no). The gold query must then order them fully.
- `names`: whether the names of columns count; `columns`: `ordered` (default), or `any` order of columns.
- `seed` of the instances; `rows`: further instances, each an object of tables and lists of rows.
- `dialect`: `sqlite` (default) or `duckdb`.

Rows are compared as multisets, numbers within a relative tolerance of 1e-6. The model sees no instance, and some instances
contain the constants of its answer, so a query that returns the gold rows literally is wrong. A query that is right on all
ordinary instances is run on further ones, which tell mutants of the gold query from it (search.py).
"""

import functools
import importlib
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rlvr.errors import VerifierError
from rlvr.verifiers.symbolic.fields import TooExpensive, Unreadable, choice, fail, field, whole
from rlvr.verifiers.symbolic.final_answer import last_code, load
from rlvr.verifiers.symbolic.sql import search
from rlvr.verifiers.symbolic.sql.compare import ResultRules, difference
from rlvr.verifiers.symbolic.sql.databases import Database, DuckDatabase, Refused, Result, SqliteDatabase
from rlvr.verifiers.symbolic.sql.query import Query, merged, read, same_words
from rlvr.verifiers.symbolic.sql.schema import Hints, Instance, Profile, Tables, closure, instance, profiles, tables_of
from rlvr.verifiers.symbolic.sql.search import Opened
from rlvr.verifiers.types import Completion, Example, Status, Verdict
from rlvr.verifiers.verifier import verifier

MAX_PERMUTED = 6  # columns whose order may be any
OWN = 2  # small instances of each kind with the constants of the answer


class Prepared:
    """What is the same for every answer to an example: the databases with the gold query's result on each.

    They are created when they are first needed: most wrong answers need one or two. Only an answer that is right on all of
    them pays for the search for further ones, which tell mutants of the gold query from it.
    """

    def __init__(self, tables: Tables, gold: Query, dialect: str, metadata: Mapping[str, Any]) -> None:
        self.tables, self.gold, self.dialect = tables, gold, dialect
        self.seed = whole(metadata.get("seed", 0), "field 'seed'", -(10**12), 10**12)
        self._given = [_given(tables, rows) for rows in field(metadata, "rows", list, [])]
        self._profiles = profiles(tables)
        self._made: list[tuple[str, Database, Result]] = []
        self._telling: dict[bool, list[Opened]] = {}

    def databases(self) -> Iterator[tuple[str, Database, Result]]:
        """(name, database, the gold query's result) of each instance. Raises VerifierError if the gold query fails."""
        for index in range(len(self._profiles) + len(self._given)):
            if index == len(self._made):
                self._made.append(self._make(index))
            yield self._made[index]
        if not any(result.rows for _, _, result in self._made):
            fail("the gold query returns no row on any instance")

    def telling(self, *, ordered: bool) -> list[Opened]:
        """Databases that tell the gold query from mutants that give its results on all instances."""
        if ordered not in self._telling:
            from rlvr.verifiers.symbolic.sql.mutants import mutants  # needs sqlglot

            kinds = search.profiles(self.gold.hints)

            def draw(index: int) -> Opened:
                rows = self.instance(kinds[index % len(kinds)], self.gold.hints, f"search-{index}")
                return self.open(rows, reverse=bool(index % 2))

            self._telling[ordered] = search.telling(
                mutants(self.gold.tree, self.tables, self.dialect, ordered=ordered) if self.dialect == "sqlite" else [],
                [(database, expected) for _, database, expected in reversed(list(self.databases()))],
                draw,
                search.DRAWN[self.dialect],
                ordered=ordered,
            )
        return self._telling[ordered]

    def _make(self, index: int) -> tuple[str, Database, Result]:
        if index < len(self._profiles):
            name, rows = f"instance {index + 1}", self.instance(self._profiles[index], self.gold.hints, str(index))
        else:
            name = f"given instance {index - len(self._profiles) + 1}"
            rows = self._given[index - len(self._profiles)]
        return name, *self.open(rows, reverse=bool(index % 2))

    def instance(self, profile: Profile, hints: Hints, name: str) -> Instance:
        """The rows of an instance, the same for the same name."""
        return instance(self.tables, profile, hints, f"{self.seed}-{name}")

    def open(self, rows: Instance, *, reverse: bool) -> tuple[Database, Result]:
        """A database, and the gold query's result on it. Raises VerifierError if the gold query fails."""
        database: Database = (
            DuckDatabase(self.tables, rows)
            if self.dialect == "duckdb"
            else SqliteDatabase(self.tables, rows, reverse=reverse)
        )
        try:
            return database, database.run(self.gold.text)
        except (Refused, TooExpensive) as error:
            raise VerifierError(f"the gold query: {error}") from None


def preload() -> None:
    """Import sqlglot, and the modules that need it, before workers are forked."""
    load("sqlglot", "sqlglot").parse("SELECT a FROM b WHERE c = 1", read="sqlite")
    importlib.import_module("rlvr.verifiers.symbolic.sql.mutants")


@verifier("sql", deadline_s=8.0, memory_mb=4096, cases=Path(__file__).with_name("cases.jsonl"), preload=preload)
def sql(example: Example, completion: Completion) -> Verdict:
    """A query returns what the gold query returns, on several database instances designed to tell queries apart."""
    metadata = example.metadata
    rules = ResultRules(
        field(metadata, "ordered", bool, False),
        field(metadata, "names", bool, False),
        choice(metadata, "columns", ("ordered", "any"), "ordered") == "any",
    )
    kept = {name: metadata[name] for name in ("tables", "seed", "rows", "dialect") if name in metadata}
    problem = _problem(example.gold, json.dumps(kept))
    answer = last_code(completion.text, "sql", "sqlite", "duckdb", "postgresql", "")
    if answer is None:
        return Verdict.unparsed("no fenced block and no line 'Answer: …'")
    try:
        query = read(answer, problem.tables, problem.dialect)
        wrong = _wrong(query, problem.prepared(query.uses), rules)
    except Unreadable as error:
        return Verdict.unparsed(str(error))
    except Refused as error:
        return Verdict.of(False, answer, f"the database refuses it: {error}")
    except TooExpensive as error:
        return Verdict(Status.TIMEOUT, 0.0, answer, str(error))
    return Verdict.of(not wrong, query.normal(problem.dialect), wrong or "as the gold query, on every instance")


class SqlProblem:
    """An example: its tables, its gold query, and the instances for the tables that a query and the gold query use.

    Raises VerifierError if the example is wrong.
    """

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
        """The instances for the tables that a query `uses` and those of the gold query. Raises VerifierError."""
        used = closure(self.tables, uses | self.gold.uses)
        return self._prepared.setdefault(tuple(used), Prepared(used, self.gold, self.dialect, self.metadata))


@functools.lru_cache(maxsize=16)
def _problem(answer: str, metadata_text: str) -> SqlProblem:
    """The problem of an example. Raises VerifierError if the example is wrong."""
    return SqlProblem(answer, json.loads(metadata_text))


def _given(tables: Tables, given: Mapping[str, Any]) -> Instance:
    """An instance of the field `rows`. Raises VerifierError."""
    rows = {name: [tuple(row) for row in given.get(name, [])] for name in tables}
    if any(len(row) != len(tables[name]) for name in tables for row in rows[name]):
        fail("field 'rows': a row has another number of values than its table has columns")
    return rows


def _wrong(query: Query, prepared: Prepared, rules: ResultRules) -> str:
    """How the query's results differ, or "". Raises Refused, TooExpensive, and VerifierError for a wrong example."""
    if query.text == prepared.gold.text and any(expected.rows for _, _, expected in prepared.databases()):
        return ""  # the gold query itself, which runs
    orders: list[tuple[int, ...]] | None = None  # of columns, in which the results are the same so far
    for name, database, expected in _databases(query, prepared, rules):
        result = database.run(query.text)
        orders = _orders(len(expected.names), rules) if orders is None else orders
        problems = [difference(expected, _in_order(result, order), rules) for order in orders]
        if all(problems):
            return f"{name}: {problems[0]}"
        orders = [order for order, problem in zip(orders, problems, strict=True) if not problem]
    return ""


def _databases(query: Query, prepared: Prepared, rules: ResultRules) -> Iterator[tuple[str, Database, Result]]:
    """The prepared ones, and those that tell mutants of the gold query; more, if the query has constants of its own."""
    yield from prepared.databases()
    hints = merged(prepared.gold.hints, query.hints)
    new = any(set(hints[name]) - set(prepared.gold.hints.get(name, ())) for name in hints)
    if new:
        kinds = [Profile(rows=(25, 35), hinted=0.8), Profile(rows=(5, 8), children=3, hinted=0.8, distinct=2)]
        yield from _own(prepared, hints, kinds, "own")
    if same_words(query, prepared.gold, prepared.dialect):
        return
    for database, expected in prepared.telling(ordered=rules.ordered):
        yield "an instance for mutants of the gold query", database, expected
    if new:
        yield from _own(prepared, hints, search.profiles(hints) * OWN, "own-small")


def _own(prepared: Prepared, hints: Hints, kinds: list[Profile], name: str) -> Iterator[tuple[str, Database, Result]]:
    for index, profile in enumerate(kinds):
        rows = prepared.instance(profile, hints, f"{name}-{index}")
        yield "an instance with the query's own constants", *prepared.open(rows, reverse=bool(index % 2))


def _orders(width: int, rules: ResultRules) -> list[tuple[int, ...]]:
    if not rules.any_columns:
        return [tuple(range(width))]
    if width > MAX_PERMUTED:
        fail(f"columns in any order: at most {MAX_PERMUTED}, not {width}")
    return list(itertools.permutations(range(width)))


def _in_order(result: Result, order: tuple[int, ...]) -> Result:
    if len(result.names) != len(order) or list(order) == sorted(order):
        return result
    return Result([result.names[i] for i in order], [tuple(row[i] for i in order) for row in result.rows])
