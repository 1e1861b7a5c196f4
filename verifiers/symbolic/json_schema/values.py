"""Compares a JSON value with the gold one, by a rule for each place.

A place is a JSON pointer (RFC 6901) with `*` for every item of a list, such as `/items/*/price`. Without a rule values
are equal exactly: types and order count, and a number is never a text or a boolean; `2` and `2.0` are one number.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlvr.verifiers.symbolic.fields import choice, fail, field

KINDS = ("exact", "number", "text", "set", "multiset")
MAX_UNORDERED = 300  # items of a list without order: each is compared with each


@dataclass(frozen=True, slots=True)
class ComparisonRule:
    """`tolerance` is an absolute difference, of numbers."""

    kind: str = "exact"
    tolerance: float = 0.0


def rules_of(metadata: Mapping[str, Any]) -> dict[str, ComparisonRule]:
    """The rules of `metadata["compare"]`: place -> kind, or an object with `as` and `tolerance`. Raises VerifierError."""
    rules = {}
    for place, given in field(metadata, "compare", dict, {}).items():
        rule = {"as": given} if isinstance(given, str) else given
        if not isinstance(rule, dict) or not isinstance(place, str) or (place and not place.startswith("/")):
            fail(
                f"field 'compare' must be an object of places such as '/a/*/b' and rules, not {place!r:.40}: {given!r:.40}"
            )
        tolerance = rule.get("tolerance", 0)
        if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)) or not 0 <= tolerance < float("inf"):
            fail(f"'tolerance' of {place!r} must be a number that is not negative, not {tolerance!r:.40}")
        rules[place] = ComparisonRule(choice(rule, "as", KINDS), float(tolerance))
    return rules


@dataclass(frozen=True, slots=True)
class Comparison:
    """`extra`: objects may have members that the gold ones don't have."""

    rules: Mapping[str, ComparisonRule]
    extra: bool = False

    def difference(self, gold: Any, answer: Any, place: str = "") -> str:
        """The first difference, with its place; "" if the values are equal by the rules."""
        rule = self.rules.get(place, ComparisonRule())
        shown_place = place or "the document"
        if rule.kind in ("set", "multiset") and isinstance(gold, list):
            return self._unordered(gold, answer, place, as_set=rule.kind == "set")
        if isinstance(gold, dict) and isinstance(answer, dict):
            return self._objects(gold, answer, place)
        if isinstance(gold, list) and isinstance(answer, list):
            if len(gold) != len(answer):
                return f"{shown_place} has {len(answer)} items, not {len(gold)}"
            differences = (self.difference(*both, f"{place}/*") for both in zip(gold, answer, strict=True))
            return next(filter(None, differences), "")
        return "" if _equal(gold, answer, rule) else f"{shown_place} is {_shown(answer)}, not {_shown(gold)}"

    def _objects(self, gold: dict[str, Any], answer: dict[str, Any], place: str) -> str:
        missing = [name for name in gold if name not in answer]
        if missing:
            return f"{place}/{missing[0]} is missing"
        unasked = [name for name in answer if name not in gold]
        if unasked and not self.extra:
            return f"{place}/{unasked[0][:60]} was not asked for"
        escaped = {name: name.replace("~", "~0").replace("/", "~1") for name in gold}
        differences = (self.difference(gold[name], answer[name], f"{place}/{escaped[name]}") for name in gold)
        return next(filter(None, differences), "")

    def _unordered(self, gold: list[Any], answer: Any, place: str, *, as_set: bool) -> str:
        if not isinstance(answer, list) or len(answer) > MAX_UNORDERED or len(gold) > MAX_UNORDERED:
            return f"{place} is not a list of at most {MAX_UNORDERED} items"
        left = list(gold)
        for item in answer:
            same = next((i for i, other in enumerate(left) if not self.difference(other, item, f"{place}/*")), None)
            if same is not None:
                del left[same]
            elif not as_set or all(self.difference(other, item, f"{place}/*") for other in gold):
                return f"{place} has {_shown(item)}, which doesn't belong there"
        if as_set:  # the gold list may have the same item more than once
            left = [other for other in left if all(self.difference(other, item, f"{place}/*") for item in answer)]
        return f"{place} lacks {_shown(left[0])}" if left else ""


def _equal(gold: Any, answer: Any, rule: ComparisonRule) -> bool:
    if _is_number(gold) and _is_number(answer):
        return bool(gold == answer or (rule.kind == "number" and abs(gold - answer) <= rule.tolerance))
    if type(gold) is not type(answer):
        return False
    if rule.kind == "text" and isinstance(gold, str):
        return str(gold).casefold().split() == str(answer).casefold().split()
    return bool(gold == answer)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:60] + "…"
