"""What a query can do to the process that runs it: nothing, and not for long."""

import sqlite3

import pytest

from rlvr.verifiers.symbolic.fields import TooExpensive
from rlvr.verifiers.symbolic.sql.databases import SqliteDatabase


@pytest.fixture(scope="module")
def database() -> SqliteDatabase:
    return SqliteDatabase({}, {})


@pytest.mark.parametrize(
    "call",
    [
        "printf()",
        "printf(NULL)",
        "printf('%d')",
        "printf('%s', NULL)",
        "printf('%.2f %05d %%%s|%5s|%-5s|', 3.14159, 42, 'a', 'b', 'c')",
        "format('%,d', 1234567)",
        "printf('%*d', 5, 3)",
        "printf('%d %*d', 1000000, 5, 3)",  # a million is a value, not a width
        "printf('%n%d%%%d', 1000000, 1000000)",
        "printf('%', 1)",
        "printf('%z%d', 1, 2)",
        "printf('%q %Q %w', 'a''b', 'c', 'd')",
        "printf(x'2564', 3)",
        "printf('%9999d', 1)",
        "printf('%.*c', '1e9', 'x')",  # SQLite reads 1
        "printf('%*d', NULL, 1)",
    ],
)
def test_printf_is_that_of_sqlite(database: SqliteDatabase, call: str) -> None:
    assert database.run(f"SELECT {call}").rows == sqlite3.connect(":memory:").execute(f"SELECT {call}").fetchall()


@pytest.mark.parametrize(
    "call",
    [
        "printf('%.1000000000c', 'x')",
        "FORMAT('%1000000000d', 1)",
        "printf('%*d', 100000000, 1)",
        "printf('%*d', -100000000, 1)",
        "printf('%.*c', 1000000000.0, 'x')",
        "printf('%s %.*c', 'a', 1000000000, 'x')",
        "printf('%n%.*c', 1000000000, 'x')",
        "printf('%-!l5.1000000000c', 'x')",
        "printf('%s%.1000000000c', 'a', 'x')",
        "printf('%.*c', '  1000000000 and more', 'x')",
        "printf('%." + "9" * 4000 + "c', 'x')",
        f"printf('{'%.9999c' * 300}')",
        "SUM(n) FROM (WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t LIMIT 300) "
        "SELECT LENGTH(printf('%9999d', n)) AS n FROM t)",
    ],
)
def test_widths_count_as_steps(database: SqliteDatabase, call: str) -> None:
    with pytest.raises(TooExpensive, match="more than 2000000 steps"):
        database.run(f"SELECT {call}")
