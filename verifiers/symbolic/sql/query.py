"""Reads a query with sqlglot: one SELECT statement over the tables of the question, and the constants in it."""

import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

from rlvr.verifiers.symbolic.fields import Unreadable, short
from rlvr.verifiers.symbolic.final_answer import load
from rlvr.verifiers.symbolic.sql.schema import Hints, Tables

MAX_LENGTH = 5_000  # characters
MAX_OPEN = 60  # parentheses and CASEs that are open at once
MAX_TOKENS = 1_500


class Query(NamedTuple):
    """`text` is what is run, `tree` what sqlglot read; `uses` are the tables in it, `hints` the constants."""

    text: str
    tree: Any
    uses: frozenset[str]
    hints: Hints

    def normal(self, dialect: str) -> str:
        """The query as sqlglot writes it, or unchanged if sqlglot can't."""
        try:
            return str(self.tree.sql(dialect=dialect, comments=False))
        except (load("sqlglot", "sqlglot").errors.SqlglotError, RecursionError, ValueError):
            return self.text


def read(text: str, tables: Tables, dialect: str) -> Query:
    """The query in `text`. Raises Unreadable for anything but one SELECT statement over the tables, and over a limit."""
    if len(text) > MAX_LENGTH:
        raise Unreadable(f"the query has {len(text)} characters, more than {MAX_LENGTH}")
    sqlglot = load("sqlglot", "sqlglot")
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns about statements that it knows by name only
    exp = sqlglot.exp
    text = text.strip().rstrip("; \t\r\n")
    try:
        _refuse_bombs(sqlglot.tokenize(text, read=dialect))
        statements = [statement for statement in sqlglot.parse(text, read=dialect) if statement is not None]
    except (sqlglot.errors.SqlglotError, RecursionError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        problems = getattr(error, "errors", None) or [{"description": str(error)}]
        raise Unreadable(f"{short(text)} is not a query: {problems[0]['description']!s:.100}") from None
    if len(statements) != 1:
        raise Unreadable(f"{len(statements)} statements, not one")
    tree = statements[0]
    if not isinstance(tree, exp.Query) or isinstance(tree, (exp.DDL, exp.DML)):
        raise Unreadable(f"a {type(tree).__name__.upper()} statement, not a SELECT")
    table_names = {name.lower() for name in tables}
    own_names = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    uses = set()
    for node in tree.walk():
        if isinstance(node, (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock)):
            raise Unreadable(f"a query with {type(node).__name__.upper()} in it")
        if isinstance(node, (exp.Placeholder, exp.Parameter)):
            raise Unreadable("a query with a parameter in it")
        if isinstance(node, exp.Table):
            if node.db or not isinstance(node.this, exp.Identifier):
                raise Unreadable(f"{short(node.sql(dialect))} is not one of the tables")
            if node.name.lower() not in table_names | own_names:
                raise Unreadable(f"there is no table {short(node.name)}")
            uses.add(node.name.lower())
    return Query(text, tree, frozenset(name for name in tables if name.lower() in uses), _hints(tree, exp))


def same_words(first: Query, second: Query, dialect: str) -> bool:
    """Whether they differ in nothing but white space, comments and the letter case of what isn't quoted."""
    return _words(first.text, dialect) == _words(second.text, dialect)


def _words(text: str, dialect: str) -> list[tuple[str, str]]:
    tokens = load("sqlglot", "sqlglot").tokenize(text, read=dialect)
    kinds = [token.token_type.name for token in tokens]
    return [
        (kind, token.text if "STRING" in kind or kind == "IDENTIFIER" else token.text.lower())
        for kind, token in zip(kinds, tokens, strict=True)
    ]


def _refuse_bombs(tokens: Any) -> None:
    """Raises Unreadable for what would make a parser slow."""
    if len(tokens) > MAX_TOKENS:
        raise Unreadable(f"the query has {len(tokens)} words, more than {MAX_TOKENS}")
    depth = prefix = 0
    for token in tokens:
        word = token.text.upper()
        depth += (word in ("(", "CASE")) - (word in (")", "END"))
        prefix = prefix + 1 if word in ("NOT", "-", "+", "~") else 0
        if depth > MAX_OPEN or prefix > MAX_OPEN:
            raise Unreadable(f"the query is nested more than {MAX_OPEN} deep")


def _hints(tree: Any, exp: Any) -> Hints:
    """The constants of the query, by the column that they are compared with."""
    hints: dict[str, dict[Any, None]] = {}
    for literal in tree.find_all(exp.Literal):
        if isinstance(literal.parent, (exp.Limit, exp.Offset)):
            continue
        value = _value(literal)
        if value is None:
            continue
        comparison = literal.find_ancestor(exp.Predicate, exp.In, exp.Between)
        columns = list(comparison.find_all(exp.Column)) if comparison is not None else []
        for name in {column.name.lower() for column in columns[:4]} or {""}:
            hints.setdefault(name, {})[value] = None
    return {name: tuple(values) for name, values in hints.items()}


def _value(literal: Any) -> Any:
    text = str(literal.this)
    if literal.is_string:
        return text if len(text) <= 60 else None
    try:
        value = float(text)
    except ValueError:
        return None
    if literal.parent is not None and type(literal.parent).__name__ == "Neg":
        value = -value
    return (int(value) if value.is_integer() else value) if abs(value) < 1e9 else None


def merged(gold: Hints, own: Hints) -> Hints:
    """The constants of two queries, those of the second first."""
    return {name: tuple(dict.fromkeys([*own.get(name, ()), *gold.get(name, ())])) for name in _names(gold, own)}


def _names(*all_hints: Hints) -> Iterator[str]:
    yield from dict.fromkeys(name for hints in all_hints for name in hints)
