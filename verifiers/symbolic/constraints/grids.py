"""Puzzles on square grids: sudoku, futoshiki, queens, magic squares. Rows and columns are numbered from 1.

Each check returns the broken constraint, or "". They raise Unreadable for the answer, VerifierError for the problem.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rlvr.verifiers.symbolic.fields import Unreadable, fail, field, short, whole

Grid = list[list[int]]
MAX_SIDE = 25
MAX_QUEENS = 200
MAX_DIGITS = 30

_RULER = re.compile(r"[\s|+:=─━│┼╋-]*")
_ROW = re.compile(r"\[([^\[\]]*)\]")


def sudoku(metadata: Mapping[str, Any], answer: str) -> str:
    """Rows, columns and boxes (`box`: rows and columns of one) hold each number once, and the given cells stay.

    Returns the broken constraint, or "". Raises Unreadable, and VerifierError for the problem.
    """
    givens = _givens(metadata)
    side = len(givens)
    rows, columns = field(metadata, "box", list, None) or [math.isqrt(side)] * 2
    if whole(rows, "box rows", 1, side) * whole(columns, "box columns", 1, side) != side:
        fail(f"boxes of {rows} x {columns} don't fit a side of {side}")
    grid = read_grid(answer, side)
    boxes = (
        (f"the box at row {r + 1}, column {c + 1}", [grid[r + i][c + j] for i in range(rows) for j in range(columns)])
        for r in range(0, side, rows)
        for c in range(0, side, columns)
    )
    return _changed(givens, grid) or _latin(grid) or _first_problem(boxes, side)


def futoshiki(metadata: Mapping[str, Any], answer: str) -> str:
    """Rows and columns hold each number once, and of each pair of cells in `less` the first holds less.

    Returns the broken constraint, or "". Raises Unreadable, and VerifierError for the problem.
    """
    givens = _givens(metadata)
    side = len(givens)
    signs = [_two_cells(pair, side) for pair in field(metadata, "less", list)]
    grid = read_grid(answer, side)
    problem = _changed(givens, grid) or _latin(grid)
    for (r, c), (s, d) in signs:
        if not problem and not grid[r - 1][c - 1] < grid[s - 1][d - 1]:
            problem = f"row {r}, column {c} must be less than row {s}, column {d}"
    return problem


def magic_square(metadata: Mapping[str, Any], answer: str) -> str:
    """`normal` (the default): of 1 to the number of cells; else of any different whole numbers. `sum`: what each line sums to.

    Returns the broken constraint, or "". Raises Unreadable, and VerifierError for the problem.
    """
    side = whole(metadata.get("side"), "field 'side'", 1, MAX_SIDE)
    givens = _givens(metadata, side) if "grid" in metadata else [[0] * side for _ in range(side)]
    normal = field(metadata, "normal", bool, True)
    total = metadata.get("sum")
    grid = read_grid(answer, side)
    cells = [cell for row in grid for cell in row]
    if normal and set(cells) != set(range(1, side * side + 1)):
        return f"it does not use each of 1 to {side * side} once"
    if len(set(cells)) != len(cells):
        return f"{next(cell for cell in cells if cells.count(cell) > 1)} appears twice"
    lines = [(f"row {i + 1}", row) for i, row in enumerate(grid)]
    lines += [(f"column {i + 1}", list(column)) for i, column in enumerate(zip(*grid, strict=True))]
    lines.append(("the diagonal", [grid[i][i] for i in range(side)]))
    lines.append(("the other diagonal", [grid[i][-1 - i] for i in range(side)]))
    expected = sum(grid[0]) if total is None else whole(total, "field 'sum'", -(10**MAX_DIGITS), 10**MAX_DIGITS)
    for name, line in lines:
        if sum(line) != expected:
            return f"{name} sums to {sum(line)}, not {expected}"
    return _changed(givens, grid)


def queens(metadata: Mapping[str, Any], answer: str) -> str:
    """The answer is the queens' columns, row by row. `fixed` holds the rows and columns of queens on the board already.

    Returns the broken constraint, or "". Raises Unreadable, and VerifierError for the problem.
    """
    side = whole(metadata.get("side"), "field 'side'", 1, MAX_QUEENS)
    fixed = [_cell(cell, side) for cell in field(metadata, "fixed", list, [])]
    columns = _numbers(answer.strip("[]() ."), "the answer")
    if len(columns) != side:
        raise Unreadable(f"{len(columns)} columns are given, {side} are asked for")
    seen: dict[tuple[str, int], int] = {}
    for row, column in enumerate(columns, 1):
        if not 1 <= column <= side:
            return f"row {row}: there is no column {column}"
        for line in (("column", column), ("diagonal", column - row), ("diagonal'", column + row)):
            if line in seen:
                return f"the queens of rows {seen[line]} and {row} attack each other on a {line[0].strip(chr(39))}"
            seen[line] = row
    for row, column in fixed:
        if columns[row - 1] != column:
            return f"the queen of row {row} must be in column {column}"
    return ""


def read_grid(text: str, side: int) -> Grid:
    """The rows of a grid: lines of numbers, of digits without spaces (up to 9), with rulers, or JSON. Raises Unreadable."""
    rows = _ROW.findall(text)
    if not rows:
        rows = [line for line in text.split("\n") if not _RULER.fullmatch(line)]
    if len(rows) == 1 and side <= 9 and re.fullmatch(f"[0-9]{{{side * side}}}", rows[0].strip()):
        rows = [rows[0].strip()[start : start + side] for start in range(0, side * side, side)]
    if len(rows) != side:
        raise Unreadable(f"the answer has {len(rows)} rows, not {side}")
    return [_row(row, side, number) for number, row in enumerate(rows, 1)]


def _row(text: str, side: int, number: int) -> list[int]:
    parts = re.split(r"[\s,|│]+", text.strip(" \t|│,"))
    digits = "".join(parts)
    if len(parts) != side <= 9 and re.fullmatch(f"[0-9]{{{side}}}", digits):
        parts = list(digits)
    row = [_number(part, "a row") for part in parts]
    if len(row) != side:
        raise Unreadable(f"row {number} has {len(row)} cells, not {side}")
    return row


def _numbers(text: str, what: str) -> list[int]:
    return [_number(part, what) for part in re.split(r"[\s,]+", text) if part]


def _number(text: str, what: str) -> int:
    if not re.fullmatch(f"-?[0-9]{{1,{MAX_DIGITS}}}", text):
        raise Unreadable(f"{what} has {short(text, 20)}, which is not a whole number")
    return int(text)


def _givens(metadata: Mapping[str, Any], side: int | None = None) -> Grid:
    """The field `grid`: rows as lists of numbers, or texts of digits; 0 or `.` is an empty cell."""
    rows = field(metadata, "grid", list)
    side = side or len(rows)
    if not 1 <= side <= MAX_SIDE or len(rows) != side:
        fail(f"field 'grid' must have {side if len(rows) != side else f'1 to {MAX_SIDE}'} rows, not {len(rows)}")
    grid = []
    for row in rows:
        cells = (
            [int(c) for c in row.replace(".", "0")] if isinstance(row, str) and re.fullmatch(r"[0-9.]+", row) else row
        )
        if not isinstance(cells, list) or len(cells) != side:
            fail(f"a row of 'grid' must have {side} cells: {row!r:.80}")
        grid.append([whole(cell, "a cell of 'grid'", 0, 10**MAX_DIGITS) for cell in cells])
    return grid


def _changed(givens: Grid, grid: Grid) -> str:
    for r, row in enumerate(givens):
        for c, given in enumerate(row):
            if given and grid[r][c] != given:
                return f"row {r + 1}, column {c + 1} is given as {given}, and the answer has {grid[r][c]}"
    return ""


def _latin(grid: Grid) -> str:
    rows = ((f"row {i}", row) for i, row in enumerate(grid, 1))
    columns = ((f"column {i}", column) for i, column in enumerate(zip(*grid, strict=True), 1))
    return _first_problem(rows, len(grid)) or _first_problem(columns, len(grid))


def _first_problem(lines: Iterator[tuple[str, Sequence[int]]], side: int) -> str:
    """The first line that does not have each of 1 to `side` once."""
    for name, line in lines:
        for cell in line:
            if not 1 <= cell <= side:
                return f"{name} has {cell}, which is not from 1 to {side}"
            if line.count(cell) > 1:
                return f"{name} has {cell} more than once"
    return ""


def _cell(cell: object, side: int) -> tuple[int, int]:
    if not isinstance(cell, list) or len(cell) != 2:
        fail(f"a cell must be [row, column], not {cell!r:.80}")
    return whole(cell[0], "a cell's row", 1, side), whole(cell[1], "a cell's column", 1, side)


def _two_cells(pair: object, side: int) -> tuple[tuple[int, int], tuple[int, int]]:
    if not isinstance(pair, list) or len(pair) != 2:
        fail(f"each of 'less' must be two cells, not {pair!r:.80}")
    return _cell(pair[0], side), _cell(pair[1], side)
