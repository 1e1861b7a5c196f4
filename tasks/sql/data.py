"""Questions about two databases, a shop and a school, with their gold queries, from a seed.

A question is a template with constants. A hash of its text decides the split, so no test question can be a training
question, whatever the seeds and sizes. Each template has near misses: wrong queries of the kind that people write.
"""

import datetime
import hashlib
import random
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

TEST_SHARE = 5  # one question in five

Row = dict[str, Any]
KEY = {"type": "integer", "key": True}
CITIES = ["Oslo", "Rome", "Lima", "Cairo", "Porto", "Kyoto"]
KINDS = ["book", "lamp", "chair", "rug", "clock", "vase"]
CLUBS = ["chess", "choir", "robotics", "drama", "rowing"]
SUBJECTS = ["maths", "history", "physics", "music", "art"]

SHOP: dict[str, dict[str, Any]] = {
    "customer": {
        "id": KEY, "name": "text", "city": {"type": "text", "values": CITIES}, "joined": "date",
        "email": {"type": "text", "null": True},
    },
    "product": {
        "id": KEY, "name": "text", "kind": {"type": "text", "values": KINDS},
        "price": {"type": "integer", "min": 1, "max": 250}, "stock": {"type": "integer", "null": True, "max": 60},
    },
    "purchase": {
        "id": KEY, "customer_id": {"type": "integer", "references": "customer.id"},
        "product_id": {"type": "integer", "references": "product.id"}, "amount": {"type": "integer", "min": 1, "max": 9},
        "day": "date",
    },
}  # fmt: skip
SCHOOL: dict[str, dict[str, Any]] = {
    "teacher": {"id": KEY, "name": "text", "subject": {"type": "text", "values": SUBJECTS}},
    "course": {
        "id": KEY, "title": "text", "credits": {"type": "integer", "min": 1, "max": 12},
        "teacher_id": {"type": "integer", "null": True, "references": "teacher.id"},
    },
    "student": {
        "id": KEY, "name": "text", "year": {"type": "integer", "min": 1, "max": 6}, "born": "date",
        "club": {"type": "text", "null": True, "values": CLUBS},
    },
    "enrolment": {
        "student_id": {"type": "integer", "references": "student.id"},
        "course_id": {"type": "integer", "references": "course.id"},
        "grade": {"type": "integer", "null": True, "min": 0, "max": 20},
    },
}  # fmt: skip
DATABASES: dict[str, dict[str, dict[str, Any]]] = {"shop": SHOP, "school": SCHOOL}


class Problem(NamedTuple):
    """A question and its gold query; `wrong` are queries that return something else on some database."""

    text: str
    gold: str
    wrong: tuple[str, ...]
    ordered: bool = False


def generate(split: str, size: int, seed: int) -> Iterator[Row]:
    """`size` different rows of a split, the categories in turn."""
    draw = random.Random(f"sql {split} {seed}")
    seen: set[str] = set()
    categories = list(TEMPLATES)
    while len(seen) < size:
        category = categories[len(seen) % len(categories)]
        which, constants = draw.randrange(len(TEMPLATES[category])), draw.randrange(1 << 40)
        database, template = TEMPLATES[category][which]
        problem = template(random.Random(constants))
        key = re.sub(r"\W+", " ", problem.text.casefold())
        if key in seen or held_out(key) != (split == "test"):
            continue
        seen.add(key)
        yield {
            "id": f"{split}-{len(seen)}",
            "question": f"{create_statements(DATABASES[database])}\n\n{problem.text}",
            "gold": problem.gold,
            "category": category,
            "metadata": {
                "tables": DATABASES[database],
                "seed": constants % 1000,
                "ordered": problem.ordered,
                "template": [which, constants],
            },
        }


def held_out(key: str) -> bool:
    """Whether the question belongs to the test split."""
    return hashlib.sha256(key.encode()).digest()[0] % TEST_SHARE == 0


