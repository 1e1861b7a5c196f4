"""Numbers for expressions to many digits, with mpmath.

What isn't elementary (an unknown function, an integral) becomes a number derived from its parts, so that equal parts still
give equal numbers. If digits can't tell a value from its neighbor, `absorbed` says so.
"""

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from rlvr.verifiers.expressions.errors import NoValue
from rlvr.verifiers.expressions.exact import MAX_EXPONENT, exact, falling, monomial, written_out
from rlvr.verifiers.expressions.modular import PRIME, draw
from rlvr.verifiers.expressions.syntax import Node, num, sym, word_set

_NO_NUMBER = word_set("text rel pm or matrix row set tuple interval builder union inter minus list")
Number = Any  # an mpmath number


@functools.cache
def context(dps: int) -> Any:
    """An mpmath context with `dps` decimal digits, apart from mpmath's global one."""
    import mpmath

    own = mpmath.MPContext()
    own.dps = dps
    return own


def to_fraction(value: Number, max_exponent: int) -> Fraction:
    """A real mpmath number as a fraction. Raises NoValue if its binary exponent is over `max_exponent` in size."""
    sign, mantissa, exponent, _ = value._mpf_
    if abs(exponent) > max_exponent:
        raise NoValue("too large")
    return Fraction(-mantissa if sign else mantissa) * Fraction(2) ** int(exponent)


def real_power(mp: Any, base: Number, exponent: Number, exponent_tree: Node) -> Number | None:
    """The real power of a negative number whose exponent is rational with an odd denominator: (-8)^(1/3) is -2.

    `mp` is the context of the numbers; `exponent_tree` is the exponent before it was evaluated. None for all others.
    """
    if not (isinstance(base, mp.mpf) and base < 0):
        return None
    try:
        rational = exact(exponent_tree)
    except NoValue:
        return None
    if rational.denominator % 2 == 0:
        return None
    root = abs(base) ** exponent
    return -root if rational.numerator % 2 else root


