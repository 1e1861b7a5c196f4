"""The pack `sudoku`: one solution each, by a SAT solver, and no exchange moves a puzzle into the other split."""

import itertools
import random
from types import ModuleType
from typing import Any

import pytest

solvers = pytest.importorskip("pysat.solvers")

from rlvr.tasks.pack import load_pack


@pytest.fixture(scope="module")
def data() -> ModuleType:
    module = load_pack("sudoku").module("data")
    assert module is not None
    return module


def solutions(grid: list[list[int]], box: list[int]) -> list[list[list[int]]]:
    """Up to two solutions. A variable says that a cell has a digit; each unit has each digit, and no cell has two."""
    side, (rows, columns) = len(grid), box
    cells = range(side)

    def has(r: int, c: int, digit: int) -> int:
        return 1 + (r * side + c) * side + digit

    units = [[(r, c) for c in cells] for r in cells] + [[(r, c) for r in cells] for c in cells]
    units += [
        [(r + i, c + j) for i in range(rows) for j in range(columns)]
        for r in range(0, side, rows)
        for c in range(0, side, columns)
    ]
    clauses = [[has(r, c, d) for r, c in unit] for unit in units for d in cells]
    clauses += [
        [-has(r, c, d), -has(r, c, e)] for r in cells for c in cells for d, e in itertools.combinations(cells, 2)
    ]
    clauses += [[has(r, c, grid[r][c] - 1)] for r in cells for c in cells if grid[r][c]]
    solutions = []
    with solvers.Solver(name="cadical153", bootstrap_with=clauses) as solver:
        while len(solutions) < 2 and solver.solve():
            true = {literal for literal in solver.get_model() if literal > 0}
            solutions.append([[next(d + 1 for d in cells if has(r, c, d) in true) for c in cells] for r in cells])
            solver.add_clause([-literal for literal in true])
    return solutions


def test_each_puzzle_has_the_gold_answer_as_its_only_solution(data: ModuleType) -> None:
    for row in data.generate("test", 90, 3):
        gold = [[int(cell) for cell in line.split()] for line in row["gold"].split("\n")]
        assert solutions(row["metadata"]["grid"], row["metadata"]["box"]) == [gold]


def test_exchanges_keep_the_split(data: ModuleType) -> None:
    draw = random.Random(0)
    for split in ("train", "test"):
        for row in data.generate(split, 90, 4):
            puzzle, box = row["metadata"]["grid"], tuple(row["metadata"]["box"])
            other, _ = data._exchange(draw, puzzle, puzzle, box)
            assert data.held_out(other, box) == data.held_out(puzzle, box) == (split == "test")


def test_asking_for_more_puzzles_than_there_are_is_said(data: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "LEVELS", {"four": (2, 2)})
    monkeypatch.setattr(data, "BASES", {"four": 1})
    monkeypatch.setattr(data, "MORE", {"four": 0})
    monkeypatch.setattr(data, "GIVE_UP", 50)
    monkeypatch.setattr(data, "held_out", lambda *_: False)
    rows: list[Any] = []
    with pytest.raises(ValueError, match="there are not 100000 different puzzles"):
        rows.extend(data.generate("train", 100_000, 77))
