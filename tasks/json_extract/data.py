"""Short texts that state facts, and the JSON that holds the facts, from a seed.

The facts are drawn first and then written as text, so the JSON is right by construction. Dates and amounts are written in
several ways, facts are left out, and facts that the question doesn't ask for are mixed in. A hash of the text decides the
split, so no test text can be a training text, whatever the seeds and sizes.
"""

import copy
import datetime
import hashlib
import json
import random
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

TEST_SHARE = 5  # one text in five

Row = dict[str, Any]
FIRST = [
    "Ada",
    "Bilal",
    "Chen",
    "Dora",
    "Emil",
    "Fatou",
    "Goran",
    "Hana",
    "Ines",
    "Jonas",
    "Kira",
    "Luca",
    "Mei",
    "Nils",
]
LAST = ["Adler", "Brandt", "Costa", "Diallo", "Eriksen", "Fujita", "Garcia", "Horvat", "Ivanova", "Jensen", "Kowalski"]
CITIES = ["Oslo", "Porto", "Lima", "Kyoto", "Graz", "Tartu", "Leeds", "Cork", "Nantes", "Bergen", "Turin", "Varna"]
ROLES = ["engineer", "nurse", "baker", "surveyor", "pilot", "librarian", "carpenter", "translator"]
GOODS = ["oak table", "desk lamp", "garden hose", "tea kettle", "wool blanket", "tool box", "wall clock", "bread knife"]
PLACES = ["the town hall", "the old mill", "the harbour office", "room 12", "the library", "the east gallery"]
EVENTS = ["lecture", "workshop", "concert", "auction", "guided tour", "book fair"]
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December"]  # fmt: skip
ASIDES = ["The weather was mild.", "Parking is behind the building.", "Please bring your own pen.", "The lift is out of order.",
          "Coffee is served at the entrance.", "No dogs, please."]  # fmt: skip

TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
MAYBE: dict[str, Any] = {"type": ["string", "null"]}
DATE: dict[str, Any] = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
WHOLE: dict[str, Any] = {"type": "integer", "minimum": 0}
AMOUNT: dict[str, Any] = {"type": "number", "minimum": 0}


class Problem(NamedTuple):
    """`asked` says what each field means; `compare` holds the verifier's rules of comparison."""

    text: str
    asked: str
    value: Any
    schema: dict[str, Any]
    compare: dict[str, Any]


def generate(split: str, size: int, seed: int) -> Iterator[Row]:
    """`size` different rows of a split, the categories in turn."""
    draw = random.Random(f"json_extract {split} {seed}")
    seen: set[str] = set()
    categories = list(MAKERS)
    while len(seen) < size:
        category = categories[len(seen) % len(categories)]
        problem = draw.choice(MAKERS[category])(draw)
        key = re.sub(r"\W+", " ", problem.text.casefold())
        if key in seen or held_out(key) != (split == "test"):
            continue
        seen.add(key)
        yield {
            "id": f"{split}-{len(seen)}",
            "question": f"{problem.text}\n\nFields: {problem.asked}",
            "gold": json.dumps(problem.value, indent=2),
            "category": category,
            "metadata": {"schema": problem.schema, "compare": problem.compare},
        }


def held_out(key: str) -> bool:
    """Whether the text belongs to the test split."""
    return hashlib.sha256(key.encode()).digest()[0] % TEST_SHARE == 0


def near_misses(row: Row, draw: random.Random) -> list[str]:
    """The gold object with one mistake: a value, a type, a field, an item, or the text around it."""
    gold, unordered = json.loads(row["gold"]), set(row["metadata"]["compare"])
    wrong = []
    for path in _leaves(gold):
        for other in _others(_at(gold, path)):
            spoilt = copy.deepcopy(gold)
            _at(spoilt, path[:-1])[path[-1]] = other
            wrong.append(spoilt)
    for path in _inner(gold):
        place = "".join("/*" if isinstance(part, int) else f"/{part}" for part in path)
        value = _at(gold, path)
        spoilt = copy.deepcopy(gold)
        inside = _at(spoilt, path)
        if isinstance(value, dict):
            name = draw.choice(list(value))
            inside["note"] = None
            wrong += [spoilt, copy.deepcopy(gold)]
            del _at(wrong[-1], path)[name]
        else:
            inside.append(value[0])
            wrong += [spoilt, copy.deepcopy(gold)]
            del _at(wrong[-1], path)[-1]
            if value != value[::-1] and place not in unordered:
                wrong.append(copy.deepcopy(gold))
                _at(wrong[-1], path).reverse()
    texts = [json.dumps(value) for value in draw.sample(wrong, min(len(wrong), 8))]
    text = row["gold"]
    name = next(iter(gold))
    twice = text.replace("{", "{" + json.dumps(name) + ": 1,", 1)
    return [*texts, f"Here it is:\n{text}", f"[{text}, {text}]", twice, text[:-1], json.dumps(text)]


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield path
        return
    for name, inner in items:
        yield from _leaves(inner, (*path, name))


