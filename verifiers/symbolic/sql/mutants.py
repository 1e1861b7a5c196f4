"""Mutants of a query: the query with one of the mistakes that people make.

A mutant is the query with one node of its tree exchanged, by rules that know SQL and the types of columns, but no pack
and no question. Their order is fixed, and so is the largest number. Many mutants are wrong, some mean the same as the
query, a few aren't queries at all: database instances decide which (search.py).

Importing this module needs sqlglot.
"""

import datetime
from collections.abc import Callable, Iterator
from typing import Any

from sqlglot import exp

from rlvr.verifiers.symbolic.sql.schema import Tables
from rlvr.verifiers.symbolic.sql.scope import (
    alike,
    all_but,
    columns_beside,
    conditions,
    has_distinct_rows,
    in_scope,
    is_unread,
)

MAX_MUTANTS = 150

_COMPARISONS = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.NEQ)
_AGGREGATES = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max)
_ARITHMETIC = {exp.Add: exp.Sub, exp.Sub: exp.Add, exp.Mul: exp.Add, exp.Div: exp.Mul, exp.Mod: exp.Div}
_SETS = (exp.Union, exp.Except, exp.Intersect)
_DROPPED = (exp.Coalesce, exp.Lower, exp.Upper, exp.Trim, exp.Round, exp.Abs, exp.Nullif)  # functions

MutationRule = Callable[[Any, Tables], Iterator[Any]]  # what may replace a node: always new nodes


def mutants(tree: Any, tables: Tables, dialect: str, *, ordered: bool) -> list[str]:
    """At most MAX_MUTANTS texts, all different from the query's. `ordered`: the order of rows counts."""
    holder = exp.Paren(this=tree.copy())  # so that the root has a parent too
    nodes = list(holder.this.walk())
    texts = {holder.this.sql(dialect, comments=False): None}
    for rule in (*_RULES, _order) if ordered or tree.find(exp.Limit) else _RULES:
        for node in nodes:
            for other in rule(node, tables):
                node.replace(other)
                texts[holder.this.sql(dialect, comments=False)] = None
                other.replace(node)
                if len(texts) > MAX_MUTANTS:
                    return list(texts)[1:]
    return list(texts)[1:]


def _comparison(node: Any, tables: Tables) -> Iterator[Any]:
    """Another operator; NULL-safe if NULL is possible; BETWEEN with an end left out or open."""
    if isinstance(node, _COMPARISONS):
        yield from (_as(kind, node) for kind in _COMPARISONS if type(node) is not kind)
        for column in node.find_all(exp.Column):
            definition, _ = columns_beside(column, tables)
            if definition is not None and definition.null and not isinstance(column.parent, exp.AggFunc):
                missing = exp.Is(this=column.copy(), expression=exp.Null())
                yield exp.Paren(this=exp.Or(this=node.copy(), expression=missing))
    elif isinstance(node, exp.Between):
        low, high = node.args["low"], node.args["high"]
        yield exp.GTE(this=node.this.copy(), expression=low.copy())
        yield exp.LTE(this=node.this.copy(), expression=high.copy())
        for above, below in ((exp.GT, exp.LT), (exp.GT, exp.LTE), (exp.GTE, exp.LT)):
            left = above(this=node.this.copy(), expression=low.copy())
            yield exp.Paren(this=exp.And(this=left, expression=below(this=node.this.copy(), expression=high.copy())))
    elif isinstance(node, exp.Like):
        yield _as(exp.EQ, node)


def _constant(node: Any, _: Tables) -> Iterator[Any]:
    """A number one more or less, a day before or after, a pattern open at another end."""
    if not isinstance(node, exp.Literal) or is_unread(node):
        return
    if not node.is_string:
        value = float(node.this)
        yield from (exp.Literal.number(int(n) if n.is_integer() else n) for n in (value + 1, value - 1))
    elif isinstance(node.parent, exp.Like):
        bare = node.this.strip("%")
        yield from (exp.Literal.string(pattern) for pattern in (bare + "%", "%" + bare, f"%{bare}%"))
    else:
        try:
            day = datetime.date.fromisoformat(node.this)
            yield from (exp.Literal.string(str(day + datetime.timedelta(days=step))) for step in (1, -1))
        except (ValueError, OverflowError):
            return