def near_misses(row: Row, draw: random.Random) -> list[str]:
    """The template's wrong queries, and some that are wrong for any question."""
    which, constants = row["metadata"]["template"]
    wrong = list(TEMPLATES[row["category"]][which][1](random.Random(constants)).wrong)
    gold = row["gold"]
    first = re.match(r"(?:WITH .*?\) )?SELECT (?:DISTINCT )?", gold, re.DOTALL)
    assert first is not None
    wrong.append(gold[: first.end()] + "1, " + gold[first.end() :])  # an extra column
    wrong.append(f"SELECT * FROM ({gold}) WHERE 1 = 0")
    wrong.append(f"SELECT * FROM ({gold}) UNION ALL SELECT * FROM ({gold})")
    draw.shuffle(wrong)
    return [f"```sql\n{query}\n```" for query in wrong]


def create_statements(tables: dict[str, dict[str, Any]]) -> str:
    """The tables as CREATE TABLE statements."""
    lines = []
    for name, columns in tables.items():
        listed = []
        for column, given in columns.items():
            spec = {"type": given} if isinstance(given, str) else given
            kind = {"integer": "INTEGER", "text": "TEXT", "date": "DATE", "real": "REAL"}[spec["type"]]
            extra = " PRIMARY KEY" if spec.get("key") else "" if spec.get("null") else " NOT NULL"
            if "references" in spec:
                table, _, key = spec["references"].partition(".")
                extra += f" REFERENCES {table}({key})"
            listed.append(f"{column} {kind}{extra}")
        lines.append(f"CREATE TABLE {name} ({', '.join(listed)});")
    return "\n".join(lines)


def _day(draw: random.Random) -> str:
    return (datetime.date(2019, 3, 1) + datetime.timedelta(days=draw.randrange(1900))).isoformat()


# ---- one table


def _dear(draw: random.Random) -> Problem:
    kind, price = draw.choice(KINDS), draw.randint(10, 240)
    gold = f"SELECT name, price FROM product WHERE kind = '{kind}' AND price > {price}"
    return Problem(
        f"Name and price of each product of kind '{kind}' that costs more than {price}.",
        gold,
        (gold.replace(" > ", " >= "), gold.replace(" > ", " < "), gold.replace("SELECT", "SELECT DISTINCT"),
         gold.replace(" AND ", " OR "), gold.replace("name, price", "price, name"), gold.replace(str(price), str(price + 1))),
    )  # fmt: skip


def _between(draw: random.Random) -> Problem:
    low = draw.randint(5, 150)
    high = low + draw.randint(5, 80)
    gold = f"SELECT id FROM product WHERE price BETWEEN {low} AND {high} AND stock IS NOT NULL"
    return Problem(
        f"The ids of the products that cost from {low} to {high}, both included, and whose stock is known.",
        gold,
        (gold.replace("IS NOT NULL", "IS NULL"), gold.replace(" AND stock IS NOT NULL", ""),
         gold.replace("IS NOT NULL", "> 0"), gold.replace(f"BETWEEN {low} AND {high}", f"> {low} AND price < {high}"),
         gold.replace("IS NOT NULL", "<> NULL")),
    )  # fmt: skip


def _since(draw: random.Random) -> Problem:
    day, city = _day(draw), draw.choice(CITIES)
    gold = f"SELECT name FROM customer WHERE joined >= '{day}' AND city <> '{city}' ORDER BY joined DESC, id"
    return Problem(
        f"The names of the customers who joined on {day} or later and don't live in {city}; those who joined last come "
        "first, and on one day those with the smaller id.",
        gold,
        (gold.replace(" >= ", " > "), gold.replace(" DESC", ""), gold.partition(" ORDER")[0], gold.replace("<>", "="),
         gold.replace(" DESC, id", " DESC, id DESC"), gold.replace(">=", "<=")),
        ordered=True,
    )  # fmt: skip


