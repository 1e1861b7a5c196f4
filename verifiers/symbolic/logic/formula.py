"""Propositional formulas: a closed grammar in words, symbols and LaTeX, and functions on formulas.

`not` binds strongest, then `and`, `or`, `xor`, `->` (to the right), `<->`.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rlvr.verifiers.symbolic.fields import Unreadable, short
from rlvr.verifiers.symbolic.final_answer import load

MAX_LENGTH = 4000  # characters
MAX_DEPTH = 200  # also of a chain of operators
MAX_VARIABLES = 200
MAX_NAME = 32

_GRAMMAR = r"""
?start: iff
?iff: implies | iff _IFF implies
?implies: xor | xor _IMPLIES implies
?xor: or | xor _XOR or
?or: and | or _OR and
?and: unary | and _AND unary
?unary: _NOT unary -> not | atom
?atom: NAME -> var | _TRUE -> true | _FALSE -> false | "(" iff ")" | "[" iff "]"

_NOT.2: /¬|~|!|\\l?neg\b|\\lnot\b|not\b/i
_AND.2: /∧|&&?|\/\\|\\land\b|\\wedge\b|and\b/i
_OR.2: /∨|\|\|?|\\\/|\\lor\b|\\vee\b|or\b/i
_XOR.2: /⊕|\\oplus\b|xor\b/i
_IMPLIES.2: /→|⇒|-+>|=+>|\\to\b|\\implies\b|\\rightarrow\b|implies\b/i
_IFF.2: /↔|⇔|<-+>|<=+>|\\iff\b|\\leftrightarrow\b|iff\b|if[ ]and[ ]only[ ]if\b/i
_TRUE.2: /⊤|\\top\b|true\b/i
_FALSE.2: /⊥|\\bot\b|false\b/i
NAME: /[A-Za-z][A-Za-z0-9_]*/
%ignore /[ \t\r\n]+/
"""


Operator = Literal["var", "true", "false", "not", "and", "or", "xor", "implies", "iff"]
_OPERATORS: tuple[Operator, ...] = ("true", "false", "not", "and", "or", "xor", "implies", "iff")  # of the grammar


@dataclass(frozen=True, slots=True)
class Formula:
    """A node of a formula. `size` counts the variables' occurrences."""

    op: Operator
    parts: tuple["Formula", ...] = ()
    name: str = ""
    depth: int = 1
    size: int = 0


def var(name: str) -> Formula:
    """A variable."""
    return Formula("var", name=name, size=1)


def make(op: Operator, *parts: Formula) -> Formula:
    """The formula of an operator and its operands."""
    return Formula(op, parts, "", 1 + max((p.depth for p in parts), default=0), sum(p.size for p in parts))


def parse(text: str) -> Formula:
    """The formula that `text` spells. Raises Unreadable for anything else, and over a limit."""
    if len(text) > MAX_LENGTH:
        raise Unreadable(f"the formula has {len(text)} characters, more than {MAX_LENGTH}")
    parser, error = _parser()
    try:
        formula: Formula = parser.parse(text)
    except error:
        raise Unreadable(f"{short(text)} is not a formula") from None
    if formula.depth > MAX_DEPTH:
        raise Unreadable(f"the formula is nested {formula.depth} deep, more than {MAX_DEPTH}")
    names = variables(formula)
    if len(names) > MAX_VARIABLES or any(len(name) > MAX_NAME for name in names):
        raise Unreadable(f"a formula has at most {MAX_VARIABLES} variables of at most {MAX_NAME} letters")
    return formula


@functools.cache
def _parser() -> tuple[Any, type[Exception]]:
    lark = load("lark", "lark")
    ops: dict[str, Any] = {op: functools.partial(_node, op) for op in _OPERATORS}
    builder = type(
        "Builder", (), {**{op: staticmethod(make_node) for op, make_node in ops.items()}, "var": staticmethod(_var)}
    )
    # The basic lexer: with the contextual one a keyword in a wrong place would be a variable.
    return lark.Lark(_GRAMMAR, parser="lalr", lexer="basic", transformer=builder()), lark.exceptions.LarkError


def _node(op: Operator, children: list[Formula]) -> Formula:
    return make(op, *children)


def _var(children: list[Any]) -> Formula:
    return var(str(children[0]))


def variables(formula: Formula) -> set[str]:
    """The names of the variables in a formula."""
    names: set[str] = set()
    todo = [formula]
    while todo:
        node = todo.pop()
        if node.op == "var":
            names.add(node.name)
        todo += node.parts
    return names


def holds(formula: Formula, values: Mapping[str, bool]) -> bool:
    """The truth value; every variable must have one."""
    match formula.op:
        case "var":
            return values[formula.name]
        case "true" | "false":
            return formula.op == "true"
    first, *rest = (holds(part, values) for part in formula.parts)
    match formula.op:
        case "not":
            return not first
        case "and":
            return first and all(rest)
        case "or":
            return first or any(rest)
        case "implies":
            return not first or rest[0]
        case "iff":
            return first == rest[0]
    return first != rest[0]


def form_problem(formula: Formula, form: str) -> str:
    """Why the formula is not in the normal form `nnf`, `cnf` or `dnf`, or ""."""
    todo = [(formula, 0)]  # a node and the level of the outermost operator that it may still have
    levels = {"cnf": ("and", "or"), "dnf": ("or", "and")}.get(form)
    while todo:
        node, level = todo.pop()
        if node.op == "not" and node.parts[0].op != "var":
            return f"not in {form}: a negation applies to more than a variable"
        if node.op in ("implies", "iff", "xor"):
            return f"not in {form}: it has {node.op}"
        if node.op in ("and", "or"):
            if levels is not None:
                level = max(level, levels.index(node.op))
                if levels[level] != node.op:
                    return f"not in {form}: {node.op} inside {levels[1]}"
            todo += [(part, level) for part in node.parts]
    return ""
