"""`constraints`: each kind's constraints one by one, and z3 against trying every value."""

import itertools
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

pytest.importorskip("z3")

from rlvr.errors import VerifierError
from rlvr.verifiers.symbolic.constraints import expressions, grids, schedule, smt
from rlvr.verifiers.symbolic.constraints.verifier import constraints
from rlvr.verifiers.types import Completion, Example, Status, Verdict

C, X, U = Status.CORRECT, Status.INCORRECT, Status.UNPARSED


def verify(answer: str, **metadata: Any) -> Verdict:
    text = f"<answer>\n{answer}\n</answer>"
    return constraints(Example("", "", "", metadata=metadata), Completion(text))  # type: ignore[no-any-return]


# ---- grids


@pytest.mark.parametrize(
    "text",
    [
        "1 2\n2 1",
        "12\n21",
        "1,2\n2,1",
        "1 | 2\n--+--\n2 | 1",
        "|1|2|\n|2|1|",
        "[[1, 2], [2, 1]]",
        "1221",
        "[1,2],\n[2,1]",
        " 1  2 \n\n 2\t1 ",
    ],
)
def test_ways_to_write_one_grid(text: str) -> None:
    assert grids.read_grid(text, 2) == [[1, 2], [2, 1]]


SUDOKU: dict[str, Any] = {"kind": "sudoku", "grid": ["12..", "3..2", "...3", "..2."]}


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ("1234\n3412\n2143\n4321", C, ""),
        ("1234\n3412\n2143\n4312", X, "row 4, column 3 is given as 2, and the answer has 1"),
        ("1231\n3442\n2143\n4321", X, "row 1 has 1 more than once"),
        ("1234\n3142\n2413\n4321", X, "the box at row 1, column 1 has 1 more than once"),
        ("1234\n3412\n2413\n4321", X, "column 2 has 4 more than once"),
        ("1254\n3412\n2143\n4321", X, "row 1 has 5, which is not from 1 to 4"),
        ("123\n341\n214\n432", U, "row 1 has 1 cells, not 4"),
        ("1234\n3412\n2143", U, "3 rows, not 4"),
        ("1 2 3 x\n3412\n2143\n4321", U, "'x', which is not a whole number"),
    ],
)
def test_sudoku(answer: str, status: Status, reason: str) -> None:
    verdict = verify(answer, **SUDOKU)
    assert (verdict.status, reason in verdict.reason) == (status, True), verdict.reason


