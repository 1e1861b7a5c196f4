"""Mutants of a query: what each rule makes of it, what it leaves alone, and that instances are found for the others."""

from typing import Any

import pytest

pytest.importorskip("sqlglot", reason="needs sqlglot")

from rlvr.verifiers.symbolic.sql.compare import ResultRules, difference
from rlvr.verifiers.symbolic.sql.databases import Refused
from rlvr.verifiers.symbolic.sql.mutants import MAX_MUTANTS, mutants
from rlvr.verifiers.symbolic.sql.query import read
from rlvr.verifiers.symbolic.sql.schema import tables_of
from rlvr.verifiers.symbolic.sql.verifier import Prepared

TABLES = tables_of(
    {
        "tables": {
            "item": {
                "id": {"type": "integer", "key": True},
                "kind": {"type": "text", "null": True},
                "price": "integer",
            },
            "sale": {
                "item_id": {"type": "integer", "references": "item.id"},
                "day": "date",
                "n": {"type": "integer", "null": True},
            },
        }
    }
)
JOINED = "FROM item AS i LEFT JOIN sale AS s ON s.item_id = i.id AND s.n > 2 WHERE i.price < 9"


def mutants_of(text: str, *, ordered: bool = False) -> list[str]:
    return mutants(read(text, TABLES, "sqlite").tree, TABLES, "sqlite", ordered=ordered)


