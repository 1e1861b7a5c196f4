"""Numbers for trees: exactly modulo a prime where the expression is rational, else to many digits with mpmath.

Two expressions that agree at points which nobody could choose beforehand are equal. What isn't elementary (an unknown
function, an integral) becomes a number made from its parts, so that equal parts still give equal numbers.
Nothing here takes long: powers, factorials and sums are refused over a limit, with NoValue.
"""

import functools
import hashlib
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from rlvr.verifiers.math.errors import NoValue
from rlvr.verifiers.math.syntax import Node, contains, num, substitute, sym, word_set

PRIME = (1 << 127) - 1
MAX_BITS = 100_000  # of an exact number
MAX_EXPONENT = 1_000_000
MAX_FACTORIAL = 3_000
MAX_TERMS = 400  # of a sum that is written out
MAX_NESTED_TERMS = 12
_BIG = frozenset({"sum", "prod", "int", "lim"})
_NO_NUMBER = word_set("text rel pm or matrix row set tuple interval builder union inter minus list")
Number = Any  # an mpmath number

_EXACT = frozenset({"num", "sym", "add", "mul", "div", "neg", "pow", "fact", "binom", "percent", "mixed", "based", "mod", "ratio",
                    "floor", "ceil", "abs", "gcd", "lcm", "max", "min", "bracket", "det", "sum", "prod", "root", "set"})  # fmt: skip


def exact(node: Node) -> Fraction:
    """The rational value of an expression without variables. Raises NoValue."""
    head, args = node.head, node.args
    if head == "num":
        return args[0]  # type: ignore[no-any-return]
    if head not in _EXACT or head == "sym":
        raise NoValue("not rational")
    if head in ("sum", "prod"):
        return exact(_written_out(node))
    if head == "det":
        raise NoValue("a determinant")
    values = [exact(a) for a in args]
    result = _exact(head, values)
    if result.numerator.bit_length() + result.denominator.bit_length() > MAX_BITS:
        raise NoValue("too large")
    return result


def _exact(head: str, v: list[Fraction]) -> Fraction:
    if head == "add":
        return sum(v, Fraction(0))
    if head == "mul":
        return math.prod(v, start=Fraction(1))
    if head == "neg":
        return -v[0]
    if head == "div" or (head == "ratio" and len(v) == 2):
        if v[1] == 0:
            raise NoValue("division by zero")
        return v[0] / v[1]
    if head == "pow":
        return _power(v[0], v[1])
    if head == "root":
        if v[1].denominator != 1 or not 1 <= v[1] <= 64:
            raise NoValue("an odd root")
        return _root(v[0], int(v[1]))
    if head == "fact":
        if v[0].denominator != 1 or not 0 <= v[0] <= MAX_FACTORIAL:
            raise NoValue("no factorial")
        return Fraction(math.factorial(int(v[0])))
    if head == "binom":
        if any(x.denominator != 1 for x in v) or not (0 <= v[1] <= v[0] <= MAX_FACTORIAL):
            raise NoValue("no binomial")
        return Fraction(math.comb(int(v[0]), int(v[1])))
    if head == "percent":
        return v[0] / 100
    if head == "mixed":
        return v[0] + v[1]
    if head in ("based", "bracket") or (head == "set" and len(v) == 1):
        return v[0]
    if head == "mod" and len(v) == 2 and v[1] != 0:
        return v[0] - v[1] * math.floor(v[0] / v[1])
    if head == "floor":
        return Fraction(math.floor(v[0]))
    if head == "ceil":
        return Fraction(math.ceil(v[0]))
    if head == "abs":
        return abs(v[0])
    if head == "max" and v:
        return max(v)
    if head == "min" and v:
        return min(v)
    if head in ("gcd", "lcm") and v:
        return _gcd(v) if head == "gcd" else _lcm(v)
    raise NoValue(f"no value for {head}")


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        if exponent.denominator > 64 or abs(exponent) > MAX_EXPONENT:
            raise NoValue("an odd exponent")
        return _power(_root(base, exponent.denominator), Fraction(exponent.numerator))
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if bits * abs(exponent) > MAX_BITS and abs(base) != 1 and base != 0:
        raise NoValue("too large a power")
    if base == 0 and exponent <= 0:
        raise NoValue("zero to a power that isn't positive")
    if abs(base) == 1:
        return Fraction(1) if base == 1 or exponent.numerator % 2 == 0 else Fraction(-1)
    return Fraction(0) if base == 0 else base ** int(exponent)


