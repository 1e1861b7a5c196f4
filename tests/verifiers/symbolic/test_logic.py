"""`logic`: what the grammar reads, and the SAT solver against truth tables."""

import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("lark")
pytest.importorskip("pysat")

from rlvr.errors import VerifierError
from rlvr.verifiers.symbolic.fields import Unreadable
from rlvr.verifiers.symbolic.logic import formula, sat
from rlvr.verifiers.symbolic.logic.verifier import logic
from rlvr.verifiers.types import Completion, Example, Status, Verdict

C, X, U = Status.CORRECT, Status.INCORRECT, Status.UNPARSED


def verify(answer: str, **metadata: Any) -> Verdict:
    text = f"<answer>\n{answer}\n</answer>"
    return logic(Example("", "", "", metadata=metadata), Completion(text))  # type: ignore[no-any-return]


# ---- formulas


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("not p or q", "(¬p) ∨ q"),
        ("p -> q -> r", "p -> (q -> r)"),
        ("p <-> q <-> r", "(p <-> q) <-> r"),
        ("a or b and c", "a or (b and c)"),
        ("a xor b or c", "a xor (b or c)"),
        ("a -> b xor c", "a -> (b xor c)"),
        ("not not p", "~!p"),
        (r"p \land q \to \lnot r", "p and q implies not r"),
        ("p if and only if q", "p <=> q"),
        ("P AND Q", "P && Q"),
        ("[p | q] & true", "(p or q) and ⊤"),
        ("p ==> q", "p --> q"),
        ("notp and android", r"notp /\ android"),
    ],
)
def test_ways_to_write_one_formula(text: str, same: str) -> None:
    assert formula.parse(text) == formula.parse(same)


@pytest.mark.parametrize(
    "text", ["", "p q", "p and", "and", "not or or", "p + q", "1", "(p", "p)", "p = q", "p;q", "ｐ", "p.q"]
)
def test_no_formulas(text: str) -> None:
    with pytest.raises(Unreadable):
        formula.parse(text)


names = st.sampled_from("pqrs").map(formula.var)
binary = st.sampled_from(["and", "or", "xor", "implies", "iff"])
formulas = st.recursive(
    names | st.sampled_from([formula.make("true"), formula.make("false")]),
    lambda part: st.builds(formula.make, st.just("not"), part) | st.builds(formula.make, binary, part, part),
    max_leaves=12,
)


def written(f: formula.Formula) -> str:
    if not f.parts:
        return f.name or f.op
    sign = {"implies": "->", "iff": "<->"}.get(f.op, f.op)
    return f"not {written(f.parts[0])}" if f.op == "not" else "(" + f" {sign} ".join(map(written, f.parts)) + ")"


def rows() -> Any:
    for values in itertools.product((True, False), repeat=4):
        yield dict(zip("pqrs", values, strict=True))


@given(formulas)
def test_what_is_written_is_read_back(f: formula.Formula) -> None:
    assert formula.parse(written(f)) == f


@settings(deadline=None)
@given(formulas, formulas)
def test_the_solver_agrees_with_truth_tables(f: formula.Formula, g: formula.Formula) -> None:
    assert sat.possible(f, g) == any(formula.holds(f, row) and formula.holds(g, row) for row in rows())
    assert sat.entails(f, g) == all(formula.holds(g, row) for row in rows() if formula.holds(f, row))


def test_what_the_solver_gives_up_is_a_timeout() -> None:
    # Parities of many variables in two orders are equal, and resolution can't see it in reasonable time.
    names = [f"x{n}" for n in range(100)]
    scattered = random.Random(0).sample(names, 100)
    problem = {"kind": "formula", "formula": " xor ".join(names), "relation": "equivalent"}
    verdict = verify(" xor ".join(scattered), **problem)
    assert verdict.status is Status.TIMEOUT
    assert "conflicts" in verdict.reason


def test_chains_are_read_up_to_a_length() -> None:
    assert formula.parse(" and ".join("p" * 200)).size == 200
    with pytest.raises(Unreadable, match="more than 200"):
        formula.parse(" and ".join("p" * 201))


