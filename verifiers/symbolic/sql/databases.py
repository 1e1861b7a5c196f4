"""Runs a query on one database instance, in SQLite or DuckDB; it can reach nothing but its tables.

SQLite: an authorizer that allows SELECT, the tables and a list of functions; a limit of steps; limits of length. DuckDB:
no external access, no extensions, a locked configuration, one thread, a memory limit. Both: limits of rows and bytes.
"""

import datetime
import decimal
import functools
import re
import sqlite3
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from rlvr.verifiers.symbolic.fields import TooExpensive
from rlvr.verifiers.symbolic.final_answer import load
from rlvr.verifiers.symbolic.sql.schema import Column, Instance, Tables

MAX_ROWS = 5_000
MAX_BYTES = 2_000_000  # of texts in a result
MAX_STEPS = 2_000_000  # of SQLite's machine, for a query
MAX_SECONDS = 1.0  # of DuckDB, for a query
_STEP = 1_000

_FUNCTIONS = frozenset([
    "abs", "acos", "asin", "atan", "atan2", "avg", "ceil", "ceiling", "char", "coalesce", "concat", "concat_ws",
    "cos", "count", "cume_dist", "date", "datetime", "degrees", "dense_rank", "exp", "first_value", "floor",
    "format", "glob", "group_concat", "hex", "ifnull", "iif", "instr", "julianday", "lag", "last_value", "lead",
    "length", "like", "ln", "log", "log10", "log2", "lower", "ltrim", "max", "min", "mod", "nth_value", "ntile",
    "nullif", "percent_rank", "pi", "pow", "power", "printf", "quote", "radians", "rank", "replace", "round",
    "row_number", "rtrim", "sign", "sin", "sqrt", "strftime", "string_agg", "substr", "substring", "subtype", "sum",
    "tan", "time", "timediff", "total", "trim", "trunc", "typeof", "unicode", "unixepoch", "upper",
])  # fmt: skip
_FORMATS = re.compile(r"%([-+ #!,l*.\d]*)(.?)", re.DOTALL)  # SQLite takes flags, widths and precisions in any order
_HIDDEN = re.compile(r"sqlite_|pragma_|json_|dbstat|bytecode|generate_series", re.IGNORECASE)
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 50_000,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 20_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 50_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 50,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
}
_SQLITE_TYPES = {"integer": "INTEGER", "real": "REAL", "text": "TEXT", "date": "TEXT"}
_DUCKDB_TYPES = {"integer": "BIGINT", "real": "DOUBLE", "text": "VARCHAR", "date": "DATE"}


class Refused(Exception):
    """The database refuses the query, or it fails."""


class Result(NamedTuple):
    """The names of the columns, and the rows."""

    names: list[str]
    rows: list[tuple[Any, ...]]


class Database(Protocol):
    """An instance that queries run on. `steps`: how many the last query took, as far as the database counts them."""

    steps: int

    def run(self, query: str) -> Result:
        """The result of a query. Raises Refused and TooExpensive."""


