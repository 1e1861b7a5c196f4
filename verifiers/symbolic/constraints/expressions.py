"""Constraints over named variables, in a closed expression grammar written like Python's.

Numbers, texts, names, `+ - * / // % **` (small whole exponents), comparisons and their chains, `and or not`, and the
functions `all_different`, `abs`, `min`, `max`, `sum`, `implies`. The constraints come from the problem; a model writes
values only. Values are exact: whole numbers, fractions, texts.
"""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from rlvr.errors import VerifierError
from rlvr.verifiers.symbolic.fields import fail

Value = Fraction | str | bool
MAX_LENGTH = 1000  # characters of a constraint
MAX_DEPTH = 40
MAX_EXPONENT = 8
MAX_BITS = 4096  # of a power's base: digits stay bounded

_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: lambda a, b: Fraction(a // b), ast.Mod: operator.mod,
}  # fmt: skip
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip
_FUNCTIONS = ("all_different", "abs", "min", "max", "sum", "implies")


def parse(text: object) -> ast.expr:
    """The tree of a constraint or an objective. Raises VerifierError for anything outside the grammar."""
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        fail(f"a constraint must be a text of at most {MAX_LENGTH} characters, not {text!r:.80}")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise VerifierError(f"metadata: the constraint {text!r:.80} is not well formed") from None
    _check(tree, text, MAX_DEPTH)
    return tree


def _check(node: ast.expr, text: str, depth: int) -> None:
    children: Sequence[ast.expr]
    match node:
        case _ if not depth:
            fail(f"the constraint {text!r:.80} is nested more than {MAX_DEPTH} deep")
        case ast.Name() | ast.Constant(value=int() | str()):
            children = ()
        case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=int(power))) if 0 <= power <= MAX_EXPONENT:
            children = (node.left,)
        case ast.BinOp() if type(node.op) in _BINARY:
            children = (node.left, node.right)
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            children = (node.operand,)
        case ast.BoolOp():
            children = node.values
        case ast.Compare() if all(type(op) in _COMPARE for op in node.ops):
            children = (node.left, *node.comparators)
        case ast.Call(func=ast.Name(id=name), args=[_, *_], keywords=[]) if name in _FUNCTIONS:
            children = node.args
            if {"abs": 1, "implies": 2}.get(name, len(children)) != len(children):
                fail(f"the constraint {text!r:.80} gives {name} {len(children)} arguments")
        case _:
            fail(f"the constraint {text!r:.80} has {type(node).__name__}, which the grammar does not know")
    for child in children:
        _check(child, text, depth - 1)


def names(node: ast.expr) -> set[str]:
    """The variables of an expression."""
    called = {id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and id(n) not in called}


def evaluate(node: ast.expr, values: Mapping[str, Value]) -> Any:
    """The value of a parsed expression. Raises ZeroDivisionError, and VerifierError if types don't fit."""
    try:
        return _value(node, values)
    except (TypeError, AttributeError) as error:
        raise VerifierError(f"metadata: {ast.unparse(node)[:80]}: {error}") from None


def _value(node: ast.expr, values: Mapping[str, Value]) -> Any:
    match node:
        case ast.Name(id=name):
            return values[name]
        case ast.Constant(value=str() | bool() as value):
            return value
        case ast.Constant(value=int(value)):
            return Fraction(value)
        case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=int(power))):
            base = _value(node.left, values)
            if max(base.numerator.bit_length(), base.denominator.bit_length()) > MAX_BITS:
                raise VerifierError(f"{ast.unparse(node)[:80]}: the power of a number of more than {MAX_BITS} bits")
            return base**power
        case ast.BinOp():
            return _BINARY[type(node.op)](_value(node.left, values), _value(node.right, values))
        case ast.UnaryOp(op=ast.USub()):
            return -_value(node.operand, values)
        case ast.UnaryOp():
            return not _value(node.operand, values)
        case ast.BoolOp(op=ast.And()):
            return all(_value(part, values) for part in node.values)
        case ast.BoolOp():
            return any(_value(part, values) for part in node.values)
        case ast.Compare():
            terms = [_value(term, values) for term in (node.left, *node.comparators)]
            pairs = zip(node.ops, terms, terms[1:], strict=False)
            return all(_COMPARE[type(op)](a, b) for op, a, b in pairs)
        case ast.Call(func=ast.Name(id=name)):
            return _call(name, [_value(part, values) for part in node.args])
    raise AssertionError(node)  # `parse` lets nothing else through


def _call(name: str, arguments: list[Any]) -> Any:
    match name:
        case "all_different":
            return len(set(arguments)) == len(arguments)
        case "abs":
            return abs(arguments[0])
        case "implies":
            return not arguments[0] or bool(arguments[1])
        case "sum":
            return sum(arguments)
    return min(arguments) if name == "min" else max(arguments)
