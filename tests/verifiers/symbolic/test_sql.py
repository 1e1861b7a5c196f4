"""`sql`: queries that are the same and nearly the same, what is out of reach, examples that are wrong; both databases."""

from typing import Any

import pytest

from rlvr.errors import VerifierError
from rlvr.verifiers.engine.engine import shared_engine
from rlvr.verifiers.types import Completion, Example, Status, Verdict

pytest.importorskip("sqlglot", reason="needs sqlglot")

from rlvr.verifiers.symbolic.sql import search
from rlvr.verifiers.symbolic.sql.query import read, same_words
from rlvr.verifiers.symbolic.sql.schema import instance, profiles, tables_of
from rlvr.verifiers.symbolic.sql.verifier import Prepared, sql

C, X, U, T = Status.CORRECT, Status.INCORRECT, Status.UNPARSED, Status.TIMEOUT
ITEM = {
    "id": {"type": "integer", "key": True},
    "kind": {"type": "text", "null": True},
    "price": {"type": "real", "max": 9},
}
TABLES: dict[str, Any] = {
    "item": ITEM,
    "sale": {
        "item_id": {"type": "integer", "references": "item.id"},
        "day": "date",
        "n": {"type": "integer", "max": 5},
    },
}


def verify(gold: str, query: str, **metadata: Any) -> Verdict:
    example = Example("", "", gold, metadata={"tables": TABLES, **metadata})
    verdict: Verdict = sql(example, Completion(f"```sql\n{query}\n```"))
    return verdict


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
@pytest.mark.parametrize(
    ("gold", "query", "metadata", "status"),
    [
        ("SELECT kind FROM item", "SELECT kind FROM item WHERE kind IS NOT NULL", {}, X),
        ("SELECT kind FROM item", "SELECT i.kind FROM item AS i ORDER BY 1", {}, C),
        ("SELECT COUNT(kind) FROM item", "SELECT COUNT(*) FROM item", {}, X),
        ("SELECT id FROM item WHERE price > 3", "SELECT id FROM item WHERE NOT price <= 3", {}, C),
        ("SELECT id FROM item WHERE kind <> 'a'", "SELECT id FROM item WHERE kind IS DISTINCT FROM 'a'", {}, X),
        ("SELECT id FROM item WHERE id NOT IN (SELECT item_id FROM sale)",
         "SELECT i.id FROM item i LEFT JOIN sale s ON s.item_id = i.id WHERE s.item_id IS NULL", {}, C),
        ("SELECT SUM(n) FROM sale", "SELECT COALESCE(SUM(n), 0) FROM sale", {}, X),
        ("SELECT SUM(price) / 3 FROM item", "SELECT SUM(price / 3) FROM item", {}, C),
        ("SELECT MAX(day) FROM sale", "SELECT day FROM sale ORDER BY day DESC LIMIT 1", {}, X),  # no row for no sale
        ("SELECT id, price FROM item", "SELECT price, id FROM item", {}, X),
        ("SELECT id, price FROM item", "SELECT price, id FROM item", {"columns": "any"}, C),
        ("SELECT id, price FROM item", "SELECT price, price FROM item", {"columns": "any"}, X),
        ("SELECT id AS key FROM item", "SELECT id FROM item", {}, C),
        ("SELECT id AS key FROM item", "SELECT id FROM item", {"names": True}, X),
        ("SELECT id AS key FROM item", 'SELECT id AS "KEY" FROM item', {"names": True}, C),
        ("SELECT id FROM item ORDER BY id", "SELECT id FROM item ORDER BY id DESC", {"ordered": True}, X),
        ("SELECT id, price FROM item", "SELECT price FROM item", {"columns": "any"}, X),
        ("SELECT id FROM item", "select ID -- all\nfrom Item", {}, C),
        ("SELECT id FROM item WHERE kind = 'a'", "select id from item where kind = 'A'", {}, X),
        ("SELECT id FROM item", "SELECT id FROM item LIMIT 30", {}, X),
        ("SELECT id FROM item WHERE price > 3 ORDER BY price, id", "SELECT id FROM item WHERE price > 3 ORDER BY id, price",
         {"ordered": True}, X),
        ("SELECT kind FROM item WHERE price >= 3 GROUP BY kind HAVING COUNT(*) >= 2",
         "SELECT kind FROM item WHERE price >= 3 GROUP BY kind HAVING COUNT(*) > 2", {}, X),
        ("SELECT id FROM item", "SELECT nothing FROM item", {}, X),
        ("SELECT id FROM item", "SELECT id FROM items", {}, U),
        ("SELECT id FROM item", "SELECT id INTO x FROM item", {}, U),
    ],
)  # fmt: skip
def test_queries(dialect: str, gold: str, query: str, metadata: dict[str, Any], status: Status) -> None:
    if dialect == "duckdb":
        pytest.importorskip("duckdb", reason="needs duckdb")
    verdict = verify(gold, query, dialect=dialect, **metadata)
    assert verdict.status is status, verdict


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("SELECT * FROM read_csv('/etc/passwd')", U),
        ("SELECT * FROM '/etc/passwd'", U),
        ("SELECT id FROM item WHERE id = (SELECT COUNT(*) FROM glob('/*'))", U),
        ("SELECT content FROM read_text('/etc/passwd')", U),
        ("SELECT * FROM duckdb_settings()", U),
        ("SELECT getenv('HOME')", X),
        ("COPY item TO '/tmp/x'", U),
        ("INSTALL httpfs", U),
        ("SET enable_external_access = true", U),
        ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT COUNT(*) FROM t", T),
        ("SELECT repeat('x', 100000000)", T),
    ],
)
def test_duckdb_reaches_nothing(query: str, status: Status) -> None:
    pytest.importorskip("duckdb", reason="needs duckdb")
    example = Example("", "", "SELECT COUNT(*) FROM item", metadata={"tables": TABLES, "dialect": "duckdb"})
    verdict = shared_engine().verify(sql, example, Completion(f"```sql\n{query}\n```"))
    assert verdict.status in (status, X if status is T else status), verdict