class SqliteDatabase:
    """A database in SQLite. `reverse`: rows come in reverse if no ORDER BY says how."""

    def __init__(self, tables: Tables, instance: Instance, *, reverse: bool = False) -> None:
        self._tables = {name.lower() for name in tables}
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.steps = 0
        execute = self._connection.execute
        execute("PRAGMA temp_store = MEMORY")
        if reverse:
            execute("PRAGMA reverse_unordered_selects = ON")
        execute("BEGIN")
        for name, columns in tables.items():
            execute(_create(name, columns, _SQLITE_TYPES))
            marks = ", ".join("?" * len(columns))
            self._connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', instance[name])
        execute("COMMIT")
        for limit, value in _LIMITS.items():
            self._connection.setlimit(limit, value)
        for name in ("printf", "format"):
            self._connection.create_function(name, -1, self._printf, deterministic=True)
        self._connection.set_authorizer(self._authorize)
        self._connection.set_progress_handler(self._progress, _STEP)

    def _authorize(
        self, action: int, first: str | None, second: str | None, database: str | None, _: str | None
    ) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ and (first or "").lower() in self._tables:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ and database is None and not _HIDDEN.match(first or ""):  # a recursive WITH's
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FUNCTIONS:
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    def _progress(self) -> bool:
        self.steps += _STEP
        return self.steps > MAX_STEPS

    @functools.cached_property
    def _plain_sqlite(self) -> sqlite3.Connection:
        """A connection whose printf is SQLite's own."""
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        for limit, value in _LIMITS.items():
            connection.setlimit(limit, value)
        return connection

    def _printf(self, *values: Any) -> Any:
        """SQLite's printf, with widths counted as steps: SQLite counts none for it, and a width of a billion takes seconds."""
        if not values:
            return None
        arguments = iter(values[1:])
        for width, letter in _FORMATS.findall(str(values[0])):
            stars = [next(arguments, 0) for _ in range(width.count("*"))]
            self.steps += sum(map(int, re.findall(r"[0-9]+", width))) + sum(map(self._integer, stars))
            if letter not in ("%", "n"):
                next(arguments, None)
        if self.steps > MAX_STEPS:
            raise TooExpensive
        return self._plain_sqlite.execute(f"SELECT printf({', '.join('?' * len(values))})", values).fetchone()[0]

    def _integer(self, value: Any) -> int:
        """The size of the number that SQLite reads an argument as."""
        return abs(int(self._plain_sqlite.execute("SELECT CAST(? AS INTEGER)", (value,)).fetchone()[0] or 0))

    def run(self, query: str) -> Result:
        """The result of a query. Raises Refused and TooExpensive."""
        self.steps = 0
        try:
            cursor = self._connection.execute(query)
            if cursor.description is None:
                raise Refused("not a query")
            rows = _bounded(cursor)
            return Result([column[0] for column in cursor.description], rows)
        except (sqlite3.Error, sqlite3.Warning, UnicodeEncodeError, ValueError) as error:
            if self.steps > MAX_STEPS:
                raise TooExpensive(f"the query needs more than {MAX_STEPS} steps") from None
            raise Refused(str(error)[:200]) from None
        except MemoryError:
            raise TooExpensive("the query needs too much memory") from None


class DuckDatabase:
    """A database in DuckDB, which counts no steps."""

    steps = 0

    def __init__(self, tables: Tables, instance: Instance) -> None:
        self._duckdb = load("duckdb", "duckdb")
        settings = {
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "memory_limit": "200MB",
            "threads": "1",
        }
        self._connection = self._duckdb.connect(":memory:", config=settings)
        for name, columns in tables.items():
            self._connection.execute(_create(name, columns, _DUCKDB_TYPES))
            if instance[name]:
                rows = ", ".join(f"({', '.join('?' * len(columns))})" for _ in instance[name])
                flat = [value for row in instance[name] for value in row]
                self._connection.execute(f'INSERT INTO "{name}" VALUES {rows}', flat)
        self._connection.execute("SET lock_configuration = true")

    def run(self, query: str) -> Result:
        """The result of a query. Raises Refused and TooExpensive."""
        clock = threading.Timer(MAX_SECONDS, self._connection.interrupt)
        clock.start()
        try:
            statements = self._connection.extract_statements(query)
            if len(statements) != 1 or statements[0].type != self._duckdb.StatementType.SELECT:
                raise Refused("not one query")
            cursor = self._connection.execute(statements[0])
            names = [column[0] for column in cursor.description or ()]
            return Result(names, _bounded(iter(cursor.fetchone, None)))
        except self._duckdb.InterruptException:
            raise TooExpensive(f"the query needs more than {MAX_SECONDS} s") from None
        except (self._duckdb.OutOfMemoryException, MemoryError):
            raise TooExpensive("the query needs too much memory") from None
        except (self._duckdb.Error, UnicodeEncodeError, ValueError, RuntimeError) as error:
            raise Refused(" ".join(str(error).split())[:200]) from None
        finally:
            clock.cancel()
            clock.join()


def _create(table: str, columns: tuple[Column, ...], types: Mapping[str, str]) -> str:
    listed = ", ".join(f'"{column.name}" {types[column.type]}' for column in columns)
    return f'CREATE TABLE "{table}" ({listed})'


def _bounded(rows: Any) -> list[tuple[Any, ...]]:
    """All rows, with values that can be compared. Raises TooExpensive."""
    values: list[tuple[Any, ...]] = []
    size = 0
    for row in rows:
        values.append(tuple(map(_plain, row)))
        size += sum(len(value) for value in row if isinstance(value, (str, bytes)))
        if len(values) > MAX_ROWS or size > MAX_BYTES:
            raise TooExpensive(f"the result has more than {MAX_ROWS} rows or {MAX_BYTES} bytes")
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, decimal.Decimal)):
        return float(value)
    if isinstance(value, (datetime.date, datetime.datetime, datetime.time)):
        return value.isoformat()
    return value if value is None or isinstance(value, (int, float, str, bytes)) else repr(value)[:1000]