def _inner(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, (dict, list)) and value:
        yield path
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _inner(inner, (*path, name))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


def _others(value: Any) -> list[Any]:
    """Other values: close to this one, of another type, or null."""
    if value is None:
        return ["", "null", "unknown", 0]
    if isinstance(value, str):
        swapped = value[:-1] + ("x" if value[-1] != "x" else "y")
        return [swapped, value + ".", None, [value]]
    return [value + 1, str(value), None, -value - 1]


# ---- facts as text


def _date(draw: random.Random) -> tuple[str, str]:
    """A date as the text has it, and as the JSON has it."""
    day = datetime.date(2015, 1, 1) + datetime.timedelta(days=draw.randrange(4000))
    month = MONTHS[day.month - 1]
    forms = [
        f"{day.day} {month} {day.year}",
        f"{month} {day.day}, {day.year}",
        day.isoformat(),
        f"{month[:3]} {day.day} {day.year}",
    ]
    return draw.choice(forms), day.isoformat()


def _amount(draw: random.Random) -> tuple[str, float | int]:
    """An amount as the text has it, and as the JSON has it."""
    cents = draw.choice((draw.randint(1, 99) * 100, draw.randint(150, 450_000)))
    value = cents / 100 if cents % 100 else cents // 100
    shown = f"{value:,.2f}" if cents % 100 or draw.random() < 0.5 else f"{value:,}"
    return draw.choice((f"${shown}", f"{shown} euros", f"EUR {shown}", f"{shown} dollars")), value


def _name(draw: random.Random) -> str:
    return f"{draw.choice(FIRST)} {draw.choice(LAST)}"


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _shuffled(draw: random.Random, sentences: list[str]) -> str:
    """The first sentence, then the others and an irrelevant one in random order."""
    rest = [*sentences[1:], draw.choice(ASIDES)]
    draw.shuffle(rest)
    return " ".join([sentences[0], *rest])


# ---- the texts


def _person(draw: random.Random) -> Problem:
    name, role, city, age = _name(draw), draw.choice(ROLES), draw.choice(CITIES), draw.randint(19, 77)
    written, since = _date(draw)
    email = f"{name.split()[0].lower()}{draw.randint(1, 99)}@example.org" if draw.random() < 0.6 else None
    other = _name(draw)
    sentences = [
        f"{name}, {age}, works as a {role} in {city}.",
        f"The contract began on {written}.",
        f"It was signed by {other}, the head of the office."
        if other != name
        else "It was signed by the head of the office.",
    ]
    if email:
        sentences.append(f"Write to {email}.")
    return Problem(
        _shuffled(draw, sentences),
        "name, age, role (one word), city, since (date on which the contract began), email.",
        {"name": name, "age": age, "role": role, "city": city, "since": since, "email": email},
        _object({"name": TEXT, "age": WHOLE, "role": TEXT, "city": TEXT, "since": DATE, "email": MAYBE}),
        {},
    )


def _event(draw: random.Random) -> Problem:
    kind, place, city = draw.choice(EVENTS), draw.choice(PLACES), draw.choice(CITIES)
    written, day = _date(draw)
    price, fee = _amount(draw)
    free, seats = draw.random() < 0.3, draw.randint(10, 400)
    seats_given = draw.random() < 0.6
    sentences = [
        f"On {written} there is a {kind} at {place} in {city}.",
        "Admission is free." if free else f"A ticket is {price}.",
        f"The first one, in {draw.randint(1950, 2010)}, had {draw.randint(5, 9)} visitors.",
    ]
    if seats_given:
        sentences.append(f"There are {seats} seats.")
    return Problem(
        _shuffled(draw, sentences),
        "kind (of event), date, city, price (of a ticket; 0 where it is free), seats.",
        {"kind": kind, "date": day, "city": city, "price": 0 if free else fee, "seats": seats if seats_given else None},
        _object({"kind": TEXT, "date": DATE, "city": TEXT, "price": AMOUNT, "seats": {"type": ["integer", "null"]}}),
        {},
    )


