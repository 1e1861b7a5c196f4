"""The exact rational value of an expression without variables.

Everything here is fast: powers, factorials and sums over a limit raise NoValue.
"""

import math
from fractions import Fraction

from rlvr.verifiers.expressions.errors import NoValue
from rlvr.verifiers.expressions.syntax import Node, contains, num, substitute, sym, word_set

MAX_BITS = 100_000  # of an exact number
MAX_EXPONENT = 1_000_000
MAX_FACTORIAL = 3_000
MAX_TERMS = 400  # of a sum that is written out
MAX_NESTED_TERMS = 12
_BIG = frozenset({"sum", "prod", "int", "lim"})
_EXACT = word_set(
    "num add mul div neg pow fact binom percent mixed based mod ratio floor ceil abs gcd lcm max min bracket sum prod "
    "root set"
)


def exact(node: Node) -> Fraction:
    """The rational value of an expression without variables. Raises NoValue if it has none within the limits."""
    head, args = node.head, node.args
    if head == "num":
        return args[0]  # type: ignore[no-any-return]
    if head not in _EXACT:
        raise NoValue("not rational")
    if head in ("sum", "prod"):
        return exact(written_out(node))
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
    """The exact root. Raises NoValue if it is irrational."""
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


def written_out(node: Node) -> Node:
    """A finite sum or product, term by term. Raises NoValue unless its bounds are whole numbers close together."""
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


def falling(args: tuple[Node, ...]) -> Node | None:
    """The binomial n (n - 1) … (n - k + 1) / k!, written out, for a small whole k and an n that is not a number; else None."""
    try:
        k = exact(args[1])
    except NoValue:
        return None
    if k.denominator != 1 or not 1 <= k <= 40 or args[0].head == "num":
        return None
    factors = tuple(Node("add", (args[0], num(-i))) for i in range(int(k)))
    return Node("div", (Node("mul", factors), num(math.factorial(int(k)))))


def monomial(node: Node) -> Node | None:
    """gcd or lcm of terms such as 50 x and 2 x y, as one term; None for other terms."""
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
