"""Questions about the tree of a query: which table a column is of, which others may be meant, what a condition consists of.

Importing this module needs sqlglot.
"""

from collections.abc import Iterator
from typing import Any

from sqlglot import exp

from rlvr.verifiers.symbolic.sql.schema import Column, Tables

MAX_COLUMNS = 3  # of a table, that replace one column


def _sources(node: Any, tables: Tables) -> Iterator[tuple[Any, tuple[Column, ...]]]:
    """The tables, with their columns, of the SELECT that contains a node."""
    select = node.find_ancestor(exp.Select)
    if select is None:
        return
    first = select.args.get("from_") or select.args.get("from")  # sqlglot 28 renamed it
    for clause in ([first] if first is not None else []) + (select.args.get("joins") or []):
        columns = next((tables[name] for name in tables if name.lower() == clause.this.name.lower()), None)
        if isinstance(clause.this, exp.Table) and columns is not None:
            yield clause.this, columns


def columns_beside(column: Any, tables: Tables) -> tuple[Column | None, tuple[Column, ...]]:
    """The column of the table, and all the table's columns; (None, ()) for an unknown one. The table is the nearest that fits."""
    node = column
    while node is not None:
        for source, columns in _sources(node, tables):
            if column.table.lower() in ("", source.alias_or_name.lower()):
                for candidate in columns:
                    if candidate.name.lower() == column.name.lower():
                        return candidate, columns
        node = node.find_ancestor(exp.Select)
    return None, ()


def alike(column: Any, tables: Tables) -> list[str]:
    """Other columns of its table with its type."""
    own, beside = columns_beside(column, tables)
    return [other.name for other in beside if own is not None and other.type == own.type and other != own][:MAX_COLUMNS]


def in_scope(node: Any, tables: Tables) -> list[Any]:
    """A few columns that COUNT(*) may be confused with: of each table its first, and those that may be NULL."""
    return [
        exp.column(column.name, table=source.alias_or_name)
        for source, columns in _sources(node, tables)
        for column in [column for at, column in enumerate(columns) if at == 0 or column.null][:MAX_COLUMNS]
    ]


def conditions(condition: Any) -> list[Any]:
    """The conditions that AND joins in a condition; [] for None."""
    if condition is None:
        return []
    return list(condition.flatten()) if isinstance(condition, exp.And) else [condition]


def all_but(joined: list[Any], but: int) -> Any:
    """The conjunction of all the conditions but one, by its index."""
    left = [condition.copy() for at, condition in enumerate(joined) if at != but]
    return exp.and_(*left) if left else exp.true()


def has_distinct_rows(select: Any) -> bool:
    """Whether no two rows of its result can be equal: there is one row, or the keys of its groups are in them."""
    group = select.args.get("group")
    if group is None:
        return any(isinstance(selected.unalias(), exp.AggFunc) for selected in select.expressions)
    return all(key in select.expressions for key in group.expressions)


def is_unread(node: Any) -> bool:
    """Whether it is a column of the result of EXISTS, which doesn't count."""
    return isinstance(node.parent, exp.Select) and isinstance(node.parent.parent, exp.Exists)