class Digits:
    """Evaluates with `dps` decimal digits. `absorbed` is set if a term vanished beside a much larger one."""

    def __init__(self, dps: int) -> None:
        self.mp = context(dps)
        self.dps = dps
        self.absorbed = False

    def value(self, node: Node, names: dict[str, Number]) -> Number:
        """The value of `node`, real or complex, with `names` for its variables. Raises NoValue if it has none within the limits."""
        try:
            result = self._value(node, names)
        except (ZeroDivisionError, ValueError, OverflowError, TypeError) as error:
            raise NoValue(str(error)) from None
        return self._checked(result)

    def _checked(self, value: Number) -> Number:
        if not self.mp.isfinite(value):
            raise NoValue("not finite")
        if value != 0 and abs(self.mp.mag(value)) > 4 * MAX_EXPONENT:
            raise NoValue("too large")
        if isinstance(value, self.mp.mpc) and abs(value.imag) <= abs(value.real) * self.mp.mpf(10) ** (20 - self.dps):
            return value.real
        return value

    def _value(self, node: Node, names: dict[str, Number]) -> Number:
        head, args, mp = node.head, node.args, self.mp
        if head == "num":
            return mp.mpf(args[0].numerator) / args[0].denominator
        if head == "sym":
            return self._symbol(args[0], names)
        if head in ("sum", "prod", "int", "lim"):
            return self._big(node, names)
        if head == "apply":
            return self._opaque("apply", args[0].args[0], *(self.value(a, names) for a in args[1:]))
        if head == "unit":
            if args[1] == "deg":
                return self.value(args[0], names) * mp.pi / 180
            raise NoValue("a unit")
        if head == "set" and len(args) == 1:
            return self.value(args[0], names)
        if head == "binom" and (product := falling(args)) is not None:
            return self.value(product, names)
        if head in ("lcm", "gcd") and (product := monomial(node)) is not None:
            return self.value(product, names)
        if head in _NO_NUMBER:
            raise NoValue(f"a {head} is not a number")
        if head == "marked":
            return self._opaque("marked", args[0].args[0], repr(args[1]))
        if head == "det":
            return self._determinant(args[0], names)
        v = [self.value(a, names) for a in args]
        if head == "add":
            return self._sum(v)
        if head == "pow":
            return self._power(v[0], v[1], args[1])
        if head == "root":
            return self._power(v[0], 1 / v[1], Node("div", (num(1), args[1])))
        function = self._functions.get(head)
        if function is None:
            return self._opaque(head, *v)
        return function(*v)

    def _symbol(self, name: str, names: dict[str, Number]) -> Number:
        mp = self.mp
        if name in names:
            return names[name]
        if name == "pi":
            return mp.pi + 0
        if name == "e":
            return mp.e + 0
        if name == "i":
            return mp.mpc(0, 1)
        raise NoValue(f"{name} has no number")

    def _sum(self, v: list[Number]) -> Number:
        total = self.mp.fsum(v)
        largest = max(abs(x) for x in v)
        if largest == 0:
            return total
        if any(x != 0 and abs(x) < largest * self.mp.mpf(10) ** (-self.dps // 3) for x in v):
            self.absorbed = True
        return self.mp.mpf(0) if abs(total) < largest * self.mp.mpf(10) ** (20 - self.dps) else total

    def _power(self, base: Number, exponent: Number, shape: Node) -> Number:
        mp = self.mp
        if base == 0:
            if not mp.re(exponent) > 0:
                raise NoValue("zero to a power that isn't positive")
            return mp.mpf(0)
        size = abs(exponent) * (abs(mp.mag(base)) + 1)
        if size > MAX_EXPONENT:
            raise NoValue("too large a power")
        root = real_power(mp, base, exponent, shape)
        if root is not None:
            return root
        self.absorbed |= self._tiny(exponent)
        if isinstance(exponent, mp.mpf) and exponent == int(exponent):
            return base ** int(exponent)
        return mp.power(base, exponent)

    def _tiny(self, x: Number) -> bool:
        """So small that a function of it can't be told from its value at 0."""
        return bool(x != 0 and abs(x) < self.mp.mpf(10) ** (-self.dps // 3))

    @functools.cached_property
    def _functions(self) -> dict[str, Callable[..., Number]]:
        mp = self.mp

        def small(function: Callable[..., Number], limit: float, flat: float = math.inf) -> Callable[..., Number]:
            """Within `limit`; beyond `flat` the function is too near to its asymptote to tell them apart."""

            def call(x: Number) -> Number:
                if abs(x) > limit:
                    raise NoValue("too large an argument")
                self.absorbed |= abs(x) > flat or self._tiny(x)
                return function(x)

            return call

        def real(x: Number) -> Number:
            if isinstance(x, mp.mpc):
                raise NoValue("not real")
            return x

        def log(x: Number) -> Number:
            if x == 0:
                raise NoValue("the logarithm of zero")
            return mp.log(x)

        def factorial(x: Number) -> Number:
            if isinstance(x, mp.mpc) or not -1 < x <= 10_000:
                raise NoValue("no factorial")
            return mp.factorial(x)

        def rounded(function: Callable[[Number], Number]) -> Callable[[Number], Number]:
            def call(x: Number) -> Number:
                near = mp.nint(real(x))
                if abs(mp.mag(x)) > 3 * self.dps and x != 0:
                    raise NoValue("too large to round")
                return near if abs(x - near) < mp.mpf(10) ** (20 - self.dps) else function(x)

            return call

        def modulo(x: Number, y: Number) -> Number:
            return real(x) - real(y) * rounded(mp.floor)(x / y)

        trig = {n: small(getattr(mp, n), 1e30) for n in ("sin", "cos", "tan", "cot", "sec", "csc")}
        hyperbolic = {
            n: small(getattr(mp, n), 1e5, self.dps / 2) for n in ("sinh", "cosh", "tanh", "coth", "sech", "csch")
        }
        inverse = {
            n: small(getattr(mp, n), 10.0**100, 10.0 ** (self.dps / 4))
            for n in ("asin", "acos", "atan", "acot", "asinh", "acosh", "atanh", "asec", "acsc")
        }
        return {
            **trig, **hyperbolic, **inverse,
            "mul": lambda *v: mp.fprod(v), "neg": lambda x: -x, "div": lambda x, y: x / y, "exp": small(mp.exp, 1e5),
            "log": log, "log10": lambda x: log(x) / mp.log(10), "logbase": lambda x, b: log(x) / log(b),
            "abs": abs, "norm": abs, "fact": factorial, "percent": lambda x: x / 100, "mixed": lambda x, y: x + y,
            "based": lambda x, _: x, "bracket": lambda x: x, "ratio": lambda x, y: x / y, "mod": modulo,
            "floor": rounded(mp.floor), "ceil": rounded(mp.ceil), "max": lambda *v: max(map(real, v)),
            "min": lambda *v: min(map(real, v)), "Re": mp.re, "Im": mp.im,
            "sgn": lambda x: mp.sign(real(x)), "sign": lambda x: mp.sign(real(x)),
            "gcd": self._lattice, "lcm": lambda *v: self._lattice(*v, common=True),
        }  # fmt: skip

    def _lattice(self, *v: Number, common: bool = False) -> Number:
        """gcd and lcm of numbers that aren't rational: opaque, but the order doesn't count."""
        return self._opaque("lcm" if common else "gcd", *sorted(self.mp.nstr(x, 20) for x in v))

    def _determinant(self, matrix: Node, names: dict[str, Number]) -> Number:
        rows = [[self.value(cell, names) for cell in row.args] for row in matrix.args]
        if len(rows) != len(rows[0]) or len(rows) > 8:
            raise NoValue("no determinant")
        return self.mp.det(self.mp.matrix(rows))

    def _big(self, node: Node, names: dict[str, Number]) -> Number:
        """A short sum is written out; anything else is derived from its parts at some points of the bound variable."""
        head, args = node.head, node.args
        if head in ("sum", "prod"):
            try:
                return self.value(written_out(node), names)
            except NoValue:
                pass
        if head == "int":
            body, variable, bounds = args[0], args[1].args[0], args[2:]
        elif head == "lim":
            lower = args[1].args[0] if args[1].head == "side" else args[1]
            if lower.head != "rel" or lower.args[1].head != "sym":
                raise NoValue("no limit")
            body, variable, bounds = args[0], lower.args[1].args[0], (lower.args[2],)
            if variable not in _free(body):
                return self.value(body, names)
        else:
            if args[1].head != "rel" or args[1].args[1].head != "sym":
                raise NoValue("no bounds")
            body, variable, bounds = args[0], args[1].args[1].args[0], (args[1].args[2], args[2])
        inside = [self.value(body, names | {variable: self.mp.mpf(p) / 16}) for p in (37, 53, 101)]
        outside = [self._bound(b, names) for b in bounds]
        side = args[1].args[1].args[0] if head == "lim" and args[1].head == "side" else ""
        return self._opaque(head, *inside, *outside, side)

    def _bound(self, node: Node, names: dict[str, Number]) -> Number | str:
        if node == sym("") or "infty" in repr(node):
            return repr(node)
        return self.value(node, names)

    def _opaque(self, *parts: object) -> Number:
        """A number for what isn't computed: equal parts, equal number."""
        words = [self.mp.nstr(p, 20) if isinstance(p, (self.mp.mpf, self.mp.mpc)) else str(p) for p in parts]
        return self.mp.mpf(draw(*words)) / PRIME + 1


def _free(node: Node) -> set[str]:
    if node.head == "sym":
        return {node.args[0]}
    return set().union(*(_free(a) for a in node.args if isinstance(a, Node)))
