"""A problem: what the metadata says, read once and checked."""

import functools
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from rlvr.verifiers.expressions.syntax import Node
from rlvr.verifiers.symbolic.calculus import reading
from rlvr.verifiers.symbolic.calculus.points import ProblemError, unit
from rlvr.verifiers.symbolic.calculus.reading import Unreadable

Decision = tuple[bool, str]  # whether the answer is correct, and why


class Problem:
    """What `metadata` says, read once. Raises ProblemError for a field that is missing or unreadable."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields
        self.variable = self.text("variable", "x")

    def text(self, name: str, default: str | None = None) -> str:
        """A field that is text. Raises ProblemError."""
        value = self._fields.get(name, default)
        if not isinstance(value, str) or not value.strip():
            raise ProblemError(f"metadata[{name!r}] must be text, not {value!r:.60}")
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """A field as it is."""
        return self._fields.get(name, default)

    def whole(self, name: str, default: int | None, low: int, high: int) -> int | None:
        """A field that is a whole number in [low, high]; None if it is neither given nor has a default. Raises ProblemError."""
        value = self._fields.get(name, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ProblemError(f"metadata[{name!r}] must be a whole number from {low} to {high}, not {value!r:.60}")
        return value

    def tree(self, name: str) -> Node:
        """A field that is mathematics. Raises ProblemError."""
        return tree_of(self.text(name), f"metadata[{name!r}]")

    def expression(self, name: str) -> Node:
        """A field that is an expression that `Numeric` evaluates. Raises ProblemError."""
        node = self.tree(name)
        try:
            reading.plain(node)
        except Unreadable as error:
            raise ProblemError(f"metadata[{name!r}]: {error}") from None
        return node

    @functools.cached_property
    def domain(self) -> tuple[Fraction | None, Fraction | None]:
        """The interval [low, high] on which functions are compared; None means no bound. Raises ProblemError."""
        value = self._fields.get("domain") or [None, None]
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
            raise ProblemError(f"metadata['domain'] must be [low, high], not {value!r:.60}")
        low, high = (None if v is None else _fraction(v) for v in value)
        if low is not None and high is not None and not low < high:
            raise ProblemError("metadata['domain'] is empty")
        return low, high


@functools.lru_cache(maxsize=512)
def tree_of(text: str, source: str) -> Node:
    """The tree of a text of the metadata. Raises ProblemError, which names its `source`."""
    try:
        return reading.tree(text)
    except Unreadable as error:
        raise ProblemError(f"{source} = {text!r:.80}: {error}") from None


def _fraction(value: Any) -> Fraction:
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ProblemError(f"metadata['domain']: {value!r:.40} is not a number") from None


def values_for(names: list[str], salt: str) -> dict[str, Fraction]:
    """Positive values for the names other than the variable, drawn by `salt`."""
    return {name: unit(salt, name) * 2 + Fraction(1, 2) for name in names}