def test_sudokus_of_other_sides() -> None:
    six = "123456\n456123\n231564\n564231\n312645\n645312"
    assert verify(six, kind="sudoku", grid=[[0] * 6] * 6, box=[2, 3]).status is C
    assert verify(six, kind="sudoku", grid=[[0] * 6] * 6, box=[3, 2]).status is X
    side = 16
    big = [[(4 * (r % 4) + r // 4 + c) % side + 1 for c in range(side)] for r in range(side)]
    text = "\n".join(" ".join(map(str, row)) for row in big)
    assert verify(text, kind="sudoku", grid=[[0] * side] * side).status is C
    assert verify(text.replace("16", "1"), kind="sudoku", grid=[[0] * side] * side).status is X


def test_futoshiki() -> None:
    problem: dict[str, Any] = {
        "kind": "futoshiki",
        "grid": [[0, 0, 0], [0, 0, 0], [3, 0, 0]],
        "less": [[[1, 1], [1, 2]]],
    }
    assert verify("1 2 3\n2 3 1\n3 1 2", **problem).status is C
    assert verify("2 1 3\n1 3 2\n3 2 1", **problem).reason == "row 1, column 1 must be less than row 1, column 2"


def test_queens_against_every_arrangement() -> None:
    right = 0
    for columns in itertools.permutations(range(1, 7)):
        free = all(abs(a - b) != j - i for (i, a), (j, b) in itertools.combinations(enumerate(columns), 2))
        assert (verify(", ".join(map(str, columns)), kind="queens", side=6).status is C) == free
        right += free
    assert right == 4
    assert (
        verify("2 4 6 1 3 5", kind="queens", side=6, fixed=[[1, 3]]).reason == "the queen of row 1 must be in column 3"
    )


def test_magic_squares() -> None:
    assert verify("2 7 6\n9 5 1\n4 3 8", kind="magic_square", side=3, sum=15, grid=["2..", "...", "..8"]).status is C
    assert verify("2 7 6\n9 5 1\n4 3 8", kind="magic_square", side=3, grid=["3..", "...", "..."]).status is X
    multiples = "4 14 12\n18 10 2\n8 6 16"
    assert verify(multiples, kind="magic_square", side=3, normal=False).status is C
    assert verify(multiples, kind="magic_square", side=3, normal=False, sum=15).reason == "row 1 sums to 30, not 15"
    assert verify(multiples, kind="magic_square", side=3).status is X
    assert verify("5 5\n5 5", kind="magic_square", side=2, normal=False).reason == "5 appears twice"


# ---- schedules

TASKS: dict[str, Any] = {
    "A": {"duration": 3, "uses": {"crane": 1}}, "B": {"duration": 2, "after": ["A"], "deadline": 6},
    "C": {"duration": 4, "uses": {"crane": 1}, "release": 1},
}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("A=0, B=3, C=3", ""),
        ("A: 0; B: 4; C: 3", ""),
        ("A=0, B=2, C=3", "B starts before A has ended"),
        ("A=0, B=3, C=2", "at 2, 2 of crane are in use, and there are 1"),
        ("A=0, B=5, C=3", "B ends at 7, after its deadline at 6"),
        ("A=4, B=7, C=0", "B ends at 9"),
        ("A=0, B=3, C=0", "C starts at 0, before its release at 1"),
        ("A=0, B=3, C=5", "it ends at 9, later than 8"),
        ("A=0, B=3", "the task C is missing"),
    ],
)
def test_schedules(answer: str, reason: str) -> None:
    verdict = verify(answer, kind="schedule", tasks=TASKS, resources={"crane": 1}, makespan=8)
    assert (verdict.status is C) == (not reason)
    assert reason in verdict.reason


durations = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=3)


@settings(deadline=None, max_examples=40)
@given(durations, st.integers(2, 3), st.booleans())
def test_the_shortest_schedule_is_the_shortest_of_all(
    jobs: list[tuple[int, int]], capacity: int, chained: bool
) -> None:
    tasks: dict[str, Any] = {f"T{n}": {"duration": d, "uses": {"r": u}} for n, (d, u) in enumerate(jobs)}
    if chained and len(tasks) > 1:
        tasks["T1"]["after"] = ["T0"]
    problem: dict[str, Any] = {"kind": "schedule", "tasks": tasks, "resources": {"r": capacity}}
    horizon = sum(d for d, _ in jobs)
    ends = {}
    for starts in itertools.product(range(horizon + 1), repeat=len(jobs)):
        answer = ", ".join(f"T{n}={start}" for n, start in enumerate(starts))
        if verify(answer, **problem).status is C:
            ends[answer] = max(start + d for start, (d, _) in zip(starts, jobs, strict=True))
    least = min(ends.values())
    for answer in list(ends)[:3]:
        assert (verify(answer, **problem, optimal=True).status is C) == (ends[answer] == least)


# ---- values