def prepared(gold: str, seed: int = 0) -> Prepared:
    return Prepared(TABLES, read(gold, TABLES, "sqlite"), "sqlite", {"seed": seed})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # comparisons, and NULL
        ("SELECT id FROM item WHERE price > 3", [
            f"SELECT id FROM item WHERE price {sign} 3" for sign in (">=", "<", "<=", "=", "<>")]),
        ("SELECT item_id FROM sale WHERE n > 3", ["SELECT item_id FROM sale WHERE (n > 3 OR n IS NULL)"]),
        ("SELECT id FROM item WHERE price BETWEEN 2 AND 4", [
            "SELECT id FROM item WHERE (price > 2 AND price < 4)", "SELECT id FROM item WHERE price >= 2",
            "SELECT id FROM item WHERE NOT price BETWEEN 2 AND 4", "SELECT id FROM item WHERE price BETWEEN 3 AND 4"]),
        ("SELECT id FROM item WHERE kind IS NULL", [
            "SELECT id FROM item WHERE NOT kind IS NULL", "SELECT id FROM item WHERE kind = NULL", "SELECT id FROM item"]),
        ("SELECT id FROM item WHERE NOT kind LIKE 'a%'", [
            "SELECT id FROM item WHERE kind LIKE 'a%'", "SELECT id FROM item WHERE NOT kind LIKE '%a'",
            "SELECT id FROM item WHERE NOT kind = 'a%'"]),
        ("SELECT id FROM item WHERE price IN (1, 2)", [
            "SELECT id FROM item WHERE price IN (2)", "SELECT id FROM item WHERE NOT price IN (1, 2)"]),
        # constants
        ("SELECT item_id FROM sale WHERE day >= '2020-02-29'", [
            "SELECT item_id FROM sale WHERE day >= '2020-03-01'", "SELECT item_id FROM sale WHERE day >= '2020-02-28'"]),
        ("SELECT id FROM item WHERE price > 1.5", ["SELECT id FROM item WHERE price > 2.5"]),
        # AND and OR
        ("SELECT id FROM item WHERE (kind IS NULL OR kind <> 'a') AND price < 3", [
            "SELECT id FROM item WHERE (kind <> 'a') AND price < 3",
            "SELECT id FROM item WHERE kind IS NULL OR kind <> 'a' AND price < 3",
            "SELECT id FROM item WHERE (kind IS NULL AND kind <> 'a') AND price < 3",
            "SELECT id FROM item WHERE (kind IS NULL OR kind <> 'a') OR price < 3",
            "SELECT id FROM item WHERE price < 3"]),
        ("SELECT id FROM item WHERE id = 1 AND price = 2 OR price = 3", [
            "SELECT id FROM item WHERE id = 1 AND (price = 2 OR price = 3)"]),
        # joins
        (f"SELECT i.id {JOINED}", [
            f"SELECT i.id {JOINED}".replace("LEFT JOIN", "JOIN"),
            "SELECT i.id FROM item AS i CROSS JOIN sale AS s WHERE i.price < 9", "SELECT i.id FROM item AS i WHERE i.price < 9",
            "SELECT i.id FROM item AS i LEFT JOIN sale AS s ON s.item_id = i.id WHERE i.price < 9 AND s.n > 2",
            "SELECT i.id FROM item AS i LEFT JOIN sale AS s ON (s.item_id = i.id AND s.n > 2) AND i.price < 9 WHERE TRUE",
            f"SELECT i.id {JOINED}".replace("s.item_id", "s.n"), f"SELECT s.item_id {JOINED}"]),
        # groups and aggregates
        ("SELECT kind, COUNT(*) FROM item GROUP BY kind HAVING COUNT(*) > 2", [
            "SELECT kind, COUNT(*) FROM item GROUP BY kind", "SELECT COUNT(*), kind FROM item GROUP BY kind HAVING COUNT(*) > 2",
            "SELECT kind, COUNT(item.kind) FROM item GROUP BY kind HAVING COUNT(*) > 2",
            "SELECT kind, COUNT(DISTINCT item.id) FROM item GROUP BY kind HAVING COUNT(*) > 2",
            "SELECT kind, COUNT(*) FROM item GROUP BY kind HAVING COUNT(*) > 3"]),
        ("SELECT COALESCE(SUM(n), 0) FROM sale", [
            "SELECT SUM(n) FROM sale", "SELECT COALESCE(AVG(n), 0) FROM sale", "SELECT COALESCE(SUM(DISTINCT n), 0) FROM sale",
            "SELECT COALESCE(SUM(n), 1) FROM sale", "SELECT COALESCE(SUM(item_id), 0) FROM sale"]),
        ("SELECT AVG(n) FROM sale", ["SELECT AVG(COALESCE(n, 0)) FROM sale", "SELECT MAX(n) FROM sale"]),
        ("SELECT COUNT(DISTINCT n) FROM sale", ["SELECT COUNT(n) FROM sale", "SELECT COUNT(*) FROM sale"]),
        ("SELECT price, kind FROM item GROUP BY price, kind", [
            "SELECT price, kind FROM item GROUP BY price", "SELECT price, kind FROM item GROUP BY id, kind"]),
        # subqueries
        ("SELECT id FROM item WHERE EXISTS(SELECT 1 FROM sale WHERE item_id = item.id)", [
            "SELECT id FROM item WHERE NOT EXISTS(SELECT 1 FROM sale WHERE item_id = item.id)",
            "SELECT id FROM item WHERE EXISTS(SELECT 1 FROM sale)",
            "SELECT id FROM item WHERE EXISTS(SELECT 1 FROM sale WHERE n = item.id)",
            "SELECT id FROM item WHERE EXISTS(SELECT 1 FROM sale WHERE item_id = item.price)"]),
        ("SELECT s.n FROM sale AS s WHERE s.n = (SELECT MAX(x.n) FROM sale AS x WHERE x.item_id = s.item_id)", [
            "SELECT s.n FROM sale AS s WHERE s.n = (SELECT MAX(x.n) FROM sale AS x)",
            "SELECT s.n FROM sale AS s WHERE s.n = (SELECT MAX(x.n) FROM sale AS x WHERE x.n = s.n)",
            "SELECT s.n FROM sale AS s WHERE s.n = (SELECT MIN(x.n) FROM sale AS x WHERE x.item_id = s.item_id)"]),
        # the rest
        ("SELECT DISTINCT kind FROM item", ["SELECT kind FROM item", "SELECT DISTINCT kind FROM item LIMIT 1"]),
        ("SELECT kind FROM item LIMIT 3", ["SELECT kind FROM item", "SELECT kind FROM item LIMIT 2"]),
        ("SELECT id FROM item UNION SELECT n FROM sale", [
            "SELECT id FROM item UNION ALL SELECT n FROM sale", "SELECT id FROM item EXCEPT SELECT n FROM sale",
            "SELECT id FROM item"]),
        ("SELECT price - n FROM item CROSS JOIN sale", [
            "SELECT n - price FROM item CROSS JOIN sale", "SELECT price FROM item CROSS JOIN sale"]),
        ("SELECT CASE WHEN n > 1 THEN 'a' ELSE 'b' END FROM sale", ["SELECT CASE WHEN n > 1 THEN 'a' END FROM sale"]),
    ],
)  # fmt: skip
def test_mutants(query: str, expected: list[str]) -> None:
    texts = mutants_of(query)
    assert set(expected) <= set(texts), [text for text in expected if text not in texts]
    assert len(set(texts)) == len(texts) <= MAX_MUTANTS
    assert texts == mutants_of(query)
    assert read(query, TABLES, "sqlite").normal("sqlite") not in texts