def _club(draw: random.Random) -> Problem:
    club, year, day = draw.choice(CLUBS), draw.randint(2, 6), _day(draw)
    gold = (
        f"SELECT id, name FROM student WHERE (club IS NULL OR club <> '{club}') AND (year < {year} OR born > '{day}')"
    )
    return Problem(
        f"Id and name of the students who are not in the {club} club (those in no club count) and who are in a year "
        f"below {year} or were born after {day}.",
        gold,
        (gold.replace("club IS NULL OR ", ""), gold.replace(f"year < {year}", f"year <= {year}"),
         gold.replace("(", "").replace(")", ""), gold.replace("born > ", "born < "), gold.replace("id, name", "name, id")),
    )  # fmt: skip


# ---- groups of one table


def _per_kind(draw: random.Random) -> Problem:
    price, least = draw.randint(5, 200), draw.randint(2, 3)
    gold = f"SELECT kind, AVG(price) FROM product WHERE price >= {price} GROUP BY kind HAVING COUNT(*) >= {least}"
    return Problem(
        f"For each kind of product: the kind and the average price of its products that cost {price} or more, if there "
        f"are at least {least} such products.",
        gold,
        (gold.replace(f">= {least}", f"> {least}"), gold.partition(" HAVING")[0], gold.replace("AVG", "MAX"),
         gold.replace(f" WHERE price >= {price}", ""), gold.replace("AVG(price)", "AVG(DISTINCT price)"),
         gold.replace("AVG", "SUM")),
    )  # fmt: skip


def _known(draw: random.Random) -> Problem:
    day = _day(draw)
    gold = f"SELECT city, COUNT(*), COUNT(email) FROM customer WHERE joined < '{day}' GROUP BY city"
    return Problem(
        f"For each city with customers who joined before {day}: the city, how many such customers there are, and how "
        "many of them have an email address.",
        gold,
        (gold.replace("COUNT(email)", "COUNT(*)"), gold.replace("< '", "<= '"), gold.partition(" WHERE")[0] + " GROUP BY city",
         gold.replace("COUNT(*)", "COUNT(DISTINCT name)"), gold.replace("COUNT(*), COUNT(email)", "COUNT(email), COUNT(*)")),
    )  # fmt: skip


def _total(draw: random.Random) -> Problem:
    first = datetime.date.fromisoformat(_day(draw))
    last = first + datetime.timedelta(days=draw.randint(20, 700))
    gold = f"SELECT COUNT(*), COALESCE(SUM(amount), 0) FROM purchase WHERE day >= '{first}' AND day < '{last}'"
    return Problem(
        f"How many purchases there were from {first} (included) to {last} (not included), and the sum of their amounts, "
        "which is 0 where there is none.",
        gold,
        (gold.replace("COALESCE(SUM(amount), 0)", "SUM(amount)"), gold.replace("day < ", "day <= "),
         gold.replace("day >= ", "day > "), gold.replace("COUNT(*)", "COUNT(DISTINCT customer_id)"),
         gold.replace("SUM(", "MAX(")),
    )  # fmt: skip


def _years(draw: random.Random) -> Problem:
    day = _day(draw)
    gold = f"SELECT year, COUNT(DISTINCT club) FROM student WHERE born >= '{day}' GROUP BY year ORDER BY year DESC"
    return Problem(
        f"For each year with students born on {day} or later, from the highest year to the lowest: the year and how many "
        "different clubs those students are in.",
        gold,
        (gold.replace("DISTINCT ", ""), gold.replace("COUNT(DISTINCT club)", "COUNT(*)"), gold.replace(">=", ">"),
         gold.replace(" DESC", ""), gold.partition(" ORDER")[0], gold.replace("COUNT(DISTINCT club)", "COUNT(DISTINCT id)")),
        ordered=True,
    )  # fmt: skip


# ---- several tables


