"""Knights and knaves from a seed: each person makes one statement, and exactly one assignment of roles fits all of them.

A hash of a puzzle's shape, the statements without the names, decides its split. Puzzles that differ only in names or in the
order of people are therefore always in the same split.
"""

import hashlib
import itertools
import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

LEVELS = {"two": 2, "three": 3, "four": 4, "five": 5}
NAMES = (
    "Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gwen", "Hugo", "Iris", "Jack", "Kate", "Liam", "Mona", "Ned", "Olga",
    "Paul", "Rosa", "Sam", "Tess", "Vera",
)  # fmt: skip
TEST_SHARE = 5  # one shape in five
SALT = "knights_knaves"  # chosen so that both splits have several shapes of two people for each solution
GIVE_UP = 100_000  # tries for one puzzle

Row = dict[str, Any]
Tree = list[Any]


def generate(split: str, size: int, seed: int) -> Iterator[Row]:
    """`size` different rows of a split, the levels in turn. Raises ValueError if there are too few puzzles."""
    draw = random.Random(f"knights and knaves {split} {seed}")
    levels = list(LEVELS.items())
    seen: set[str] = set()
    while len(seen) < size:
        level, count = levels[len(seen) % len(levels)]
        people = draw.sample(NAMES, count)
        roles = {
            person: draw.random() < 0.5 for person in people
        }  # drawn first, so that all solutions are equally frequent
        for _ in range(GIVE_UP):
            statements = [_statement(draw, person, people, roles) for person in people]
            key = json.dumps(statements)
            if key not in seen and held_out(statements) == (split == "test") and _only_solution(statements, people):
                break
        else:
            raise ValueError(f"there are not {size} different puzzles; ask for fewer")
        seen.add(key)
        said = "\n".join(f'{s["by"]} says: "{_text(s["says"], s["by"], people)}"' for s in statements)
        yield {
            "id": f"{split}-{len(seen)}",
            "question": f"On an island, knights always tell the truth and knaves always lie. Each of {_list(people)} is a "
            f"knight or a knave.\n{said}\nWho is a knight, and who is a knave?",
            "gold": _answer(roles),
            "category": level,
            "metadata": {"kind": "knights", "people": people, "statements": statements},
        }


def held_out(statements: list[dict[str, Any]]) -> bool:
    """Whether a puzzle of this shape belongs to the test split."""
    shapes = sorted(json.dumps(_shape(s["says"], s["by"])) for s in statements)
    return hashlib.sha256(f"{SALT} {' '.join(shapes)}".encode()).digest()[0] % TEST_SHARE == 0


def _shape(tree: Any, speaker: str) -> Any:
    """The statement with names replaced by "me" for the speaker and "other", and its parts sorted."""
    if not isinstance(tree, list):
        return tree
    if tree[0] in ("knight", "knave"):
        return [tree[0], "me" if tree[1] == speaker else "other"]
    parts = [_shape(part, speaker) for part in tree[1:]]
    return [tree[0], *(parts if tree[0] == "implies" else sorted(parts, key=str))]


def _statement(draw: random.Random, speaker: str, people: list[str], roles: Mapping[str, bool]) -> dict[str, Any]:
    """A statement that the speaker can make: true from a knight, false from a knave."""
    while True:
        statement = {"by": speaker, "says": _tree(draw, speaker, people)}
        if _fits(statement, roles):
            return statement


def _tree(draw: random.Random, speaker: str, people: list[str]) -> Tree:
    others = [person for person in people if person != speaker]
    first = draw.choice(others)
    second = draw.choice([person for person in people if person != first])
    a, b = [draw.choice(["knight", "knave"]), first], [draw.choice(["knight", "knave"]), second]
    kind = draw.choice(["plain", "and", "or", "implies", "iff", "xor", "count"])
    if kind == "plain":
        return a
    if kind in ("iff", "xor"):
        return [kind, ["knight", first], ["knight", second]]
    if kind == "count":
        return ["count", draw.randint(0, len(people) - 1), *(["knight", person] for person in people)]
    return [kind, a, b]


def _text(tree: Any, speaker: str, people: list[str]) -> str:
    def name(person: str) -> str:
        return "I" if person == speaker else person

    match tree:
        case ["knight" | "knave" as role, str(person)]:
            return f"{name(person)} {'am' if person == speaker else 'is'} a {role}."
        case ["iff" | "xor" as kind, [_, first], [_, second]]:
            together = " and ".join(map(name, sorted((first, second), key=speaker.__eq__)))
            return f"{together} are of {'the same kind' if kind == 'iff' else 'different kinds'}."
        case ["count", 0, *_]:
            return "None of us is a knight."
        case ["count", int(number), *_]:
            return f"Exactly {number} of the {len(people)} of us {'is a knight' if number == 1 else 'are knights'}."
    kind, left, right = tree[0], *(_text(part, speaker, people)[:-1] for part in tree[1:])
    if kind == "implies":
        return f"If {left}, then {right}."
    return f"{left} and {right}." if kind == "and" else f"{left}, or {right}, or both."


def _only_solution(statements: list[dict[str, Any]], people: list[str]) -> bool:
    """Whether exactly one assignment of roles fits the statements."""
    solutions = 0
    for roles in itertools.product((True, False), repeat=len(people)):
        assignment = dict(zip(people, roles, strict=True))
        solutions += all(_fits(statement, assignment) for statement in statements)
        if solutions > 1:
            return False
    return solutions == 1


def _fits(statement: dict[str, Any], roles: Mapping[str, bool]) -> bool:
    return _true(statement["says"], roles) == roles[statement["by"]]


def _true(tree: Tree, roles: Mapping[str, bool]) -> bool:
    kind: str = tree[0]
    if kind in ("knight", "knave"):
        return roles[str(tree[1])] == (kind == "knight")
    if kind == "count":
        return sum(_true(part, roles) for part in tree[2:]) == int(tree[1])
    a, b = _true(tree[1], roles), _true(tree[2], roles)
    return {"and": a and b, "or": a or b, "implies": not a or b, "iff": a == b, "xor": a != b}[kind]


def _answer(roles: Mapping[str, bool]) -> str:
    return ", ".join(f"{name} is a {'knight' if knight else 'knave'}" for name, knight in roles.items())


def _list(people: list[str]) -> str:
    return f"{', '.join(people[:-1])} and {people[-1]}"


def near_misses(row: Row, draw: random.Random) -> list[str]:
    """One role wrong, all wrong, a person missing, named twice or renamed, and hedging. Each is wrong: one solution fits."""
    people = row["metadata"]["people"]
    parts = row["gold"].split(", ")
    roles = {name: part.endswith("knight") for name, part in zip(people, parts, strict=True)}
    person = draw.choice(people)
    stranger = draw.choice([name for name in NAMES if name not in people])
    texts = [
        *(_answer({**roles, name: not roles[name]}) for name in people),
        _answer({name: not knight for name, knight in roles.items()}),
        _answer({name: knight for name, knight in roles.items() if name != person}),
        f"{row['gold']}, {person} is a {'knave' if roles[person] else 'knight'}",
        f"{row['gold']}, {stranger} is a knight",
        row["gold"].replace(person, stranger),
        row["gold"].replace(f"{person} is a ", f"{person} is not a "),
        row["gold"].replace(f"{person} is a ", f"{person} is perhaps a "),
        ", ".join(f"{name} is a knight or a knave" for name in people),
    ]
    return [f"Answer: {text}" for text in texts]