def _staff(draw: random.Random) -> Problem:
    people = draw.sample([f"{first} {last}" for first in FIRST for last in LAST], draw.randint(2, 4))
    value = []
    sentences = [f"Our office in {draw.choice(CITIES)} has new colleagues."]
    for person in people:
        role, phone = draw.choice(ROLES), f"{draw.randint(100, 999)}-{draw.randint(1000, 9999)}"
        phone_given = draw.random() < 0.7
        sentences.append(f"{person} joins as a {role}" + (f" (phone {phone})." if phone_given else "."))
        value.append({"name": person, "role": role, "phone": phone if phone_given else None})
    left = _name(draw)
    if left not in people:
        sentences.append(f"{left} has left us.")
    schema = _object({"name": TEXT, "role": TEXT, "phone": MAYBE})
    return Problem(
        " ".join(sentences),
        "people (a list of the new colleagues in any order, each with name, role and phone).",
        {"people": value},
        _object({"people": {"type": "array", "items": schema}}),
        {"/people": "multiset"},
    )


def _trip(draw: random.Random) -> Problem:
    stops = draw.sample(CITIES, draw.randint(3, 5))
    written, day = _date(draw)
    nights = [draw.randint(1, 6) for _ in stops]
    parts = [f"{count} night{'s' * (count > 1)} in {city}" for city, count in zip(stops, nights, strict=True)]
    return Problem(
        f"{_name(draw)} sets out on {written}: first {parts[0]}, then {', then '.join(parts[1:])}. {draw.choice(ASIDES)}",
        "start (date), stops (a list in the order of the trip, each with city and nights).",
        {"start": day, "stops": [{"city": city, "nights": count} for city, count in zip(stops, nights, strict=True)]},
        _object({"start": DATE, "stops": {"type": "array", "items": _object({"city": TEXT, "nights": WHOLE})}}),
        {},
    )


def _invoice(draw: random.Random) -> Problem:
    customer, city, number = _name(draw), draw.choice(CITIES), f"R-{draw.randint(1000, 9999)}"
    written, day = _date(draw)
    goods = draw.sample(GOODS, draw.randint(2, 4))
    items, lines, total = [], [], 0
    for good in goods:
        count, cents = draw.randint(1, 6), draw.randint(200, 30_000)
        total += count * cents
        price = cents / 100 if cents % 100 else cents // 100
        items.append({"name": good, "count": count, "price": price})
        lines.append(f"{count} x {good} at {cents / 100:.2f} each")
    paid = draw.random() < 0.5
    end = "It has been paid." if paid else "Payment is due in 30 days."
    item = _object({"name": TEXT, "count": {"type": "integer", "minimum": 1}, "price": AMOUNT})
    return Problem(
        f"Invoice {number} of {written} to {customer}, {city}: {'; '.join(lines)}. {end} {draw.choice(ASIDES)}",
        "number, date, customer (an object with name and city), items (a list in any order, each with name, count and price "
        "of one piece), total (of all items), paid (true or false).",
        {
            "number": number,
            "date": day,
            "customer": {"name": customer, "city": city},
            "items": items,
            "total": total / 100 if total % 100 else total // 100,
            "paid": paid,
        },
        _object({
            "number": TEXT, "date": DATE, "customer": _object({"name": TEXT, "city": TEXT}),
            "items": {"type": "array", "items": item}, "total": AMOUNT, "paid": {"type": "boolean"},
        }),
        {"/items": "multiset", "/total": {"as": "number", "tolerance": 0.001}},
    )  # fmt: skip


def _club(draw: random.Random) -> Problem:
    teams: list[dict[str, Any]] = []
    sentences = [f"The club in {draw.choice(CITIES)} has these teams."]
    everyone = draw.sample([f"{first} {last}" for first in FIRST for last in LAST], 8)
    for colour in draw.sample(["red", "blue", "green", "white"], draw.randint(2, 3)):
        members = [everyone.pop() for _ in range(draw.randint(1, 2))]
        coach = everyone.pop() if everyone and draw.random() < 0.5 else None
        sentences.append(
            f"In the {colour} team are {' and '.join(members)}" + (f"; {coach} coaches it." if coach else ".")
        )
        teams.append({"colour": colour, "members": members, "coach": coach})
    schema = _object({"colour": TEXT, "members": {"type": "array", "items": TEXT}, "coach": MAYBE})
    count = sum(len(team["members"]) for team in teams)
    return Problem(
        " ".join(sentences),
        "teams (a list in the order of the text, each with colour, members (names in any order) and coach), members (how many "
        "there are in all teams, without coaches).",
        {"teams": teams, "members": count},
        _object({"teams": {"type": "array", "items": schema}, "members": WHOLE}),
        {"/teams/*/members": "multiset"},
    )


MAKERS = {"flat": [_person, _event], "list": [_staff, _trip], "nested": [_invoice, _club]}