def _per_city(draw: random.Random) -> Problem:
    city, amount = draw.choice(CITIES), draw.randint(2, 8)
    day = _day(draw)
    gold = (
        "SELECT c.name, p.day FROM customer c JOIN purchase p ON p.customer_id = c.id "
        f"WHERE c.city = '{city}' AND p.amount >= {amount} AND p.day >= '{day}'"
    )
    return Problem(
        f"For each purchase of {amount} or more pieces on {day} or later by a customer who lives in {city}: the "
        "customer's name and the day.",
        gold,
        (gold.replace(f">= {amount}", f"> {amount}"), gold.replace("SELECT", "SELECT DISTINCT"),
         gold.replace("p.customer_id = c.id", "p.id = c.id"), gold.replace("JOIN purchase p ON p.customer_id = c.id",
         "CROSS JOIN purchase p"), gold.replace("p.day >= ", "p.day > "), gold.replace(f"c.city = '{city}' AND ", "")),
    )  # fmt: skip


def _spent(draw: random.Random) -> Problem:
    kind, day = draw.choice(KINDS), _day(draw)
    gold = (
        "SELECT c.id, COALESCE(SUM(p.amount * r.price), 0) FROM customer c LEFT JOIN purchase p ON p.customer_id = c.id "
        f"AND p.day > '{day}' LEFT JOIN product r ON r.id = p.product_id AND r.kind = '{kind}' GROUP BY c.id"
    )
    return Problem(
        f"For every customer: the id, and what the customer spent (amount times price) after {day} on products of kind "
        f"'{kind}'; 0 for those who bought none.",
        gold,
        (gold.replace("LEFT JOIN", "JOIN"), gold.replace("p.amount * r.price", "r.price"),
         gold.replace("COALESCE(SUM(p.amount * r.price), 0)", "SUM(p.amount * r.price)"), gold.replace("p.day > ", "p.day >= "),
         gold.replace(f" AND p.day > '{day}'", "").replace(" GROUP", f" WHERE p.day > '{day}' GROUP")),
    )  # fmt: skip


def _load(draw: random.Random) -> Problem:
    subject, credits = draw.choice(SUBJECTS), draw.randint(2, 11)
    day = _day(draw)
    gold = (
        "SELECT t.name, c.title, COUNT(s.id) FROM teacher t JOIN course c ON c.teacher_id = t.id "
        "LEFT JOIN enrolment e ON e.course_id = c.id "
        f"LEFT JOIN student s ON s.id = e.student_id AND s.born < '{day}' "
        f"WHERE t.subject <> '{subject}' AND c.credits <= {credits} GROUP BY c.id"
    )
    return Problem(
        f"For each course of {credits} credits or fewer whose teacher teaches a subject other than {subject}: the "
        f"teacher's name, the title, and the number of enrolments of students born before {day} (0 where there are none).",
        gold,
        (gold.replace("LEFT JOIN", "JOIN"), gold.replace("COUNT(s.id)", "COUNT(*)"), gold.replace("<= ", "< "),
 gold.replace("GROUP BY c.id", "GROUP BY t.id"),
         gold.replace("s.born < ", "s.born <= ")),
    )  # fmt: skip


def _grades(draw: random.Random) -> Problem:
    year, grade, day = draw.randint(1, 6), draw.randint(3, 18), _day(draw)
    gold = (
        "SELECT DISTINCT s.id, s.name FROM student s JOIN enrolment e ON e.student_id = s.id "
        f"WHERE (s.year <> {year} OR s.born < '{day}') AND e.grade >= {grade}"
    )
    return Problem(
        f"Id and name, once each, of the students who are not in year {year} or were born before {day}, and who have a "
        f"grade of {grade} or more in some course.",
        gold,
        (gold.replace("DISTINCT ", ""), gold.replace("SELECT DISTINCT s.id, s.name", "SELECT DISTINCT s.name, s.id"),
         gold.replace("e.grade >=", "e.grade >"), gold.replace("s.born <", "s.born >="),
         gold.replace("(", "").replace(")", ""), gold.replace(f"AND e.grade >= {grade}", "")),
    )  # fmt: skip


# ---- subqueries