def _connective(node: Any, _: Tables) -> Iterator[Any]:
    """A condition left out, AND for OR, parentheses left out or put elsewhere."""
    if isinstance(node, (exp.And, exp.Or)):
        yield node.this.copy()
        yield node.expression.copy()
        other = exp.Or if isinstance(node, exp.And) else exp.And
        yield _as(other, node)
        if isinstance(node.parent, exp.Connector):
            yield exp.Paren(this=_as(other, node))
        left, right = node.this, node.expression
        if isinstance(node, exp.Or) and isinstance(left, exp.And):
            either = exp.Or(this=left.expression.copy(), expression=right.copy())
            yield exp.And(this=left.this.copy(), expression=exp.Paren(this=either))
        if isinstance(node, exp.Or) and isinstance(right, exp.And):
            either = exp.Or(this=left.copy(), expression=right.this.copy())
            yield exp.And(this=exp.Paren(this=either), expression=right.expression.copy())
    elif isinstance(node, exp.Paren) and isinstance(node.this, exp.Connector):
        yield node.this.copy()
    elif isinstance(node, exp.In) and len(node.expressions) > 1:
        for index in range(len(node.expressions)):
            yield _without(node, "expressions", index)


def _negation(node: Any, _: Tables) -> Iterator[Any]:
    """NOT left out or added, `= NULL` for IS NULL."""
    if isinstance(node, exp.Not):
        yield node.this.copy()
    elif isinstance(node, (exp.Is, exp.In, exp.Exists, exp.Like, exp.Between)) or (
        isinstance(node, exp.Paren) and isinstance(node.this, exp.Connector)
    ):
        if not isinstance(node.parent, exp.Not):
            yield exp.Not(this=node.copy())
        if isinstance(node, exp.Is):
            yield _as(exp.EQ, node)


def _join(node: Any, _: Tables) -> Iterator[Any]:
    """Another kind of join; a condition of ON in WHERE, and the other way round; a join left out."""
    if isinstance(node, exp.Join):
        for side, kind in ((None, None), ("LEFT", None), (None, "CROSS")):
            other = node.copy()
            for name, value in (("side", side), ("kind", kind), *([("on", None), ("using", None)] if kind else [])):
                other.set(name, value)
            yield other
    if not isinstance(node, exp.Select):
        return
    for index, join in enumerate(node.args.get("joins") or ()):
        yield _without(node, "joins", index)
        if not join.side:
            continue  # of an inner join ON and WHERE mean the same
        for at, condition in enumerate(conditions(join.args.get("on"))):
            other = node.copy()
            other.args["joins"][index].set("on", all_but(conditions(join.args["on"]), at))
            yield other.where(condition.copy(), copy=False)
        where = conditions(node.args.get("where") and node.args["where"].this)
        for at, condition in enumerate(where):
            other = node.copy()
            other.set("where", exp.Where(this=all_but(where, at)))
            other.args["joins"][index].on(condition.copy(), copy=False)
            yield other


def _clause(node: Any, _: Tables) -> Iterator[Any]:
    """A clause or a key of GROUP BY left out, DISTINCT or LIMIT added, columns in another order, other set operations."""
    if isinstance(node, exp.Select):
        for clause in ("where", "having", "group", "limit"):
            if node.args.get(clause) is not None:
                other = node.copy()
                other.set(clause, None)
                yield other
        if not isinstance(node.parent, (exp.Exists, exp.In)) and not isinstance(node.parent.parent, exp.In):
            if node.args.get("distinct") or not has_distinct_rows(node):
                other = node.copy()
                other.set("distinct", None if node.args.get("distinct") else exp.Distinct())
                yield other
            for index in range(len(node.expressions) - 1):
                other = node.copy()
                columns = other.expressions
                columns[index], columns[index + 1] = columns[index + 1], columns[index]
                other.set("expressions", columns)
                yield other
            if node.args.get("limit") is None and isinstance(node.parent, exp.Paren):
                yield node.limit(1)
    elif isinstance(node, exp.Group) and len(node.expressions) > 1:
        for index in range(len(node.expressions)):
            yield _without(node, "expressions", index)
    elif isinstance(node, _SETS):
        yield node.this.copy()
        yield node.expression.copy()
        for kind in _SETS:
            for distinct in (True, False) if kind is exp.Union else (True,):
                yield kind(this=node.this.copy(), expression=node.expression.copy(), distinct=distinct)


