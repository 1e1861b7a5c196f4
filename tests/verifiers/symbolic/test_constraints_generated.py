"""Grids, schedules and values from seeds: the planted answer is accepted, and near misses are refused. See conftest.py."""

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("z3")

from rlvr.verifiers.symbolic.constraints.verifier import constraints

Problem = tuple[dict[str, Any], str, list[str]]  # metadata, an answer, near misses


def rows(grid: list[list[int]]) -> str:
    return "\n".join(" ".join(map(str, row)) for row in grid)


def futoshikis(draw: random.Random) -> Problem:
    side = draw.randint(3, 7)
    order, digits = draw.sample(range(side), side), draw.sample(range(1, side + 1), side)
    grid = [[digits[(order[r] + c) % side] for c in range(side)] for r in range(side)]
    less = []
    for r in range(side):
        for c in range(side - 1):
            a, b = [r + 1, c + 1], [r + 1, c + 2]
            less.append([a, b] if grid[r][c] < grid[r][c + 1] else [b, a])
    givens = [[cell if draw.random() < 0.3 else 0 for cell in row] for row in grid]
    r, (a, b) = draw.randrange(side), draw.sample(range(side), 2)
    swapped = [row[:] for row in grid]
    swapped[r][a], swapped[r][b] = grid[r][b], grid[r][a]
    wrong = [
        rows(swapped),
        rows([row[::-1] for row in grid]),
        rows(grid[1:]),
        rows([[side + 1 - x for x in row] for row in grid]),
    ]
    return {"kind": "futoshiki", "grid": givens, "less": less}, rows(grid), wrong


def queens(draw: random.Random) -> Problem:
    """The knights' pattern that solves sides of the form 6k and 6k + 4; near misses move or exchange queens."""
    side = draw.choice([4, 6, 10, 12, 16, 18, 22])
    gold = [*range(2, side + 1, 2), *range(1, side, 2)]
    if draw.random() < 0.5:
        gold.reverse()
    moved = [gold[0] % side + 1, *gold[1:]]
    wrong = [moved, gold[1:], [*gold, 1], sorted(gold), [x - 1 for x in gold]]
    return {"kind": "queens", "side": side}, ", ".join(map(str, gold)), [", ".join(map(str, w)) for w in wrong]


def magic_squares(draw: random.Random) -> Problem:
    """De la Loubère's method for odd sides."""
    side = draw.choice([3, 5, 7, 9])
    grid = [[0] * side for _ in range(side)]
    r, c = 0, side // 2
    for number in range(1, side * side + 1):
        grid[r][c] = number
        up, right = (r - 1) % side, (c + 1) % side
        r, c = ((r + 1) % side, c) if grid[up][right] else (up, right)
    if draw.random() < 0.5:
        grid = [list(row) for row in zip(*grid, strict=True)]
    if draw.random() < 0.5:
        grid = grid[::-1]
    (r, a), (s, b) = draw.sample([(i, j) for i in range(side) for j in range(side)], 2)
    swapped = [row[:] for row in grid]
    swapped[r][a], swapped[s][b] = grid[s][b], grid[r][a]
    wrong = [swapped, [[x + 1 for x in row] for row in grid], grid[1:], [[1] * side] * side, grid[1:] + grid[:1]]
    return {"kind": "magic_square", "side": side}, rows(grid), [rows(w) for w in wrong]


def schedules(draw: random.Random) -> Problem:
    """Tasks in a row on one machine with as much time as they need: no shorter schedule exists."""
    count = draw.randint(2, 5)
    tasks: dict[str, Any] = {f"T{n}": {"duration": draw.randint(1, 9), "uses": {"machine": 1}} for n in range(count)}
    order = draw.sample(list(tasks), count)
    for before, after in itertools.pairwise(order):
        if draw.random() < 0.5:
            tasks[after]["after"] = [before]
    starts, at = {}, 0
    for name in order:
        starts[name], at = at, at + tasks[name]["duration"]

    def written(starts: dict[str, int]) -> str:
        return ", ".join(f"{name} = {start}" for name, start in starts.items())

    last = order[-1]
    wrong = [
        {**starts, last: starts[last] + 1},
        {**starts, last: starts[last] - 1},
        {n: s for n, s in starts.items() if n != last},
    ]
    wrong += [dict.fromkeys(starts, 0)]
    problem = {
        "kind": "schedule",
        "tasks": tasks,
        "resources": {"machine": 1},
        "optimal": draw.random() < 0.1,
        "makespan": at,
    }
    return problem, written(starts), [written(w) for w in wrong]


def values(draw: random.Random) -> Problem:
    """Linear equations that fix every variable; near misses are off by one."""
    names = "xyzuv"[: draw.randint(2, 5)]
    chosen = {name: draw.randint(-20, 20) for name in names}
    constraints = []
    for index, name in enumerate(names):
        terms = [(draw.randint(1, 5), name), *((draw.randint(-3, 3), other) for other in names[:index])]
        total = sum(factor * chosen[variable] for factor, variable in terms)
        constraints.append(" + ".join(f"{factor} * {variable}" for factor, variable in terms) + f" == {total}")
    problem: dict[str, Any] = {
        "kind": "values",
        "variables": {name: [-30, 30] for name in names},
        "constraints": constraints,
    }
    if draw.random() < 0.1:
        problem["maximize"] = names[0]  # the solution is the only one, so it is the best

    def written(chosen: dict[str, Any]) -> str:
        return ", ".join(f"{name} = {value}" for name, value in chosen.items())

    one = draw.choice(names)
    wrong = [{**chosen, one: chosen[one] + 1}, {**chosen, one: chosen[one] - 1}, {**chosen, one: f"{chosen[one]}.5"}]
    wrong += [{n: v for n, v in chosen.items() if n != one}, {**chosen, one: 31}, {**chosen, "w": 1}]
    return problem, written(chosen), [written(w) for w in wrong]


@pytest.mark.parametrize("make", [futoshikis, queens, magic_squares, schedules, values])
def test_planted_answers_are_accepted_and_near_misses_refused(
    try_problems: Callable[..., None], make: Callable[..., Problem]
) -> None:
    try_problems(constraints, make)
