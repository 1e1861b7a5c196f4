"""Reads tokens: the parser's position, what comes next, and how deeply it may nest."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from rlvr.verifiers.expressions.errors import ParseError
from rlvr.verifiers.expressions.lexer import END, Token
from rlvr.verifiers.expressions.syntax import Node

MAX_DEPTH = 40


class Reader(ABC):
    """The state of one parse: the tokens, the position, and what is open around it."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.bars = 0  # open |…|
        self.no_bar = 0  # inside \{x | …\}: a bar is not an absolute value

    @property
    def token(self) -> Token:
        """The next token; END after the last."""
        return self.tokens[self.at] if self.at < len(self.tokens) else END

    def peek(self, ahead: int = 1) -> Token:
        """A token further ahead; END after the last."""
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else END

    def next(self) -> Token:
        """Read one token; END after the last."""
        token = self.token
        self.at += 1
        return token

    def accept(self, *values: str) -> bool:
        """Read the sign or command if it is one of `values`, and say whether it was."""
        if self.token.value in values and self.token.kind in ("op", "cmd"):
            self.at += 1
            return True
        return False

    def expect(self, value: str) -> None:
        """Read the sign or command `value`. Raises ParseError for any other token."""
        if not self.accept(value):
            raise ParseError(f"expected {value!r}, found {self.token.value!r}")

    def nested(self, read: Callable[[], Node]) -> Node:
        """What `read` reads, one level deeper. Raises ParseError below MAX_DEPTH."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ParseError("nested too deeply")
        node = read()
        self.depth -= 1
        return node

    # ---- what the layers above define ----------------------------------------------------------------------------

    @abstractmethod
    def statement(self) -> Node:
        """A whole answer: items separated by ";", ",", "and", "or". Raises ParseError, as all below do."""

    @abstractmethod
    def commas(self) -> Node:
        """Items separated by ",", "and", "or". Raises ParseError."""

    @abstractmethod
    def relation(self) -> Node:
        """An expression, or a chain of =, <, ≤, ∈, … Raises ParseError."""

    @abstractmethod
    def sets(self) -> Node:
        """An expression, or a union, intersection or difference of sets. Raises ParseError."""

    @abstractmethod
    def sum(self) -> Node:
        """Terms with + and - between them. Raises ParseError."""

    @abstractmethod
    def product(self) -> Node:
        """Factors with *, /, mod between them. Raises ParseError."""

    @abstractmethod
    def implicit(self, stop_at_functions: bool = False) -> Node:
        """Factors side by side. `stop_at_functions`: sin x cos y is two factors. Raises ParseError."""

    @abstractmethod
    def command(self) -> Node:
        """What a LaTeX command begins. Raises ParseError."""

    def sub_parser(self, tokens: list[Token]) -> "Reader":
        """A parser of the same kind for some of the tokens, one level deeper. Raises ParseError below MAX_DEPTH."""
        parser = type(self)(tokens)
        parser.depth = self.depth + 1
        if parser.depth > MAX_DEPTH:
            raise ParseError("nested too deeply")
        return parser