def _aggregate(node: Any, tables: Tables) -> Iterator[Any]:
    """Another aggregate function, DISTINCT in it or not, COUNT(*) for COUNT(column), NULL as 0."""
    if not isinstance(node, _AGGREGATES):
        return
    distinct = isinstance(node.this, exp.Distinct)
    inner = node.this.expressions[0] if distinct else node.this
    if isinstance(inner, exp.Star):
        for column in in_scope(node, tables):
            yield exp.Count(this=column)
            yield exp.Count(this=exp.Distinct(expressions=[column.copy()]))
        return
    yield from (kind(this=node.this.copy()) for kind in _AGGREGATES if type(node) is not kind)
    yield type(node)(this=inner.copy() if distinct else exp.Distinct(expressions=[inner.copy()]))
    if isinstance(node, exp.Count):
        yield exp.Count(this=exp.Star())
    filled = exp.Coalesce(this=inner.copy(), expressions=[exp.Literal.number(0)])
    yield type(node)(this=exp.Distinct(expressions=[filled]) if distinct else filled)


def _value(node: Any, _: Tables) -> Iterator[Any]:
    """A function left out, another operator of arithmetic or one of its operands, a branch of CASE left out."""
    if isinstance(node, _DROPPED):
        yield node.this.copy()
    elif type(node) in _ARITHMETIC:
        yield node.this.copy()
        yield node.expression.copy()
        yield _as(_ARITHMETIC[type(node)], node)
        if not isinstance(node, (exp.Add, exp.Mul)):
            yield type(node)(this=node.expression.copy(), expression=node.this.copy())
    elif isinstance(node, exp.Case):
        if node.args.get("default") is not None:
            other = node.copy()
            other.set("default", None)
            yield other
        for index in range(len(node.args["ifs"]) if len(node.args["ifs"]) > 1 else 0):
            yield _without(node, "ifs", index)


def _other_column(node: Any, tables: Tables) -> Iterator[Any]:
    """A column of the same type in its table; the one that it is joined with; a correlation by other columns."""
    if isinstance(node, exp.EQ):
        left, right = node.this, node.expression
        if isinstance(left, exp.Column) and isinstance(right, exp.Column) and left.name == right.name:
            for name in alike(left, tables):
                yield exp.EQ(this=_named(left, name), expression=_named(right, name))
    if not isinstance(node, exp.Column) or is_unread(node):
        return
    yield from (_named(node, name) for name in alike(node, tables))
    for pair in node.root().find_all(exp.EQ):
        if pair is not node.parent and node in (pair.this, pair.expression):
            yield (pair.expression if node == pair.this else pair.this).copy()


def _order(node: Any, _: Tables) -> Iterator[Any]:
    """ORDER BY the other way round, without a key, or left out."""
    if isinstance(node, exp.Ordered):
        other = node.copy()
        other.set("desc", not node.args.get("desc") or None)
        other.set("nulls_first", bool(node.args.get("desc")))  # NULL comes before all values
        yield other
    elif isinstance(node, exp.Order) and len(node.expressions) > 1:
        for index in range(len(node.expressions)):
            yield _without(node, "expressions", index)
    elif isinstance(node, exp.Select) and node.args.get("order") is not None:
        other = node.copy()
        other.set("order", None)
        yield other


_RULES: tuple[MutationRule, ...] = (
    _comparison, _connective, _negation, _clause, _join, _aggregate, _value, _constant, _other_column
)  # fmt: skip


def _as(kind: Any, node: Any) -> Any:
    return kind(this=node.this.copy(), expression=node.expression.copy())


def _without(node: Any, name: str, index: int) -> Any:
    other = node.copy()
    other.set(name, [part for at, part in enumerate(other.args[name]) if at != index])
    return other


def _named(column: Any, name: str) -> Any:
    other = column.copy()
    other.set("this", exp.to_identifier(name))
    return other
