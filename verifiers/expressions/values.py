"""Do two expressions have the same value? Compared exactly if both are rational, else to many digits.

A decimal is equal to what rounds or truncates to it only as far as the options allow; two whole numbers are never close enough.
"""

import math
from fractions import Fraction

from rlvr.verifiers.expressions.digits import Digits, Number, to_fraction
from rlvr.verifiers.expressions.errors import NoValue
from rlvr.verifiers.expressions.exact import exact
from rlvr.verifiers.expressions.modular import PRIME, draw, modular
from rlvr.verifiers.expressions.options import MathOptions
from rlvr.verifiers.expressions.syntax import Node, canonical, symbols

POINTS = 6
MIN_DIGITS_DECIMAL = 4  # significant digits that a shorter decimal needs to equal a longer one
MIN_DIGITS_EXACT = 4  # … and for an exact number; of the gold answer 3


def same_value(gold: Node, answer: Node, options: MathOptions) -> str | None:
    """The rule that makes the two equal, or None."""
    gold, answer = canonical_decimal(gold), canonical_decimal(answer)
    if canonical(gold) == canonical(answer):
        return "the same expression"
    names = symbols(gold) | symbols(answer)
    if not names:
        return _same_constant(gold, answer, options)
    return "equal at random points" if _same_function(gold, answer, names) else None


def canonical_decimal(node: Node) -> Node:
    """`node` without brackets around it."""
    while node.head == "bracket":
        node = node.args[0]
    return node


def _same_constant(gold: Node, answer: Node, options: MathOptions) -> str | None:
    values: list[Fraction | None] = []
    for node in (gold, answer):
        try:
            values.append(exact(node))
        except NoValue:
            values.append(None)
    g, a = values
    if g is not None and a is not None:
        if g == a:
            return "equal exactly"
        return _close(gold, answer, g, a, options)
    try:
        if modular(gold, "") == modular(answer, ""):
            return "equal modulo a prime"
        return None
    except NoValue:
        pass
    pair = _to_digits(gold, answer, {})
    if pair is None:
        return None
    x, y, digits = pair
    if _agree(x, y, digits):
        # If one is rational and the other isn't known to be, so many digits don't agree by chance.
        return "equal to many digits"
    if isinstance(x, digits.mp.mpc) or isinstance(y, digits.mp.mpc):
        return None
    return _close(gold, answer, g if g is not None else _fraction(x), a if a is not None else _fraction(y), options)


def _fraction(value: Number) -> Fraction:
    """An mpmath number as a fraction; 0 for one so large or small that no decimal is close to it."""
    try:
        return to_fraction(value, max_exponent=100_000)
    except NoValue:
        return Fraction(0)


def _close(gold: Node, answer: Node, g: Fraction, a: Fraction, options: MathOptions) -> str | None:
    if options.rel_tol and abs(g - a) <= Fraction(options.rel_tol) * abs(g):
        return f"within rel_tol={options.rel_tol:g}"
    if options.rounding == "exact":
        return None
    gold_places, answer_places = places(gold), places(answer)
    if options.rounding == "gold":
        if gold_places is not None or (gold.head == "num" and g.denominator == 1):
            return "rounds to the gold answer's digits" if round(a, gold_places or 0) == g else None
        return None
    if gold_places is not None and answer_places is not None:
        if gold_places == answer_places:
            return None
        (short, n), long = ((g, gold_places), a) if gold_places < answer_places else ((a, answer_places), g)
        percent = gold.head == answer.head == "percent"
        if not percent and not n:
            return None
        if _significant(short, n) >= (2 if percent else MIN_DIGITS_DECIMAL) and _rounds(long, short, n):
            return "the longer decimal rounds to the shorter one"
        return None
    if gold_places is not None and not _whole(answer, a) and _significant(g, gold_places) >= 3 and gold_places:
        return "rounds to the gold answer's digits" if _rounds(a, g, gold_places) else None
    if (
        answer_places
        and not _whole(gold, g)
        and _significant(a, answer_places) >= MIN_DIGITS_EXACT
        and _rounds(g, a, answer_places)
    ):
        return "the exact value rounds to the answer's digits"
    return None


def _whole(node: Node, value: Fraction) -> bool:
    return value.denominator == 1


