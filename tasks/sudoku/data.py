"""Sudokus of sides 4, 6 and 9 with one solution each, from a seed.

A solver digs a few base puzzles out of random grids. Each example is one of them with some more cells filled in, and its
digits, rows, columns, bands and stacks exchanged, which keeps the solution unique. A hash of the counts of givens by digit,
row and column, which no such exchange changes, decides the split: no test puzzle is an exchange of a training puzzle.
"""

import functools
import hashlib
import random
from collections.abc import Iterator
from typing import Any

LEVELS = {"four": (2, 2), "six": (2, 3), "nine": (3, 3)}  # rows and columns of a box
BASES = {"four": 60, "six": 40, "nine": 24}  # base puzzles
FEWEST = {"four": 5, "six": 12, "nine": 30}  # givens of a base puzzle, about
MORE = {"four": 4, "six": 8, "nine": 16}  # givens added, at most
TEST_SHARE = 5  # one shape in five
GIVE_UP = 1000  # repeated puzzles in a row

Row = dict[str, Any]
Grid = list[list[int]]


def generate(split: str, size: int, seed: int) -> Iterator[Row]:
    """`size` different rows of a split, the levels in turn. Raises ValueError if there are too few puzzles."""
    draw = random.Random(f"sudoku {split} {seed}")
    levels = list(LEVELS)
    seen: set[str] = set()
    repeated = 0
    while len(seen) < size:
        level = levels[len(seen) % len(levels)]
        box = LEVELS[level]
        puzzle, solution = draw.choice(_bases(level, seed))
        puzzle, solution = _exchange(draw, _fill(draw, puzzle, solution, MORE[level]), solution, box)
        text = "\n".join(" ".join(str(cell or "_") for cell in row) for row in puzzle)
        if held_out(puzzle, box) != (split == "test"):
            continue
        if text in seen:
            repeated += 1
            if repeated > GIVE_UP:
                raise ValueError(f"there are not {size} different puzzles; ask for fewer")
            continue
        seen.add(text)
        repeated = 0
        side, (rows, columns) = len(puzzle), box
        yield {
            "id": f"{split}-{len(seen)}",
            "question": f"Fill in the sudoku: each row, each column and each box of {rows} rows and {columns} columns has "
            f"the digits 1 to {side} once.\n\n{text}",
            "gold": "\n".join(" ".join(map(str, row)) for row in solution),
            "category": level,
            "metadata": {"kind": "sudoku", "grid": puzzle, "box": list(box)},
        }


def held_out(puzzle: Grid, box: tuple[int, int]) -> bool:
    """Whether puzzles of this shape belong to the test split. The shape is the same after every exchange."""
    side = len(puzzle)
    digits = sorted(sum(row.count(digit) for row in puzzle) for digit in range(1, side + 1))
    by_row = _profile([[cell > 0 for cell in row] for row in puzzle], box[0])
    by_column = _profile([[row[c] > 0 for row in puzzle] for c in range(side)], box[1])
    return hashlib.sha256(f"{digits} {by_row} {by_column}".encode()).digest()[0] % TEST_SHARE == 0


def _profile(lines: list[list[bool]], group: int) -> list[list[int]]:
    counts = [sum(line) for line in lines]
    return sorted(sorted(counts[start : start + group]) for start in range(0, len(counts), group))


@functools.cache
def _bases(level: str, seed: int) -> list[tuple[Grid, Grid]]:
    """The base puzzles of a level, and the solution of each."""
    draw = random.Random(f"sudoku {level} {seed}")
    bases = []
    for _ in range(BASES[level]):
        box = LEVELS[level]
        side = box[0] * box[1]
        solution = [[0] * side for _ in range(side)]
        _solve(solution, box, 1, draw)
        puzzle = [row[:] for row in solution]
        cells = [(r, c) for r in range(side) for c in range(side)]
        draw.shuffle(cells)
        givens = len(cells)
        for r, c in cells:
            if givens <= FEWEST[level]:
                break
            puzzle[r][c] = 0
            if _solve([row[:] for row in puzzle], box, 2) > 1:
                puzzle[r][c] = solution[r][c]
            else:
                givens -= 1
        bases.append((puzzle, solution))
    return bases