@pytest.mark.parametrize(
    ("text", "form", "fits"),
    [
        ("(p or not q) and r", "cnf", True), ("p", "cnf", True), ("p or q", "cnf", True), ("p and q", "dnf", True),
        ("(p and q) or r", "cnf", False), ("(p and q) or r", "dnf", True), ("not (p or q)", "nnf", False),
        ("p -> q", "nnf", False), ("p and (q or (r and s))", "nnf", True), ("p and (q or (r and s))", "cnf", False),
        ("not not p", "cnf", False), ("p and (q and (r or s))", "cnf", True), ("p xor q", "dnf", False),
    ],
)  # fmt: skip
def test_normal_forms(text: str, form: str, fits: bool) -> None:
    assert (formula.form_problem(formula.parse(text), form) == "") == fits


@pytest.mark.parametrize(
    ("relation", "answer", "status", "reason"),
    [
        ("equivalent", "not q -> not p", C, ""),
        ("equivalent", "q -> p", X, "the given formula does not entail it"),
        ("equivalent", "q or not q", X, "it does not entail the given formula"),
        ("entailed", "p and not q -> q", C, ""),
        ("entailed", "q or not q", X, "tautology"),
        ("entailed", "p", X, "does not entail it"),
        ("entails", "q", C, ""),
        ("entails", "q and not q", X, "contradiction"),
        ("satisfiable", "p", C, ""),
        ("satisfiable", "p and not q", X, "can't hold together"),
        ("equivalent", "not p or r", X, "r is not a variable"),
    ],
)
def test_relations(relation: str, answer: str, status: Status, reason: str) -> None:
    verdict = verify(answer, kind="formula", formula="p -> q", relation=relation)
    assert (verdict.status, reason in verdict.reason) == (status, True), verdict.reason


# ---- assignments and puzzles


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ("x1=true, x2=true, x3=false", C, ""),
        ("v 1 2 -3 0", C, ""),
        ('{"x1": true, "x2": true, "x3": false}', C, ""),
        ("x1: 0; x2: 0; x3: 1", C, ""),
        ("x1 is true\nx2 is false\nx3 is true", X, "clause 3 does not hold"),
        ("1 2", X, "x3 is missing"),
        ("1 2 -3 4", U, "not one of ±1 to ±3"),
        ("unsatisfiable", U, "a value for each variable"),
        ("x1=yes, x2=no, x3=no", U, "expected true or false"),
        ("x1=true x2=true x3=false", U, "not of the form"),
    ],
)
def test_assignments(answer: str, status: Status, reason: str) -> None:
    verdict = verify(answer, kind="assignment", cnf=[[1, -2], [2, 3], [-1, -3]])
    assert (verdict.status, reason in verdict.reason) == (status, True), verdict.reason


def test_unsatisfiable_is_decided_by_the_solver() -> None:
    pigeons = [
        [1, 2],
        [3, 4],
        [5, 6],
        *([-a, -b] for hole in ((1, 3, 5), (2, 4, 6)) for a, b in itertools.combinations(hole, 2)),
    ]
    problem: dict[str, Any] = {"kind": "assignment", "cnf": pigeons, "may_be_unsatisfiable": True}
    assert verify("unsatisfiable", **problem).status is C
    assert verify("UNSAT", **{**problem, "cnf": pigeons[:-1]}).reason == "it is satisfiable"
    named = {**problem, "cnf": [[1]], "variables": ["rain", "sun"]}
    assert verify("rain = T, sun = F", **named).status is C


def test_statements_of_every_kind() -> None:
    people = ["Ann", "Bob", "Cid"]
    trees: list[Any] = [
        ["knight", "Ann"], ["not", ["knave", "Ann"]], ["and", ["knight", "Ann"], ["knave", "Bob"]],
        ["or", ["knave", "Ann"], ["knave", "Bob"]], ["implies", ["knight", "Bob"], ["knight", "Cid"]],
        ["iff", ["knight", "Ann"], ["knight", "Cid"]], ["xor", ["knight", "Ann"], ["knight", "Bob"]],
        ["count", 2, *(["knight", name] for name in people)],
    ]  # fmt: skip
    for tree in trees:
        statements = [{"by": "Ann", "says": tree}]
        good = verify(
            "Ann is a knight, Bob is a knave, Cid is a knight", kind="knights", people=people, statements=statements
        )
        assert good.status is C, tree
        bad = verify(
            "Ann is a knave, Bob is a knave, Cid is a knave", kind="knights", people=people, statements=statements
        )
        lies = tree[0] in ("knight", "not", "and", "xor", "count")  # what Ann says is false then, as a knave's must be
        assert (bad.status is C) == lies, (tree, bad.reason)


