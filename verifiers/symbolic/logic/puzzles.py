"""Knights and knaves, and zebra puzzles, checked by plain evaluation.

The statement of a knights-and-knaves puzzle is a small tree: `["knight", "Ann"]`, `["knave", "Bob"]`, `["not", f]`,
`["and", f, …]`, `["or", f, …]`, `["implies", f, g]`, `["iff", f, g]`, `["xor", f, g]`, and `["count", k, f, …]`: exactly
k of them hold.
"""

import re
from collections.abc import Mapping
from typing import Any

from rlvr.errors import VerifierError
from rlvr.verifiers.symbolic.fields import MAX_PART, Unreadable, compare_names, fail, field, short, whole

MAX_PEOPLE = 30
MAX_HOUSES = 12
MAX_DEPTH = 20

_PIECES = re.compile(r"[,;.\n]+|\band\b")
_PERSON = re.compile(
    r"(?:[-*•][ ]+)?\**([A-Za-z][\w' -]{0,40}?)\**[ ]*(?:\bis\b|=|:)[ ]*(?:an?[ ]+)?\**(knight|knave)\**",
    re.ASCII | re.IGNORECASE,
)
_HOUSE = re.compile(r"(?:[-*•|][ ]*)?\**(?:house[ ]*)?([0-9]{1,2})\**[ ]*[.:)|=][ ]*(.*)", re.IGNORECASE | re.ASCII)
_CLUES = {"same": 2, "not_same": 2, "left_of": 2, "next_to": 2, "before": 2, "at": 2, "not_at": 2}


def knights(metadata: Mapping[str, Any], answer: str) -> str:
    """Why `answer` does not solve the puzzle, or "". Raises Unreadable, and VerifierError for the puzzle."""
    people = field(metadata, "people", list)
    statements = field(metadata, "statements", list)
    if not 1 <= len(people) <= MAX_PEOPLE or not all(isinstance(person, str) for person in people):
        fail(f"field 'people' must have 1 to {MAX_PEOPLE} names")
    claims = [(field(s, "by", str), field(s, "says", list)) for s in statements if isinstance(s, Mapping)]
    if len(claims) != len(statements) or any(by not in people for by, _ in claims):
        fail("each of 'statements' must be an object with 'by', one of the people, and 'says', a tree")
    roles = _roles(answer, {person.casefold(): person for person in people})
    problem = compare_names(roles, people, "person")
    if problem:
        return problem
    for number, (by, says) in enumerate(claims, 1):
        if _true(says, roles, MAX_DEPTH) != roles[by]:
            role, value = ("knight", "false") if roles[by] else ("knave", "true")
            return f"{by} would be a {role}, but what {by} says (statement {number}) would be {value}"
    return ""


def _roles(answer: str, people: Mapping[str, str]) -> dict[str, bool]:
    """Person -> is a knight, as the answer has it."""
    roles: dict[str, bool] = {}
    for piece in filter(None, map(str.strip, _PIECES.split(answer))):
        match = _PERSON.fullmatch(piece) if len(piece) <= MAX_PART else None
        if match is None:
            raise Unreadable(f"{short(piece)} does not say of one person: knight or knave")
        name = people.get(match[1].casefold(), match[1])
        if name in roles:
            raise Unreadable(f"{name} is named twice")
        roles[name] = match[2].lower() == "knight"
    return roles


def _true(tree: object, roles: Mapping[str, bool], depth: int) -> bool:
    """The truth of a statement. Raises VerifierError for a malformed one."""
    match tree:
        case ["knight" | "knave" as role, str(name)] if name in roles:
            return roles[name] == (role == "knight")
        case ["not", part] if depth:
            return not _true(part, roles, depth - 1)
        case ["and" | "or" as op, _, *_] if depth:
            parts = [_true(part, roles, depth - 1) for part in tree[1:]]
            return all(parts) if op == "and" else any(parts)
        case ["implies" | "iff" | "xor" as op, first, second] if depth:
            a, b = _true(first, roles, depth - 1), _true(second, roles, depth - 1)
            return (not a or b) if op == "implies" else (a == b) == (op == "iff")
        case ["count", int(number), *parts] if depth:
            return sum(_true(part, roles, depth - 1) for part in parts) == number
    raise VerifierError(f"metadata: {tree!r:.80} is not a statement about the people")


def zebra(metadata: Mapping[str, Any], answer: str) -> str:
    """Why `answer` does not solve the puzzle, or "". Raises Unreadable, and VerifierError for the puzzle."""
    houses = whole(metadata.get("houses"), "field 'houses'", 1, MAX_HOUSES)
    attributes = field(metadata, "attributes", dict)
    attribute_of = {str(value).casefold(): name for name, values in attributes.items() for value in values}
    if any(not isinstance(v, list) or len(v) != houses for v in attributes.values()) or len(
        attribute_of
    ) != houses * len(attributes):
        fail(f"each of 'attributes' must be a list of {houses} values, and no value may appear twice")
    place = _places(answer, houses, attribute_of)
    missing = [value for value in attribute_of if value not in place]
    if missing:
        return f"{missing[0]} is in no house"
    for clue in field(metadata, "clues", list):
        if not _fits(clue, place, houses):
            return f"the clue {' '.join(map(str, clue))} does not hold"
    return ""


def _places(answer: str, houses: int, attribute_of: Mapping[str, str]) -> dict[str, int]:
    """Value -> its house, as the answer has it: a line for each house, `2: green, dog, tea`, each attribute once."""
    place: dict[str, int] = {}
    seen: set[int] = set()
    for line in filter(None, map(str.strip, re.split(r"[\n;]", answer))):
        match = _HOUSE.fullmatch(line)
        if match is None:
            raise Unreadable(f"{short(line)} is not of the form 'house: value, value, …'")
        house = int(match[1])
        if house in seen or not 1 <= house <= houses:
            raise Unreadable(f"house {house} is " + ("given twice" if house in seen else f"not one of 1 to {houses}"))
        seen.add(house)
        attributes = set()
        for part in re.split(r"[,|]", match[2].strip(" |")):
            value = part.rpartition("=")[2].strip(" *.").casefold()
            if value not in attribute_of:
                raise Unreadable(f"{short(part.strip())} is not a value of the problem")
            if value in place or attribute_of[value] in attributes:
                raise Unreadable(f"{value} is a second {attribute_of[value]} of house {house}, or appears twice")
            attributes.add(attribute_of[value])
            place[value] = house
    return place


def _fits(clue: object, place: Mapping[str, int], houses: int) -> bool:
    if not (isinstance(clue, list) and len(clue) == 3 and clue[0] in _CLUES):
        fail(f"{clue!r:.80} is not a clue: expected one of {', '.join(_CLUES)}, and two operands")
    kind, a, b = clue
    try:
        first = place[str(a).casefold()]
        second = whole(b, "a clue's house", 1, houses) if kind.endswith("at") else place[str(b).casefold()]
    except KeyError:
        fail(f"the clue {clue!r:.80} names a value that is in no attribute")
    match kind:
        case "same" | "at":
            return first == second
        case "not_same" | "not_at":
            return first != second
        case "left_of":
            return first + 1 == second
        case "before":
            return first < second
    return abs(first - second) == 1