def test_order_counts_where_rows_are_ordered() -> None:
    query = "SELECT id FROM item ORDER BY price DESC, id"
    expected = {
        "SELECT id FROM item ORDER BY price, id",
        "SELECT id FROM item ORDER BY price DESC, id DESC",
        "SELECT id FROM item ORDER BY price DESC",
        "SELECT id FROM item",
    }
    assert expected <= set(mutants_of(query, ordered=True))
    assert not expected & set(mutants_of(query))
    assert expected & {text.removesuffix(" LIMIT 2") for text in mutants_of(f"{query} LIMIT 2")}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1",
        "SELECT * FROM item",
        "SELECT * FROM (VALUES (1), (2))",
        "SELECT id FROM item UNION SELECT n FROM sale ORDER BY COUNT(*) LIMIT 2",
        "WITH t AS (SELECT n, COUNT(*) AS c FROM sale GROUP BY 1) SELECT t.c, x.y FROM t JOIN (SELECT 1 AS y) AS x ON TRUE",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT MAX(n) FROM t",
        "SELECT RANK() OVER (PARTITION BY kind ORDER BY SUM(price) DESC) FROM item GROUP BY kind, price",
        "SELECT i.id FROM item AS i JOIN sale AS s USING (id) NATURAL JOIN item",
        "SELECT (SELECT MAX(n) FROM sale) / -3.5, kind || 'x', CAST(price AS TEXT) FROM item WHERE NOT NOT id IN (SELECT 1)",
        "SELECT id FROM item WHERE (id, price) IN (SELECT item_id, n FROM sale) OR 'a' = \"b\" OR TRUE",
        " UNION ".join(["SELECT id FROM item WHERE id = 1 AND price = 2 OR kind IS NULL"] * 20),
    ],
)
def test_no_query_is_too_odd(query: str) -> None:
    assert len(mutants_of(query)) <= MAX_MUTANTS


@pytest.mark.parametrize(
    ("gold", "mutant"),
    [
        ("SELECT kind FROM item WHERE price >= 40 GROUP BY kind HAVING COUNT(*) >= 7",
         "SELECT kind FROM item WHERE price >= 40 GROUP BY kind HAVING COUNT(*) > 7"),
        ("SELECT i.id FROM item i WHERE i.price > 90 AND NOT EXISTS (SELECT 1 FROM sale s WHERE s.item_id = i.id AND s.n = 5 "
         "AND s.day >= '2020-05-01')",
         "SELECT i.id FROM item i WHERE i.price > 90 AND NOT EXISTS (SELECT 1 FROM sale s WHERE s.item_id = i.id AND s.n = 5 "
         "AND s.day > '2020-05-01')"),
        ("SELECT s.n FROM sale s WHERE s.n <= 20 AND s.n = (SELECT MAX(x.n) FROM sale x WHERE x.item_id = s.item_id AND "
         "x.n <= 20)",
         "SELECT s.n FROM sale s WHERE s.n <= 20 AND s.n = (SELECT MAX(x.n) FROM sale x WHERE x.n <= 20)"),
        ("SELECT id FROM item", "SELECT id FROM item LIMIT 30"),  # no mutant: instances that stay in any case
    ],
)  # fmt: skip
@pytest.mark.parametrize("seed", range(3))
def test_instances_are_found(gold: str, mutant: str, seed: int) -> None:
    of_gold = prepared(gold, seed)
    instances = [(database, expected) for _, database, expected in of_gold.databases()] + of_gold.telling(ordered=False)
    rules = ResultRules(ordered=False, names=False, any_columns=False)
    assert any(difference(expected, database.run(mutant), rules) for database, expected in instances)


def test_what_is_found_depends_on_nothing_but_the_seed() -> None:
    def results(seed: int) -> list[Any]:
        return [
            expected
            for _, expected in prepared("SELECT kind, price FROM item WHERE price > 3", seed).telling(ordered=True)
        ]

    assert results(1) == results(1)
    assert results(1) != results(2)


def test_a_mutant_that_is_no_query_is_no_answer() -> None:
    gold = prepared("SELECT i.id FROM item i JOIN sale s ON s.item_id = i.id WHERE s.n > 1")
    failing = [text for text in mutants_of(gold.gold.text) if text.startswith("SELECT i.id FROM item AS i WHERE s.n")]
    assert failing
    database, _ = gold.telling(ordered=False)[0]
    with pytest.raises(Refused):
        database.run(failing[0])