def _absent(draw: random.Random) -> Problem:
    day, city = _day(draw), draw.choice(CITIES)
    gold = (
        f"SELECT name FROM customer WHERE city = '{city}' AND NOT EXISTS "
        f"(SELECT 1 FROM purchase WHERE customer_id = customer.id AND day >= '{day}')"
    )
    return Problem(
        f"The names of the customers in {city} who bought nothing on {day} or later.",
        gold,
        (gold.replace("NOT EXISTS", "EXISTS"), gold.replace(">=", ">"), gold.replace(f" AND day >= '{day}'", ""),
         gold.replace(f"city = '{city}' AND ", ""), gold.replace("SELECT name", "SELECT DISTINCT name"),
         f"SELECT c.name FROM customer c JOIN purchase p ON p.customer_id = c.id WHERE c.city = '{city}' AND p.day < '{day}'"),
    )  # fmt: skip


def _dearest(draw: random.Random) -> Problem:
    price = draw.randint(20, 240)
    stock = draw.randint(1, 50)
    inner = f"q.kind = product.kind AND q.price <= {price}"
    gold = (
        f"SELECT kind, name FROM product WHERE price <= {price} AND stock >= {stock} AND price = "
        f"(SELECT MAX(q.price) FROM product q WHERE {inner})"
    )
    return Problem(
        f"Of the products that cost {price} or less, those whose price is the highest of their kind (several if they tie) "
        f"and of which at least {stock} are in stock: kind and name.",
        gold,
        (gold.replace(f" AND q.price <= {price}", ""), gold.replace("q.kind = product.kind AND ", ""),
         gold.replace("MAX", "MIN"), gold.replace(f"stock >= {stock}", f"stock > {stock}"), gold + " LIMIT 1",
         gold.replace(f" AND stock >= {stock}", "")),
    )  # fmt: skip


def _above(draw: random.Random) -> Problem:
    year, day = draw.randint(2, 6), _day(draw)
    gold = (
        "SELECT e.student_id, e.course_id, e.grade FROM enrolment e JOIN student s ON s.id = e.student_id "
        f"WHERE (s.year >= {year} OR s.born > '{day}') AND e.grade > "
        "(SELECT AVG(x.grade) FROM enrolment x WHERE x.course_id = e.course_id)"
    )
    return Problem(
        f"The enrolments of students in year {year} or above, or born after {day}, whose grade is higher than the average "
        "grade of their course: student id, course id and grade.",
        gold,
        (gold.replace("e.grade > ", "e.grade >= "), gold.replace(" WHERE x.course_id = e.course_id", ""),
         gold.replace("AVG(x.grade)", "AVG(COALESCE(x.grade, 0))"), gold.replace("x.course_id = e.course_id",
         "x.student_id = e.student_id"), gold.replace("s.born > ", "s.born < ")),
    )  # fmt: skip


def _idle(draw: random.Random) -> Problem:
    credits, club = draw.randint(2, 11), draw.choice(CLUBS)
    day = _day(draw)
    gold = (
        f"SELECT title FROM course WHERE credits >= {credits} AND id NOT IN (SELECT e.course_id FROM enrolment e "
        f"JOIN student s ON s.id = e.student_id WHERE s.club = '{club}' AND s.born <= '{day}')"
    )
    return Problem(
        f"The titles of the courses of {credits} credits or more in which no student of the {club} club born on {day} or "
        "earlier is enrolled.",
        gold,
        (gold.replace("NOT IN", "IN"), gold.replace(f">= {credits}", f"> {credits}"), gold.replace(" <= ", " < "),
         gold.replace(f"s.club = '{club}' AND ", ""), gold.replace(f"credits >= {credits} AND ", ""),
         gold.replace("SELECT title", "SELECT DISTINCT title")),
    )  # fmt: skip


TEMPLATES: dict[str, list[tuple[str, Callable[[random.Random], Problem]]]] = {
    "filter": [("shop", _dear), ("shop", _between), ("shop", _since), ("school", _club)],
    "aggregate": [("shop", _per_kind), ("shop", _known), ("shop", _total), ("school", _years)],
    "join": [("shop", _per_city), ("shop", _spent), ("school", _load), ("school", _grades)],
    "nested": [("shop", _absent), ("shop", _dearest), ("school", _above), ("school", _idle)],
}
