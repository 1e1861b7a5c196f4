"""The points at which functions are compared: drawn from the texts, so that nobody can choose an answer to suit them."""

from collections.abc import Callable, Iterator
from fractions import Fraction

from rlvr.verifiers.expressions.digits import Number
from rlvr.verifiers.expressions.errors import NoValue
from rlvr.verifiers.expressions.modular import draw
from rlvr.verifiers.symbolic.calculus.numeric import DIGITS, LOST, LOST_OF_MORE, MORE_DIGITS, Numeric

POINTS = 6
# Digits of the arithmetic; digits by which a lost part is smaller; digits that must agree, more than the latter.
PRECISIONS = ((DIGITS, LOST, 25), (MORE_DIGITS, LOST_OF_MORE, 150))
MAX_LOST = 3  # points at which digits don't suffice
Function = Callable[[Numeric, Number], Number]
Domain = tuple[Fraction | None, Fraction | None]
TRIES = 60
REACHES = (4, Fraction(1, 2), 1, 4, 60, Fraction(1, 20))
ENOUGH = 4


class ProblemError(ValueError):
    """The problem itself is wrong: no verdict on the answer."""


class Lost(ArithmeticError):
    """Too many digits cancel for a decision."""


def unit(*parts: object) -> Fraction:
    """A number in (0, 1) that depends on `parts`."""
    return Fraction(draw(*parts) % (1 << 40) + 1, (1 << 40) + 2)


def drawn(domain: Domain, salt: str) -> Iterator[Fraction]:
    """Points in the domain: within some reach of its finite end or of 0."""
    low, high = domain
    for index in range(TRIES):
        x, reach = unit(salt, index), REACHES[index % len(REACHES)]
        if low is not None and high is not None:
            yield low + (high - low) * x
        elif low is not None:
            yield low + x * reach
        elif high is not None:
            yield high - x * reach
        else:
            yield (2 * x - 1) * reach


def same_function(
    expected: Function,
    answer: Function,
    domain: Domain,
    salt: str,
    real: bool = False,
) -> str | None:
    """None if the functions agree wherever `expected` is real, else where they differ and how.

    `salt` chooses the points in `domain`; `real`: the answer must be real there. Raises ProblemError if `expected` has too
    few real values in the domain, Lost if the digits don't suffice.
    """
    good = lost = 0
    for at in drawn(domain, salt):
        try:
            values = _at(at, expected, answer)
        except _NoAnswer as error:
            return str(error)
        if values is None:
            continue
        numeric, x, right, given, digits = values
        if numeric.lost:
            lost += 1
            if lost == MAX_LOST:
                break
            continue
        if real and isinstance(given, numeric.mp.mpc):
            return f"it isn't real at {_shown(x)}"
        if not agree(numeric, right, given, digits):
            return f"at {_shown(x)} it gives {_shown(given)}, and {_shown(right)} is right"
        good += 1
        if good == POINTS:
            return None
    if good >= ENOUGH and lost < MAX_LOST:
        return None
    if lost:
        raise Lost("the digits cancel at the points where it is checked")
    raise ProblemError("the problem has no real values in its domain")


class _NoAnswer(ArithmeticError):
    """The answer has no value at a point where the problem has one."""


def _at(at: Fraction, expected: Function, answer: Function) -> tuple[Numeric, Number, Number, Number, int] | None:
    """Both values at a point, with more digits if some are lost; None if `expected` isn't real there."""
    values = None
    for dps, lost, digits in PRECISIONS:
        numeric = Numeric(dps, lost)
        x = numeric.number(at)
        try:
            right = expected(numeric, x)
        except NoValue:
            return None
        if isinstance(right, numeric.mp.mpc):
            return None
        numeric.lost = False  # only the answer's digits are in doubt
        try:
            values = numeric, x, right, answer(numeric, x), digits
        except NoValue as error:
            raise _NoAnswer(f"it has no value at {_shown(x)} ({error})") from None
        if not numeric.lost:
            break
    return values


def agree(numeric: Numeric, x: Number, y: Number, digits: int) -> bool:
    """Whether two numbers agree to `digits` decimal digits, or are both practically zero."""
    mp = numeric.mp
    largest = max(abs(x), abs(y))
    return bool(abs(x - y) <= largest * mp.mpf(10) ** -digits or largest < mp.mpf(10) ** -(digits + 20))


def _shown(value: Number) -> str:
    import mpmath

    return str(mpmath.nstr(value, 6))