def _root(value: Fraction, degree: int) -> Fraction:
    """The exact root, where there is one."""
    if value < 0 and degree % 2 == 0:
        raise NoValue("an even root of a negative number")
    sign = -1 if value < 0 else 1
    top, bottom = _integer_root(abs(value.numerator), degree), _integer_root(value.denominator, degree)
    return Fraction(sign * top, bottom)


def _integer_root(value: int, degree: int) -> int:
    if value.bit_length() > 4096:
        raise NoValue("too large a root")
    if value < 2 or degree == 1:
        return value
    root = math.isqrt(value) if degree == 2 else 1 << -(-value.bit_length() // degree)
    while degree != 2:  # Newton's method from above
        smaller = ((degree - 1) * root + value // root ** (degree - 1)) // degree
        if smaller >= root:
            break
        root = smaller
    if root**degree != value:
        raise NoValue("an irrational root")
    return root


def _gcd(v: list[Fraction]) -> Fraction:
    bottom = math.lcm(*(x.denominator for x in v))
    return Fraction(math.gcd(*(int(x * bottom) for x in v)), bottom)


def _lcm(v: list[Fraction]) -> Fraction:
    bottom = math.lcm(*(x.denominator for x in v))
    return Fraction(math.lcm(*(int(x * bottom) for x in v)), bottom)


def _written_out(node: Node) -> Node:
    """A finite sum or product, term by term. Raises NoValue where it has no small whole bounds."""
    body, lower, upper = node.args
    if lower.head != "rel" or lower.args[0] != ("=",) or lower.args[1].head != "sym":
        raise NoValue("no bounds")
    start, end = exact(lower.args[2]), exact(upper)
    if start.denominator != 1 or end.denominator != 1 or not 0 <= end - start <= MAX_TERMS:
        raise NoValue("bounds too far apart")
    if end - start > MAX_NESTED_TERMS and contains(body, _BIG):
        raise NoValue("sums within sums")
    name = lower.args[1].args[0]
    terms = tuple(substitute(body, {name: num(k)}) for k in range(int(start), int(end) + 1))
    return Node("add" if node.head == "sum" else "mul", terms)


def draw(*parts: object) -> int:
    """A whole number below PRIME that depends on `parts` and on nothing else."""
    digest = hashlib.blake2b("\x00".join(str(p) for p in parts).encode(), digest_size=16).digest()
    return int.from_bytes(digest, "big") % PRIME


# ---- modulo a prime ---------------------------------------------------------------------------------------------


def modular(node: Node, salt: str) -> int:
    """The value of a rational expression modulo PRIME, its variables drawn by `salt`. Raises NoValue where it isn't rational."""
    head, args = node.head, node.args
    if head == "num":
        return _mod(args[0])
    if head == "sym":
        if args[0] in ("pi", "e", "i", "infty", "..."):
            raise NoValue("not rational")
        return draw(salt, args[0])
    if head == "pow":
        exponent = exact(args[1])
        if exponent.denominator != 1 or abs(exponent) > MAX_EXPONENT:
            raise NoValue("not rational")
        base = modular(args[0], salt)
        if base == 0 and exponent <= 0:
            raise NoValue("zero to a power that isn't positive")
        return pow(base, int(exponent), PRIME)
    if head == "apply":
        return draw("apply", args[0].args[0], *(modular(a, salt) for a in args[1:]))
    if head == "binom" and (product := _falling(args)) is not None:
        return modular(product, salt)
    if head in ("fact", "binom", "mod", "floor", "ceil", "abs", "gcd", "lcm", "max", "min", "root", "based"):
        return _mod(exact(node))
    if head in ("sum", "prod"):
        return modular(_written_out(node), salt)
    if head not in ("add", "mul", "neg", "div", "percent", "mixed", "ratio", "bracket", "set"):
        raise NoValue("not rational")
    v = [modular(a, salt) for a in args]
    if head == "add":
        return sum(v) % PRIME
    if head == "mul":
        return math.prod(v) % PRIME
    if head == "neg":
        return -v[0] % PRIME
    if head == "percent":
        return v[0] * pow(100, -1, PRIME) % PRIME
    if head == "mixed":
        return (v[0] + v[1]) % PRIME
    if head == "bracket" or (head == "set" and len(v) == 1):
        return v[0]
    if len(v) != 2 or v[1] == 0:
        raise NoValue("division by zero")
    return v[0] * pow(v[1], -1, PRIME) % PRIME


def _mod(value: Fraction) -> int:
    if value.denominator % PRIME == 0:
        raise NoValue("division by zero")
    return value.numerator * pow(value.denominator, -1, PRIME) % PRIME


# ---- to many digits ---------------------------------------------------------------------------------------------


@functools.cache
def _context(dps: int) -> Any:
    import mpmath

    context = mpmath.MPContext()
    context.dps = dps
    return context


class Digits:
    """Evaluates with `dps` digits. `absorbed` is set where a term vanished beside a much larger one."""

    def __init__(self, dps: int) -> None:
        self.mp = _context(dps)
        self.dps = dps
        self.absorbed = False

    def value(self, node: Node, names: dict[str, Number]) -> Number:
        """The number. Raises NoValue where there is none within the limits."""
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
        if head == "binom" and (product := _falling(args)) is not None:
            return self.value(product, names)
        if head in ("lcm", "gcd") and (product := _monomial(node)) is not None:
            return self.value(product, names)
        if head in _NO_NUMBER:
            raise NoValue(f"a {head} is no number")
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
        if isinstance(base, mp.mpf) and base < 0:
            try:
                rational = exact(shape)
            except NoValue:
                rational = None
            if rational is not None and rational.denominator % 2 == 1:  # the real root of a negative number
                root = abs(base) ** exponent
                return -root if rational.numerator % 2 else root
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
        """A sum that can be written out is; else a number made of its parts at some points of the bound variable."""
        head, args = node.head, node.args
        if head in ("sum", "prod"):
            try:
                return self.value(_written_out(node), names)
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
        """A number that stands for what we don't compute: equal parts, equal number."""
        words = [self.mp.nstr(p, 20) if isinstance(p, (self.mp.mpf, self.mp.mpc)) else str(p) for p in parts]
        return self.mp.mpf(draw(*words)) / PRIME + 1


def _falling(args: tuple[Node, ...]) -> Node | None:
    """n (n - 1) … (n - k + 1) / k! for a small whole k; None where k isn't."""
    try:
        k = exact(args[1])
    except NoValue:
        return None
    if k.denominator != 1 or not 1 <= k <= 40 or args[0].head == "num":
        return None
    factors = tuple(Node("add", (args[0], num(-i))) for i in range(int(k)))
    return Node("div", (Node("mul", factors), num(math.factorial(int(k)))))


def _monomial(node: Node) -> Node | None:
    """gcd or lcm of terms such as 50 x and 2 x y, as one term; None where they aren't such terms."""
    best: dict[str, int] = {}
    coefficients = []
    for index, arg in enumerate(node.args):
        powers: dict[str, int] = {}
        try:
            coefficients.append(abs(_factors(arg, powers)))
        except NoValue:
            return None
        if node.head == "lcm":
            best = {k: max(powers.get(k, 0), best.get(k, 0)) for k in powers | best}
        else:
            best = {k: min(v, powers[k]) for k, v in best.items() if k in powers} if index else powers
    if best or any(c.denominator != 1 for c in coefficients):
        whole = all(c.denominator == 1 for c in coefficients)
        coefficients = coefficients if whole else [Fraction(1)]  # over the rationals it is monic
    coefficient = _lcm(coefficients) if node.head == "lcm" else _gcd(coefficients)
    return Node("mul", (num(coefficient), *(Node("pow", (sym(k), num(v))) for k, v in sorted(best.items()))))


def _factors(node: Node, powers: dict[str, int]) -> Fraction:
    """The coefficient of a term; its variables are counted in `powers`."""
    if node.head == "sym":
        powers[node.args[0]] = powers.get(node.args[0], 0) + 1
        return Fraction(1)
    if node.head == "mul":
        return math.prod((_factors(a, powers) for a in node.args), start=Fraction(1))
    if node.head == "neg":
        return -_factors(node.args[0], powers)
    if node.head == "pow" and node.args[0].head == "sym":
        exponent = exact(node.args[1])
        if exponent.denominator != 1 or not 0 < exponent < 1000:
            raise NoValue("no monomial")
        powers[node.args[0].args[0]] = powers.get(node.args[0].args[0], 0) + int(exponent)
        return Fraction(1)
    return exact(node)


def _free(node: Node) -> set[str]:
    if node.head == "sym":
        return {node.args[0]}
    return set().union(*(_free(a) for a in node.args if isinstance(a, Node)))
