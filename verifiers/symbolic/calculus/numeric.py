"""Values of expressions to many digits, with mpmath: the arithmetic that calculus answers are checked with.

Every step takes bounded time: magnitudes are limited, and heads that aren't listed have no value. `lost` says that
a term vanished beside a larger one, or that terms canceled: then the digits prove nothing, and more are needed.
"""

import functools
from collections.abc import Callable, Mapping
from fractions import Fraction

from rlvr.verifiers.expressions.digits import Number, context, real_power
from rlvr.verifiers.expressions.errors import NoValue
from rlvr.verifiers.expressions.syntax import Node, word_set

DIGITS = 60
MORE_DIGITS = 400  # if the first attempt lost some
MAX_MAGNITUDE = 1000  # binary digits before the point, of the argument of a function or a power
LOST = 20  # digits: a part that is smaller than the whole by more than that is lost
LOST_OF_MORE = 100

_PLAIN = word_set(
    "sin cos tan cot sec csc sinh cosh tanh coth sech csch asin acos atan acot asinh acosh atanh asec acsc"
)
_ASYMPTOTIC = word_set("tanh coth atan acot")  # flat far out
HEADS = _PLAIN | word_set("num sym add mul neg div pow root exp log log10 logbase abs mixed bracket")


class Numeric:
    """Evaluates trees with `dps` decimal digits, and sets `lost` if a part is smaller than the whole by `lost` digits.

    Compare values to more than `lost` digits: then no part of one goes unnoticed.
    """

    def __init__(self, dps: int = DIGITS, lost: int = LOST) -> None:
        self.mp = context(dps)
        self.lost = False
        self._small = self.mp.mpf(10) ** -lost

    def value(self, node: Node, names: Mapping[str, Number]) -> Number:
        """The value of `node`, real or complex, with `names` for its variables. Raises NoValue if it has none within the limits."""
        try:
            result = self._value(node, names)
        except (ZeroDivisionError, ValueError, OverflowError, TypeError) as error:
            raise NoValue(str(error)) from None
        if not self.mp.isfinite(result):
            raise NoValue("not finite")
        if isinstance(result, self.mp.mpc) and result.imag == 0:
            return result.real
        return result

    def number(self, value: Fraction) -> Number:
        """`value` as an mpmath number."""
        return self.mp.mpf(value.numerator) / value.denominator

    def numbers(self, values: Mapping[str, Fraction]) -> dict[str, Number]:
        """`values` as mpmath numbers."""
        return {name: self.number(value) for name, value in values.items()}

    def derivative(self, node: Node, names: Mapping[str, Number], variable: str, at: Number, order: int = 1) -> Number:
        """The derivative of `order` at a point, by finite differences with digits to spare (mpmath.diff). Raises NoValue."""
        if order == 0:
            return self.value(node, {**names, variable: at})
        derivative = self.mp.diff(lambda t: self.value(node, {**names, variable: t}), at, order)
        if not self.mp.isfinite(derivative):
            raise NoValue("no derivative")
        return derivative

    def _value(self, node: Node, names: Mapping[str, Number]) -> Number:
        head, args, mp = node.head, node.args, self.mp
        if head == "num":
            return mp.mpf(args[0].numerator) / args[0].denominator
        if head == "sym":
            return self._symbol(args[0], names)
        if head not in HEADS:
            raise NoValue(f"no value for {head}")
        v = [self.value(a, names) for a in args]
        if head == "add":
            return self._sum(v)
        if head == "mul":
            return mp.fprod(v)
        if head == "neg":
            return -v[0]
        if head == "div":
            return v[0] / v[1]
        if head == "mixed":
            return v[0] + v[1]
        if head == "bracket":
            return v[0]
        if head == "pow":
            return self._power(v[0], v[1], args[1])
        if head == "root":
            return self._power(v[0], 1 / v[1], Node("div", (Node("num", (1, None)), args[1])))
        return self._functions[head](*v)

    def _symbol(self, name: str, names: Mapping[str, Number]) -> Number:
        if name in names:
            return names[name]
        constants = {"pi": self.mp.pi, "e": self.mp.e}
        if name in constants:
            return +constants[name]
        raise NoValue(f"{name} has no number")

    def _sum(self, v: list[Number]) -> Number:
        total = self.mp.fsum(v)
        limit = max(abs(x) for x in v) * self._small
        self.lost |= any(x != 0 and abs(x) < limit for x in v) or abs(total) < limit
        return total

    def _power(self, base: Number, exponent: Number, shape: Node) -> Number:
        mp = self.mp
        if base == 0:
            if not mp.re(exponent) > 0:
                raise NoValue("zero to a power that isn't positive")
            return mp.mpf(0)
        if exponent == 0:
            return mp.mpf(1)
        if mp.mag(exponent) + abs(mp.mag(base)).bit_length() > MAX_MAGNITUDE:
            raise NoValue("too large a power")
        self.lost |= bool(abs(exponent) < self._small)
        root = real_power(mp, base, exponent, shape)
        return mp.power(base, exponent) if root is None else root

    @functools.cached_property
    def _functions(self) -> dict[str, Callable[..., Number]]:
        mp = self.mp

        def guarded(name: str) -> Callable[[Number], Number]:
            function = getattr(mp, name)

            def call(x: Number) -> Number:
                if x != 0:
                    size = mp.mag(x)
                    if size > MAX_MAGNITUDE:
                        raise NoValue("too large an argument")
                    self.lost |= bool(abs(x) < self._small)
                    if name in _ASYMPTOTIC:
                        self.lost |= bool(size > 60 or (name in ("tanh", "coth") and abs(x) > 20))
                return function(x)

            return call

        def log(x: Number) -> Number:
            if x == 0:
                raise NoValue("the logarithm of zero")
            return mp.log(x)

        return {
            **{name: guarded(name) for name in (*_PLAIN, "exp")},
            "log": log, "log10": lambda x: log(x) / mp.log(10), "logbase": lambda x, b: log(x) / log(b), "abs": abs,
        }  # fmt: skip
