"""What parsing and evaluating raise: the text has no value that can be relied on."""


class ParseError(ValueError):
    """The text is outside the grammar, or over a limit."""


class NoValue(ArithmeticError):
    """The expression has no number here: undefined, not exact, or too large to compute."""