@pytest.mark.parametrize(
    ("gold", "metadata", "message"),
    [
        ("SELEC", {}, "the gold query"),
        ("SELECT x FROM item", {}, "the gold query"),
        ("SELECT id FROM item WHERE 1 = 2", {}, "no row on any instance"),
        ("SELECT id FROM item", {"tables": {}}, "'tables'"),
        ("SELECT id FROM item", {"tables": {"item": {"id": "number"}}}, "'type'"),
        ("SELECT id FROM item", {"tables": {'x" (y); --': {"id": "integer"}}}, "must be a name"),
        ("SELECT id FROM item", {"tables": {"item": {"id": {"type": "integer", "references": "x.y"}}}}, "not a key"),
        ("SELECT id FROM item", {"tables": {"item": {"id": {"type": "integer", "nul": True}}}}, "unknown fields: nul"),
        ("SELECT id FROM item", {"dialect": "oracle"}, "'dialect'"),
        ("SELECT id FROM item", {"rows": [{"items": []}]}, "'rows'"),
        ("SELECT id FROM item", {"rows": [{"item": [[1]]}]}, "another number of values"),
        ("SELECT id FROM item", {"ordered": 1}, "'ordered'"),
        ("SELECT 1, 2, 3, 4, 5, 6, id FROM item", {"columns": "any"}, "at most 6"),
    ],
)
def test_a_wrong_example_is_an_error(gold: str, metadata: dict[str, Any], message: str) -> None:
    with pytest.raises(VerifierError, match=message):
        verify(gold, gold if "1 = 2" in gold else "SELECT id FROM item", **metadata)


@pytest.mark.parametrize(
    ("query", "same"),
    [
        ("select ID\n from  Item -- all of them\n where KIND <> 'a'", True),
        ("SELECT id FROM item WHERE kind != 'a'", False),  # means the same, and pays for the search
        ("SELECT id FROM item WHERE kind <> 'A'", False),
        ("SELECT \"id\" FROM item WHERE kind <> 'a'", False),
        ("SELECT (id) FROM item WHERE kind <> 'a'", False),
    ],
)
def test_the_same_words_need_no_search(query: str, same: bool) -> None:
    tables = tables_of({"tables": TABLES})
    gold = read("SELECT id FROM item WHERE kind <> 'a'", tables, "sqlite")
    assert same_words(read(query, tables, "sqlite"), gold, "sqlite") == same


def test_a_query_that_takes_many_steps_ends_the_search() -> None:
    tables = tables_of({"tables": TABLES})
    gold = "SELECT COUNT(*) FROM item a, item b, item c WHERE a.price + b.price < c.price"
    prepared = Prepared(tables, read(gold, tables, "sqlite"), "sqlite", {})
    assert len(prepared.telling(ordered=False)) < search.KEPT


def test_given_instances_count() -> None:
    gold, query = "SELECT id FROM item WHERE price < 3.7", "SELECT id FROM item WHERE price < 3.6875"
    rows = [{"item": [[1, "a", 3.69]]}]
    assert verify(gold, query, rows=rows).status is X


def test_instances_keep_to_their_schema_and_their_seed() -> None:
    tables = tables_of({"tables": TABLES})
    for index, profile in enumerate(profiles(tables)):
        rows = instance(tables, profile, {"price": (3,), "kind": ("%a_",)}, f"seed-{index}")
        assert rows == instance(tables, profile, {"price": (3,), "kind": ("%a_",)}, f"seed-{index}")
        keys = [row[0] for row in rows["item"]]
        assert len(set(keys)) == len(keys)
        assert {row[0] for row in rows["sale"]} <= set(keys)
        assert all(row[2] is not None for row in rows["item"])
    assert not any(rows.values()) or len(profiles(tables)) > 7
