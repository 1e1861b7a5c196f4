"""What parsing and evaluating raise: each says that a text has no value that we would vouch for."""


class ParseError(ValueError):
    """The text is no mathematics that the parser knows, or it is over a limit."""


class NoValue(ArithmeticError):
    """The expression has no number here: undefined, not exact, or too large to compute."""
