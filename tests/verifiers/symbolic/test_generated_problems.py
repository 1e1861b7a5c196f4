"""Problems of the kinds that no pack generates, made from seeds: the planted answer is accepted, near misses refused.

RLVR_SEEDS sets how many seeds are tried of each kind (default 60).
"""

import itertools
import os
import random
from collections.abc import Callable
from typing import Any

import pytest

for library in ("chess", "lark", "networkx", "pysat", "z3"):
    pytest.importorskip(library)

from rlvr.verifiers.symbolic.chess.verifier import chess
from rlvr.verifiers.symbolic.constraints.verifier import constraints
from rlvr.verifiers.symbolic.graph.verifier import graph
from rlvr.verifiers.symbolic.logic.verifier import logic
from rlvr.verifiers.types import Completion, Example, Status
from rlvr.verifiers.verifier import Verifier

SEEDS = int(os.environ.get("RLVR_SEEDS", "60"))
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
    made = []
    for index, name in enumerate(names):
        terms = [(draw.randint(1, 5), name), *((draw.randint(-3, 3), other) for other in names[:index])]
        total = sum(factor * chosen[variable] for factor, variable in terms)
        made.append(" + ".join(f"{factor} * {variable}" for factor, variable in terms) + f" == {total}")
    problem: dict[str, Any] = {"kind": "values", "variables": {name: [-30, 30] for name in names}, "constraints": made}
    if draw.random() < 0.1:
        problem["maximize"] = names[0]  # the solution is the only one, so it is the best

    def written(chosen: dict[str, Any]) -> str:
        return ", ".join(f"{name} = {value}" for name, value in chosen.items())

    one = draw.choice(names)
    wrong = [{**chosen, one: chosen[one] + 1}, {**chosen, one: chosen[one] - 1}, {**chosen, one: f"{chosen[one]}.5"}]
    wrong += [{n: v for n, v in chosen.items() if n != one}, {**chosen, one: 31}, {**chosen, "w": 1}]
    return problem, written(chosen), [written(w) for w in wrong]


def independent_sets(draw: random.Random) -> Problem:
    """A planted set; every other node is next to all of it, and to every other node, so the set is the largest."""
    nodes = draw.sample([f"n{n}" for n in range(40)], draw.randint(5, 14))
    size = draw.randint(2, len(nodes) - 2)
    chosen, others = nodes[:size], nodes[size:]
    edges = [[u, v] for u in chosen for v in others] + [list(pair) for pair in itertools.combinations(others, 2)]
    draw.shuffle(edges)
    wrong = [chosen[1:], [*chosen[1:], others[0]], [*chosen, others[0]], others, [*chosen, chosen[0]]]
    return (
        {"kind": "independent_set", "edges": edges, "optimal": True},
        ", ".join(chosen),
        [", ".join(w) for w in wrong],
    )


def moves(draw: random.Random) -> Problem:
    """A legal move in a random position; near misses are moves that aren't legal there."""
    import chess as library

    board = library.Board()
    for _ in range(draw.randint(0, 40)):
        legal = list(board.legal_moves)
        board.push(draw.choice(legal))
        if not any(board.legal_moves):
            board.pop()
            break
    legal = list(board.legal_moves)
    move = draw.choice(legal)
    gold = board.san(move) if draw.random() < 0.5 else move.uci()
    others = [
        f"{library.SQUARE_NAMES[a]}{library.SQUARE_NAMES[b]}" for a, b in (draw.sample(range(64), 2) for _ in range(8))
    ]
    names = {m.uci()[:4] for m in legal}
    wrong = [other for other in others if other not in names]
    return {"fen": board.fen()}, gold, [*wrong, "0000", "--", f"{gold} {gold}", f"{gold} or {legal[0].uci()}"]


def ladders(draw: random.Random) -> Problem:
    """Two rooks against a bare king on the edge: the one on the next rank guards it, the other mates."""
    import chess as library

    while True:
        board = library.Board(None)
        king, guard, rook, own = draw.randrange(8), draw.randrange(8), draw.randrange(8), draw.randrange(8)
        board.set_piece_at(library.square(king, 7), library.Piece.from_symbol("k"))
        board.set_piece_at(library.square(guard, 6), library.Piece.from_symbol("R"))
        board.set_piece_at(library.square(rook, 3), library.Piece.from_symbol("R"))
        board.set_piece_at(library.square(own, 0), library.Piece.from_symbol("K"))
        if abs(king - guard) > 1 and abs(king - rook) > 1 and board.is_valid():
            break
    mates = set()
    for move in list(board.legal_moves):
        board.push(move)
        if board.is_checkmate():
            mates.add(move.uci())
        board.pop()
    gold = library.Move(library.square(rook, 3), library.square(rook, 7)).uci()
    assert gold in mates or guard == rook
    if gold not in mates:
        return ladders(draw)
    wrong = [move.uci() for move in board.legal_moves if move.uci() not in mates]
    return {"fen": board.fen(), "mate": 1}, gold, draw.sample(wrong, 5)


KINDS: list[tuple[Verifier, Callable[[random.Random], Problem]]] = [
    (logic, clauses),
    (logic, formulas),
    (logic, zebras),
    (constraints, futoshikis),
    (constraints, queens),
    (constraints, magic_squares),
    (constraints, schedules),
    (constraints, values),
    (graph, independent_sets),
    (chess, moves),
    (chess, ladders),
]


@pytest.mark.parametrize(("verifier", "make"), KINDS, ids=lambda value: getattr(value, "__name__", ""))
def test_planted_answers_are_accepted_and_near_misses_refused(verifier: Verifier, make: Callable[..., Problem]) -> None:
    for seed in range(SEEDS):
        metadata, gold, wrong = make(random.Random(f"{make.__name__} {seed}"))
        example = Example(str(seed), "", gold, metadata=metadata)
        verdict = verifier(example, Completion(f"<answer>{gold}</answer>"))
        assert verdict.status is Status.CORRECT, (metadata, gold, verdict)
        for text in wrong:
            verdict = verifier(example, Completion(f"<answer>{text}</answer>"))
            assert verdict.status in (Status.INCORRECT, Status.UNPARSED), (metadata, text, verdict)