def _solve(grid: Grid, box: tuple[int, int], most: int, draw: random.Random | None = None) -> int:
    """Counts solutions, up to `most`, and leaves the last in `grid`. It always fills the cell with the fewest choices next."""
    side, (rows, columns) = len(grid), box
    everything = (1 << side) - 1
    row_free, column_free, box_free = [everything] * side, [everything] * side, [everything] * side
    empty = []
    for r in range(side):
        for c in range(side):
            b = r // rows * rows + c // columns
            if grid[r][c]:
                bit = 1 << grid[r][c] - 1
                row_free[r] ^= bit
                column_free[c] ^= bit
                box_free[b] ^= bit
            else:
                empty.append((r, c, b))

    def search(left: int) -> int:
        if not empty:
            return 1
        best, fewest = 0, side + 1
        for index, (r, c, b) in enumerate(empty):
            count = (row_free[r] & column_free[c] & box_free[b]).bit_count()
            if count < fewest:
                best, fewest = index, count
                if count <= 1:
                    break
        if not fewest:
            return 0
        cell = empty.pop(best)
        r, c, b = cell
        choices = [d for d in range(side) if row_free[r] & column_free[c] & box_free[b] & 1 << d]
        if draw is not None:
            draw.shuffle(choices)
        solutions = 0
        for digit in choices:
            bit = 1 << digit
            row_free[r] ^= bit
            column_free[c] ^= bit
            box_free[b] ^= bit
            grid[r][c] = digit + 1
            solutions += search(left - solutions)
            if solutions >= left:
                return solutions
            row_free[r] ^= bit
            column_free[c] ^= bit
            box_free[b] ^= bit
        grid[r][c] = 0
        empty.insert(best, cell)
        return solutions

    return search(most)


def _fill(draw: random.Random, puzzle: Grid, solution: Grid, most: int) -> Grid:
    """The puzzle with up to `most` more cells filled in."""
    filled = [row[:] for row in puzzle]
    empty = [(r, c) for r, row in enumerate(puzzle) for c, cell in enumerate(row) if not cell]
    for r, c in draw.sample(empty, min(len(empty) - 1, draw.randint(0, most))):
        filled[r][c] = solution[r][c]
    return filled


def _exchange(draw: random.Random, puzzle: Grid, solution: Grid, box: tuple[int, int]) -> tuple[Grid, Grid]:
    """Both with digits renamed, and rows, columns, bands and stacks exchanged."""
    side = len(puzzle)
    digits = [0, *draw.sample(range(1, side + 1), side)]
    rows, columns = _order(draw, side, box[0]), _order(draw, side, box[1])
    return (
        [[digits[puzzle[r][c]] for c in columns] for r in rows],
        [[digits[solution[r][c]] for c in columns] for r in rows],
    )


def _order(draw: random.Random, side: int, group: int) -> list[int]:
    bands = [draw.sample(range(start, start + group), group) for start in range(0, side, group)]
    draw.shuffle(bands)
    return [index for band in bands for index in band]


def near_misses(row: Row, draw: random.Random) -> list[str]:
    """Two cells exchanged, a cell changed, the givens changed, a row missing or twice, the puzzle itself."""
    solution = [[int(cell) for cell in line.split()] for line in row["gold"].split("\n")]
    puzzle, side = row["metadata"]["grid"], len(solution)
    r = draw.randrange(side)
    a, b = draw.sample(range(side), 2)
    in_row = [line[:] for line in solution]
    in_row[r][a], in_row[r][b] = in_row[r][b], in_row[r][a]
    changed = [line[:] for line in solution]
    changed[r][a] = changed[r][a] % side + 1
    given = draw.choice([cell for line in puzzle for cell in line if cell])
    other = given % side + 1
    renamed = [[{given: other, other: given}.get(cell, cell) for cell in line] for line in solution]
    turned = solution[1:] + solution[:1]  # another grid: rows differ, and the solution is the only one
    grids = [
        in_row,
        changed,
        renamed,
        turned,
        solution[:-1],
        [*solution, solution[0]],
        [line[:-1] for line in solution],
        puzzle,
    ]
    grids += [[[0 if cell == given else cell for cell in line] for line in solution]]
    return ["<answer>\n" + "\n".join(" ".join(map(str, line)) for line in grid) + "\n</answer>" for grid in grids]
