"""Where functions are compared: points drawn from the texts, so that nobody can choose an answer for them."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from rlvr.verifiers.math.errors import NoValue
from rlvr.verifiers.math.modular import draw
from rlvr.verifiers.symbolic.calculus.numeric import DIGITS, MORE_DIGITS, Number, Numeric

POINTS = 6
Domain = tuple[Fraction | None, Fraction | None]
TRIES = 60
REACHES = (4, Fraction(1, 2), 1, 4, 60, Fraction(1, 20))
ENOUGH = 4
AGREE = 25  # decimal digits
NOTHING = 45  # below 10^-45 a value may be noise


class ProblemError(ValueError):
    """The problem itself is wrong: no verdict on the answer."""


class Lost(ArithmeticError):
    """Too many digits cancel: nothing can be said."""


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
    ours: Callable[[Numeric, Number], Number],
    theirs: Callable[[Numeric, Number], Number],
    domain: Domain,
    salt: str,
    real: bool = False,
) -> str | None:
    """None where both functions agree wherever `ours` is real, else what differs where.

    Raises ProblemError where `ours` has too few real values in the domain, Lost where digits don't suffice.
    """
    good = 0
    for at in drawn(domain, salt):
        here: Any = None
        for dps in (DIGITS, MORE_DIGITS):
            numeric = Numeric(dps)
            x = numeric.mp.mpf(at.numerator) / at.denominator
            try:
                wanted = ours(numeric, x)
            except NoValue:
                break
            if isinstance(wanted, numeric.mp.mpc):
                break
            numeric.lost = False  # only the answer is under suspicion
            try:
                found = theirs(numeric, x)
            except NoValue as error:
                return f"it has no value at {_shown(x)} ({error})"
            if not numeric.lost:
                here = (numeric, x, wanted, found)
                break
        if here is None:
            continue
        numeric, x, wanted, found = here
        if real and isinstance(found, numeric.mp.mpc):
            return f"it isn't real at {_shown(x)}"
        if not agree(numeric, wanted, found):
            return f"at {_shown(x)} it gives {_shown(found)}, and {_shown(wanted)} is right"
        good += 1
        if good == POINTS:
            return None
    if good >= ENOUGH:
        return None
    raise (
        Lost("the digits cancel at the points where it is checked")
        if _has_values(ours, domain, salt)
        else ProblemError("the problem has no real values in its domain")
    )


def agree(numeric: Numeric, x: Number, y: Number) -> bool:
    mp = numeric.mp
    largest = max(abs(x), abs(y))
    return bool(abs(x - y) <= largest * mp.mpf(10) ** -AGREE or largest < mp.mpf(10) ** -NOTHING)


def _has_values(ours: Callable[[Numeric, Number], Number], domain: Domain, salt: str) -> bool:
    numeric, count = Numeric(), 0
    for at in drawn(domain, salt):
        try:
            value = ours(numeric, numeric.mp.mpf(at.numerator) / at.denominator)
        except NoValue:
            continue
        count += not isinstance(value, numeric.mp.mpc)
    return count >= ENOUGH


def _shown(value: Number) -> str:
    import mpmath

    return str(mpmath.nstr(value, 6))