def test_the_broken_statement_is_named() -> None:
    said = [{"by": "Ann", "says": ["knave", "Bob"]}, {"by": "Bob", "says": ["knave", "Ann"]}]
    verdict = verify("Ann: knight, Bob: knight", kind="knights", people=["Ann", "Bob"], statements=said)
    assert verdict.reason == "Ann would be a knight, but what Ann says (statement 1) would be false"


ZEBRA: dict[str, Any] = {
    "kind": "zebra", "houses": 3, "attributes": {"colour": ["red", "blue", "green"], "pet": ["dog", "cat", "fish"]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("clue", "holds"),
    [
        (["same", "red", "dog"], True), (["same", "red", "cat"], False), (["not_same", "red", "cat"], True),
        (["left_of", "red", "blue"], True), (["left_of", "blue", "red"], False), (["left_of", "red", "green"], False),
        (["next_to", "blue", "red"], True), (["next_to", "red", "green"], False), (["before", "red", "fish"], True),
        (["before", "fish", "red"], False), (["at", "cat", 2], True), (["at", "cat", 1], False), (["not_at", "cat", 1], True),
    ],
)  # fmt: skip
def test_clues(clue: list[Any], holds: bool) -> None:
    verdict = verify("1: red, dog\n2: blue, cat\n3: green, fish", **ZEBRA, clues=[clue])
    assert (verdict.status is C) == holds
    assert holds or "does not hold" in verdict.reason


@pytest.mark.parametrize(
    "metadata",
    [
        {}, {"kind": "riddle"}, {"kind": "assignment"}, {"kind": "assignment", "cnf": [[]]},
        {"kind": "assignment", "cnf": [[0]]}, {"kind": "assignment", "cnf": [["x"]]},
        {"kind": "assignment", "cnf": [[2]], "variables": ["a"]},
        {"kind": "assignment", "formula": "p and"}, {"kind": "formula", "formula": "p", "relation": "like"},
        {"kind": "formula", "formula": "p", "relation": "equivalent", "form": "xnf"},
        {"kind": "knights", "people": ["Ann"], "statements": [{"by": "Bob", "says": ["knight", "Ann"]}]},
        {"kind": "knights", "people": ["p"], "statements": [{"by": "p", "says": ["knight", "Bob"]}]},
        {"kind": "knights", "people": ["p"], "statements": ["p is a knight"]},
        {"kind": "zebra", "houses": 0}, {**ZEBRA, "houses": 2, "clues": []}, {**ZEBRA, "clues": [["near", "red", "dog"]]},
        {**ZEBRA, "clues": [["same", "red", "bird"]]},
    ],
)  # fmt: skip
def test_a_wrong_problem_is_an_error(metadata: dict[str, Any]) -> None:
    answer = "1: red, dog\n2: blue, cat\n3: green, fish" if metadata.get("kind") == "zebra" else "p is a knight"
    with pytest.raises(VerifierError, match="metadata: "):
        verify(answer if metadata.get("kind") != "formula" else "p", **metadata)


PROBLEMS: list[dict[str, Any]] = [
    {"kind": "formula", "formula": "p -> q", "relation": "equivalent"},
    {"kind": "assignment", "cnf": [[1, -2]], "may_be_unsatisfiable": True},
    {"kind": "knights", "people": ["A", "B"], "statements": [{"by": "A", "says": ["knave", "B"]}]},
    {**ZEBRA, "clues": []},
]


@given(
    st.sampled_from(PROBLEMS),
    st.text(alphabet="pqAB 12:=,;\n()-><~&|vnotrue", max_size=60) | st.text(max_size=40),
)
@settings(deadline=None)
def test_any_text_has_a_verdict(problem: dict[str, Any], text: str) -> None:
    assert verify(text, **problem).status in (C, X, U)