def places(node: Node) -> int | None:
    """Decimal places of a literal decimal; of a percentage, those of its value."""
    if node.head in ("neg", "unit", "bracket"):
        return places(node.args[0])
    if node.head == "percent":
        inner = node.args[0]
        if inner.head == "num":
            return (inner.args[1] or 0) + 2
        return None
    return node.args[1] if node.head == "num" else None


def _significant(value: Fraction, n: int) -> int:
    return len(str(abs(int(value * 10**n))).lstrip("0"))


def _rounds(value: Fraction, to: Fraction, n: int) -> bool:
    """`to` is `value` rounded or cut off at `n` places."""
    scaled = value * 10**n
    cut = Fraction(math.trunc(scaled), 10**n)
    return to == cut or abs(value - to) * 10**n * 2 <= 1


# ---- functions of variables -------------------------------------------------------------------------------------


def _salt(gold: Node, answer: Node) -> str:
    return f"{draw(repr(gold), repr(answer)):x}"


def _same_function(gold: Node, answer: Node, names: frozenset[str]) -> bool:
    salt = _salt(gold, answer)
    try:
        return modular(gold, salt) == modular(answer, salt) and modular(gold, salt + "2") == modular(answer, salt + "2")
    except NoValue:
        pass
    agreed = 0
    for point in range(POINTS):
        values = _point(names, salt, point)
        pair = _to_digits(gold, answer, values)
        if pair is None:
            continue
        x, y, digits = pair
        if point >= POINTS - 2 and (isinstance(x, digits.mp.mpc) or isinstance(y, digits.mp.mpc)):
            continue
        if not _agree(x, y, digits):
            return False
        agreed += 1
    return agreed >= 3


def _point(names: frozenset[str], salt: str, point: int) -> dict[str, Fraction]:
    """Values for the variables: positive ones first, then of both signs."""
    out = {}
    for name in names:
        value = Fraction(draw(salt, name, point) % 10**9 + 1, 4 * 10**8) + (point % 3) * Fraction(3, 2)
        negative = point >= POINTS - 2 and draw(salt, name, point, "sign") % 2 == 1
        out[name] = -value if negative else value
    return out


def _to_digits(gold: Node, answer: Node, values: dict[str, Fraction]) -> tuple[Number, Number, Digits] | None:
    for dps in (60, 400):
        digits = Digits(dps)
        names = {k: digits.mp.mpf(v.numerator) / v.denominator for k, v in values.items()}
        try:
            x, y = digits.value(gold, names), digits.value(answer, names)
        except NoValue:
            return None
        if not digits.absorbed:
            return x, y, digits
    return None


def _agree(x: Number, y: Number, digits: Digits) -> bool:
    return bool(abs(x - y) <= max(abs(x), abs(y)) * digits.mp.mpf(10) ** (25 - digits.dps))


def proportional(gold: Node, answer: Node) -> int:
    """The sign of the constant c in gold = c · answer, as functions; 0 if there is no such constant."""
    names = symbols(gold) | symbols(answer)
    if not names or symbols(gold) != symbols(answer):
        return 0
    salt = _salt(gold, answer)
    rational = _modular_ratio(gold, answer, salt)
    if rational is False:
        return 0
    ratios: list[Number] = []
    digits: Digits | None = None
    for point in range(4):
        pair = _to_digits(gold, answer, _point(names, salt, point))
        if pair is None:
            continue
        x, y, digits = pair
        if x == 0 or y == 0 or isinstance(x, digits.mp.mpc) or isinstance(y, digits.mp.mpc):
            continue
        ratios.append(x / y)
    if digits is None or len(ratios) < 3 or not all(_agree(r, ratios[0], digits) for r in ratios):
        return 0
    return 1 if ratios[0] > 0 else -1


def _modular_ratio(gold: Node, answer: Node, salt: str) -> bool | None:
    """Is the ratio constant, exactly? None if the expressions aren't rational."""
    try:
        ratios = []
        for i in range(3):
            x, y = modular(gold, f"{salt}{i}"), modular(answer, f"{salt}{i}")
            if x == 0 or y == 0:
                return False
            ratios.append(x * pow(y, -1, PRIME) % PRIME)
    except NoValue:
        return None
    return len(set(ratios)) == 1
