"""What the tree of a query says: whose a column is, which others may be meant, what a condition is made of.

This module needs sqlglot when it is imported.
"""

from collections.abc import Iterator
from typing import Any

from sqlglot import exp

from rlvr.verifiers.symbolic.sql.schema import Column, Tables

MAX_COLUMNS = 3  # that stand in for one column, of a table


def _sources(node: Any, tables: Tables) -> Iterator[tuple[Any, tuple[Column, ...]]]:
    """The tables, with their columns, of the SELECT that a node stands in."""
    select = node.find_ancestor(exp.Select)
    if select is None:
        return
    first = select.args.get("from_") or select.args.get("from")  # sqlglot 28 renamed it
    for one in ([first] if first is not None else []) + (select.args.get("joins") or []):
        known = next((tables[name] for name in tables if name.lower() == one.this.name.lower()), None)
        if isinstance(one.this, exp.Table) and known is not None:
            yield one.this, known


def columns_beside(column: Any, tables: Tables) -> tuple[Column | None, tuple[Column, ...]]:
    """What a column is in its table, and the table's columns. The table is the nearest one that may be meant."""
    node = column
    while node is not None:
        for source, known in _sources(node, tables):
            if column.table.lower() in ("", source.alias_or_name.lower()):
                for one in known:
                    if one.name.lower() == column.name.lower():
                        return one, known
        node = node.find_ancestor(exp.Select)
    return None, ()


def alike(column: Any, tables: Tables) -> list[str]:
    """Other columns of its table with its type."""
    known, beside = columns_beside(column, tables)
    return [one.name for one in beside if known is not None and one.type == known.type and one != known][:MAX_COLUMNS]


def in_scope(node: Any, tables: Tables) -> list[Any]:
    """A few columns that COUNT(*) may be confused with: of each table its first, and those that may be NULL."""
    return [
        exp.column(column.name, table=source.alias_or_name)
        for source, known in _sources(node, tables)
        for column in [one for at, one in enumerate(known) if at == 0 or one.null][:MAX_COLUMNS]
    ]


def conditions(condition: Any) -> list[Any]:
    """What AND joins in a condition."""
    if condition is None:
        return []
    return list(condition.flatten()) if isinstance(condition, exp.And) else [condition]


def all_but(joined: list[Any], but: int) -> Any:
    """A condition without one of those that AND joins in it."""
    left = [one.copy() for at, one in enumerate(joined) if at != but]
    return exp.and_(*left) if left else exp.true()


def has_distinct_rows(select: Any) -> bool:
    """Whether no two rows of its result can be the same: one row, or the keys of its groups are in them."""
    group = select.args.get("group")
    if group is None:
        return any(isinstance(one.unalias(), exp.AggFunc) for one in select.expressions)
    return all(key in select.expressions for key in group.expressions)


def is_unread(node: Any) -> bool:
    """Whether it is a column of the result of EXISTS, where it doesn't count."""
    return isinstance(node.parent, exp.Select) and isinstance(node.parent.parent, exp.Exists)