VALUES: dict[str, Any] = {
    "kind": "values", "variables": {"x": [0, 10], "y": [0, 10]}, "constraints": ["x + y == 10", "x * y >= 21"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "more", "status", "reason"),
    [
        ("x=7, y=3", {}, C, ""),
        ("x = 7.0\ny = 6/2", {}, C, ""),
        ("x=8, y=2", {}, X, "x * y >= 21 does not hold"),
        ("x=5.5, y=4.5", {}, X, "x = 5.5 is not in its domain"),
        ("x=7, y=3", {"maximize": "x - y"}, C, ""),
        ("x=5, y=5", {"maximize": "x - y"}, X, "it is better for x = "),
        ("x=3, y=7", {"minimize": "x - y"}, C, ""),
        ("x=3, y=7", {"minimize": "x - y", "optimum": -4}, C, ""),
        ("x=4, y=6", {"minimize": "x - y", "optimum": -4}, X, "x - y is -2, and the optimum is -4"),
        ("x=7, y=3/0", {}, U, "divides by zero"),
        ("x=7, y=3, z=1", {}, U, "3 values are given"),
        ("x=7, z=3", {}, X, "'z' is not a variable"),
        ("x=seven, y=3", {}, U, "'seven' is not a value"),
    ],
)
def test_values(answer: str, more: dict[str, Any], status: Status, reason: str) -> None:
    verdict = verify(answer, **VALUES, **more)
    assert (verdict.status, reason in verdict.reason) == (status, True), verdict.reason


def test_texts_as_values() -> None:
    hues = {"values": ["red", "blue"]}
    problem: dict[str, Any] = {
        "kind": "values",
        "variables": {"p": hues, "q": hues},
        "constraints": ["p != q", "implies(p == 'red', q == 'blue')"],
    }
    assert verify("p=red, q=blue", **problem).status is C
    assert verify("p=red, q=red", **problem).reason == "p != q does not hold"
    assert verify("p=green, q=red", **problem).status is U


def test_null_is_no_field() -> None:
    # Tables of rows of several kinds, such as Parquet files, have every field in every row.
    nulls: dict[str, Any] = {"grid": None, "minimize": None, "forall": None, "optimum": None}
    variables = {**VALUES["variables"], "z": None}
    assert verify("x=7, y=3", **{**VALUES, "variables": variables, **nulls}).status is C


def test_for_all_values() -> None:
    problem: dict[str, Any] = {
        "kind": "values",
        "variables": {"a": "real"},
        "forall": {"t": "real"},
        "constraints": ["t**2 + a*t + 1 > 0", "a > 0"],
    }
    assert verify("a = 19/10", **problem).status is C
    assert "does not hold for t = -1" in verify("a = 2", **problem).reason
    assert verify("a = -1", **problem).reason == "a > 0 does not hold"
    whole = {**problem, "forall": {"t": [0, 100]}, "constraints": ["(t * 3) % 3 == a", "t // 7 * 7 + t % 7 == t + a"]}
    assert verify("a = 0", **whole).status is C


def test_what_z3_gives_up_is_a_timeout() -> None:
    # Whether a sum of three cubes is 33 has a solution, but of sixteen digits.
    whole = {name: [-(10**9), 10**9] for name in "xyz"}
    problem: dict[str, Any] = {"variables": {"a": [0, 99]}, "forall": whole, "constraints": ["x**3 + y**3 + z**3 != a"]}
    verdict = verify("a = 33", kind="values", **problem)
    assert verdict.status is Status.TIMEOUT
    assert "z3 did not decide it" in verdict.reason


