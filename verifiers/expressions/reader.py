"""Reading tokens: where the parser is, what comes next, and how deep it may nest."""

from collections.abc import Callable

from rlvr.verifiers.expressions.errors import ParseError
from rlvr.verifiers.expressions.lexer import END, Token
from rlvr.verifiers.expressions.syntax import Node

MAX_DEPTH = 40


class Reader:
    def __init__(self, found: list[Token]) -> None:
        self.found = found
        self.at = 0
        self.depth = 0
        self.bars = 0  # open |…|
        self.no_bar = 0  # inside \{x | …\}: a bar is no absolute value

    @property
    def token(self) -> Token:
        return self.found[self.at] if self.at < len(self.found) else END

    def peek(self, ahead: int = 1) -> Token:
        return self.found[self.at + ahead] if self.at + ahead < len(self.found) else END

    def next(self) -> Token:
        token = self.token
        self.at += 1
        return token

    def accept(self, *values: str) -> bool:
        if self.token.value in values and self.token.kind in ("op", "cmd"):
            self.at += 1
            return True
        return False

    def expect(self, value: str) -> None:
        if not self.accept(value):
            raise ParseError(f"expected {value!r}, found {self.token.value!r}")

    def nested(self, read: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ParseError("nested too deeply")
        node = read()
        self.depth -= 1
        return node

    # ---- what the layers above define ----------------------------------------------------------------------------

    def statement(self) -> Node:
        raise NotImplementedError

    def commas(self) -> Node:
        raise NotImplementedError

    def relation(self) -> Node:
        raise NotImplementedError

    def sets(self) -> Node:
        raise NotImplementedError

    def sum(self) -> Node:
        raise NotImplementedError

    def product(self) -> Node:
        raise NotImplementedError

    def implicit(self, stop_at_functions: bool = False) -> Node:
        raise NotImplementedError

    def command(self) -> Node:
        raise NotImplementedError

    def sub_parser(self, found: list[Token]) -> "Reader":
        """A parser of the same kind for some of the tokens, as deep as this one and one more."""
        made = type(self)(found)
        made.depth = self.depth + 1
        if made.depth > MAX_DEPTH:
            raise ParseError("nested too deeply")
        return made
