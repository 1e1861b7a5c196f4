"""Clauses, formulas and zebra puzzles from seeds: the planted answer is accepted, and near misses are refused. See conftest.py."""

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("lark")
pytest.importorskip("pysat")

from rlvr.verifiers.symbolic.logic.verifier import logic

Problem = tuple[dict[str, Any], str, list[str]]  # metadata, an answer, near misses


def clauses(draw: random.Random) -> Problem:
    """3-SAT with a planted solution; near misses break a clause."""
    count = draw.randint(4, 20)
    values = {n: draw.random() < 0.5 for n in range(1, count + 1)}
    cnf = []
    while len(cnf) < 4 * count:
        clause = [n * draw.choice((1, -1)) for n in draw.sample(range(1, count + 1), 3)]
        if any(values[abs(n)] == (n > 0) for n in clause):
            cnf.append(clause)
    broken = dict(values)
    for literal in draw.choice(cnf):
        broken[abs(literal)] = literal < 0

    def written(values: dict[int, bool]) -> str:
        return ", ".join(f"x{n} = {str(value).lower()}" for n, value in values.items())

    count = max(abs(n) for clause in cnf for n in clause)
    values = {n: value for n, value in values.items() if n <= count}
    broken = {n: value for n, value in broken.items() if n <= count}
    fewer = dict(list(values.items())[1:])
    wrong = [
        written(broken),
        written(fewer),
        written(values) + ", x1 = true",
        "unsatisfiable",
        written(values).replace("x", "y"),
    ]
    return {"kind": "assignment", "cnf": cnf}, written(values), wrong


def formulas(draw: random.Random) -> Problem:
    """A formula and its disjunctive normal form by truth table; near misses leave out a row, or add one."""
    names = "pqrs"[: draw.randint(2, 4)]

    def tree(depth: int) -> Any:
        if depth == 0:
            return draw.choice(names)
        op = draw.choice(["and", "or", "xor", "->", "<->", "not"])
        return (op, tree(depth - 1)) if op == "not" else (op, tree(depth - 1), tree(depth - 1))

    def written(t: Any) -> str:
        if isinstance(t, str):
            return t
        return f"not ({written(t[1])})" if t[0] == "not" else f"({written(t[1])}) {t[0]} ({written(t[2])})"

    def true(t: Any, row: dict[str, bool]) -> bool:
        if isinstance(t, str):
            return row[t]
        parts = [true(part, row) for part in t[1:]]
        a, b = parts[0], parts[-1]
        return {"not": not a, "and": a and b, "or": a or b, "xor": a != b, "->": not a or b, "<->": a == b}[t[0]]

    everything = " and ".join(f"({n} or not {n})" for n in names)  # so that every name is a variable of the problem
    chosen = tree(3)
    rows = [dict(zip(names, row, strict=True)) for row in itertools.product((True, False), repeat=len(names))]
    fits = [row for row in rows if true(chosen, row)]

    def normal(rows: list[dict[str, bool]]) -> str:
        terms = [" and ".join(n if row[n] else f"not {n}" for n in names) for row in rows]
        return " or ".join(f"({term})" for term in terms) or f"{names[0]} and not {names[0]}"

    rest = [row for row in rows if row not in fits]
    wrong = [normal(fits[1:])] if fits else []
    wrong += [normal([*fits, rest[0]])] if rest else []
    wrong += [normal(fits) + " or z", normal(fits) + " or", f"not ({normal(fits)})", normal(fits).upper()]
    return (
        {"kind": "formula", "formula": f"({written(chosen)}) and {everything}", "relation": "equivalent"},
        normal(fits),
        wrong,
    )


def zebras(draw: random.Random) -> Problem:
    """Clues that pin every value to its house; any exchange of two values breaks one."""
    houses = draw.randint(2, 6)
    attributes = {kind: [f"{kind}{n}" for n in range(houses)] for kind in ("hue", "pet", "drink")[: draw.randint(1, 3)]}
    place = {v: n for values in attributes.values() for n, v in enumerate(draw.sample(values, houses), 1)}
    clues = [["at", v, n] for v, n in place.items()]

    def written(place: dict[str, int]) -> str:
        return "\n".join(f"{n}: " + ", ".join(v for v in place if place[v] == n) for n in range(1, houses + 1))

    a, b = draw.sample(next(iter(attributes.values())), 2)
    exchanged = {**place, a: place[b], b: place[a]}
    gold = written(place)
    wrong = [written(exchanged), gold.partition("\n")[2], gold + "\n" + gold, gold.replace(a, b)]
    return {"kind": "zebra", "houses": houses, "attributes": attributes, "clues": clues}, gold, wrong


@pytest.mark.parametrize("make", [clauses, formulas, zebras])
def test_planted_answers_are_accepted_and_near_misses_refused(
    try_problems: Callable[..., None], make: Callable[..., Problem]
) -> None:
    try_problems(logic, make)
