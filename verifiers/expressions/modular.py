"""The value of a rational expression modulo a prime, its variables drawn at random: exact, whatever the size.

Two expressions that agree at points which nobody could choose beforehand are equal, up to a negligible chance: a
difference of degree d vanishes at a random point with probability at most d / PRIME (Schwartz, 1980; Zippel, 1979).
"""

import hashlib
import math
from fractions import Fraction

from rlvr.verifiers.expressions.errors import NoValue
from rlvr.verifiers.expressions.exact import MAX_EXPONENT, exact, falling, written_out
from rlvr.verifiers.expressions.syntax import Node

PRIME = (1 << 127) - 1


def draw(*parts: object) -> int:
    """A whole number below PRIME that depends on `parts` and on nothing else."""
    digest = hashlib.blake2b("\x00".join(str(p) for p in parts).encode(), digest_size=16).digest()
    return int.from_bytes(digest, "big") % PRIME


def modular(node: Node, salt: str) -> int:
    """The value of a rational expression modulo PRIME, its variables drawn by `salt`. Raises NoValue if it isn't rational."""
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
    if head == "binom" and (product := falling(args)) is not None:
        return modular(product, salt)
    if head in ("fact", "binom", "mod", "floor", "ceil", "abs", "gcd", "lcm", "max", "min", "root", "based"):
        return _mod(exact(node))
    if head in ("sum", "prod"):
        return modular(written_out(node), salt)
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