numbers = st.integers(-3, 3).map(str) | st.sampled_from("xyz")
terms = st.recursive(
    numbers,
    lambda t: (
        st.builds("({} {} {})".format, t, st.sampled_from("+-*"), t)
        | st.builds("({} {} {})".format, t, st.sampled_from(["/", "//", "%"]), st.sampled_from(["2", "3"]))
        | st.builds("{}({}, {})".format, st.sampled_from(["min", "max", "sum"]), t, t)
        | st.builds("abs({})".format, t)
    ),
    max_leaves=4,
)
relations = st.builds("({} {} {})".format, terms, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), terms)
conditions = st.recursive(
    relations | st.builds("all_different({}, {})".format, terms, terms),
    lambda c: st.builds("({} {} {})".format, c, st.sampled_from(["and", "or"]), c) | st.builds("(not {})".format, c)
    | st.builds("implies({}, {})".format, c, c),
    max_leaves=3,
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(conditions)
def test_z3_agrees_with_evaluation(condition: str) -> None:
    node = expressions.parse(condition)
    fits = any(
        expressions.evaluate(node, dict(zip("xyz", map(Fraction, values), strict=True)))
        for values in itertools.product(range(-2, 3), repeat=3)
    )
    try:
        solution = smt.model(dict.fromkeys("xyz", (-2, 2)), {}, [node])
    except VerifierError:  # // and % of a fraction are not translated
        assume(False)
    assert (solution is not None) == fits
    if solution is not None:
        assert expressions.evaluate(node, {name: Fraction(value) for name, value in solution.items()})


@pytest.mark.parametrize(
    "text",
    ["__import__('os')", "x.real", "[x]", "x if y else 1", "lambda: 1", "x**y", "x**99", "x**-1", "f(x)", "x @ y", "x << 2", "~x",
     "abs(x, y)", "min(*x)", "max(x, key=y)", "x := 1", "f'{x}'", "1.5", "x is y", "x in y", "", "x <",
     "-" * 900 + "x", "(" * 400 + ")" * 400, None],
)  # fmt: skip
def test_the_grammar_knows_nothing_else(text: Any) -> None:
    with pytest.raises(VerifierError):
        expressions.parse(text)


@pytest.mark.parametrize(
    "metadata",
    [
        {}, {"kind": "riddle"}, {"kind": "sudoku"}, {"kind": "sudoku", "grid": ["1."]}, {"kind": "sudoku", "grid": ["123", "...", "..."]},
        {"kind": "sudoku", "grid": ["12..", "....", "....", "x..."]}, {"kind": "queens"}, {"kind": "queens", "side": 0},
        {"kind": "queens", "side": 2, "fixed": [[0, 1]]}, {"kind": "magic_square", "side": 26},
        {"kind": "futoshiki", "grid": [[0]], "less": [[[1, 1], [1, 2]]]}, {"kind": "schedule", "tasks": {}},
        {"kind": "schedule", "tasks": {"A": {"duration": -1}}}, {"kind": "schedule", "tasks": {"A": {"duration": 1, "after": ["B"]}}},
        {"kind": "schedule", "tasks": {"A": {"duration": 1, "uses": {"r": 1}}}}, {"kind": "values", "variables": {}, "constraints": []},
        {"kind": "values", "variables": {"x": "whole"}, "constraints": []}, {"kind": "values",
        "variables": {"x": [1, 2]}, "constraints": ["y > 1"]},
        {"kind": "values", "variables": {"x": [0, 2]}, "constraints": ["x < 'a'"]},
        {"kind": "values", "variables": {"x": [0, 2]}, "constraints": [], "minimize": "x", "maximize": "x"},
    ],
)  # fmt: skip
def test_a_wrong_problem_is_an_error(metadata: dict[str, Any]) -> None:
    with pytest.raises(VerifierError):
        verify("x = 1", **metadata)


PROBLEMS: list[dict[str, Any]] = [
    SUDOKU, {"kind": "queens", "side": 4}, {"kind": "magic_square", "side": 2}, VALUES,
    {"kind": "schedule", "tasks": TASKS, "resources": {"crane": 1}}, {"kind": "futoshiki", "grid": [[0, 0]] * 2, "less": []},
]  # fmt: skip


@settings(deadline=None)
@given(st.sampled_from(PROBLEMS), st.text(alphabet="ABCxy 0123456789=:,./|[]-+\n²", max_size=60) | st.text(max_size=40))
def test_any_text_has_a_verdict(problem: dict[str, Any], text: str) -> None:
    assert verify(text, **problem).status in (C, X, U)


def test_limits_on_tasks() -> None:
    many = {f"T{n}": {"duration": 1} for n in range(schedule.MAX_OPTIMAL + 1)}
    with pytest.raises(VerifierError, match="'optimal' needs at most"):
        verify(", ".join(f"{name}=0" for name in many), kind="schedule", tasks=many, optimal=True)
