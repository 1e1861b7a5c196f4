"""`logic`: assignments, formulas, knights and knaves, zebra puzzles, each checked against the problem itself.

`example.metadata["kind"]` says what is asked, and holds the problem:

- `assignment`: `cnf` (clauses of non-zero whole numbers, as in DIMACS files, for variables `x1`, `x2`, … or those in
  `variables`) or `formula`. The answer gives every variable a value. With `may_be_unsatisfiable`, `unsatisfiable` is an
  answer too, and a SAT solver checks it.
- `formula`: the answer is a formula, and `relation` says how it must relate to `formula`: `equivalent`; `entailed` by it,
  and not a tautology; `entails` it, and satisfiable; `satisfiable` together with it. `form` (nnf, cnf, dnf) and `max_size`
  (occurrences of variables) bound how it is written, so that repeating the problem doesn't count as simplifying it.
- `knights`: `people` and `statements`. The answer says of each person: knight or knave.
- `zebra`: `houses`, `attributes` and `clues`. The answer has a line for each house.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlvr.verifiers.symbolic.fields import (
    Unreadable,
    choice,
    compare_names,
    decide,
    fail,
    field,
    pairs,
    present,
    short,
    whole,
)
from rlvr.verifiers.symbolic.final_answer import load
from rlvr.verifiers.symbolic.logic import formula as formulas
from rlvr.verifiers.symbolic.logic import puzzles, sat
from rlvr.verifiers.symbolic.logic.formula import Formula
from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import verifier

MAX_CLAUSES = 20_000
MAX_VARIABLES = 2000
MAX_ANSWER = 40_000  # characters

_DIMACS = re.compile(r"(?:v[ ]+)?-?[0-9]{1,6}(?:[ ,]+-?[0-9]{1,6})*+")
_TRUTH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_NO_MODEL = frozenset(("unsatisfiable", "unsat"))
_RELATIONS = ("equivalent", "entailed", "entails", "satisfiable")


def preload() -> None:
    """Import the libraries and read the grammar before workers are forked."""
    load("pysat.solvers", "python-sat")
    formulas.parse("a")


@verifier("logic", cases=Path(__file__).with_name("cases.jsonl"), preload=preload)
def logic(example: Example, completion: Completion) -> Verdict:
    """An assignment, a formula, or the solution of a logic puzzle fulfills the problem."""
    metadata = present(example.metadata)
    problem_with = _KINDS[choice(metadata, "kind", tuple(_KINDS))]
    return decide(completion, MAX_ANSWER, lambda answer: problem_with(metadata, answer), "every condition holds")


def _given(metadata: Mapping[str, Any]) -> Formula:
    try:
        return formulas.parse(field(metadata, "formula", str))
    except Unreadable as error:
        fail(f"field 'formula': {error}")


def _formula(metadata: Mapping[str, Any], answer: str) -> str:
    given = _given(metadata)
    relation = choice(metadata, "relation", _RELATIONS)
    form = choice(metadata, "form", ("", "nnf", "cnf", "dnf"), "")
    formula = formulas.parse(answer.removesuffix("."))
    unknown = formulas.variables(formula) - formulas.variables(given)
    if unknown:
        return f"{min(unknown)} is not a variable of the problem"
    most = metadata.get("max_size")
    if most is not None and formula.size > whole(most, "field 'max_size'", 0, formulas.MAX_LENGTH):
        return f"variables occur {formula.size} times in it, more than {most}"
    return (formulas.form_problem(formula, form) if form else "") or _unrelated(formula, relation, given)


def _unrelated(formula: Formula, relation: str, given: Formula) -> str:
    """Why `formula` does not have the relation to the given one, or ""."""
    if relation == "satisfiable":
        return "" if sat.possible(given, formula) else "it can't hold together with the given formula"
    if relation in ("equivalent", "entailed") and not sat.entails(given, formula):
        return "the given formula does not entail it"
    if relation in ("equivalent", "entails") and not sat.entails(formula, given):
        return "it does not entail the given formula"
    if relation == "entailed" and not sat.possible(formulas.make("not", formula)):
        return "it is a tautology, which every formula entails"
    if relation == "entails" and not sat.possible(formula):
        return "it is a contradiction, which entails every formula"
    return ""


def _assignment(metadata: Mapping[str, Any], answer: str) -> str:
    """What is wrong with an assignment, by evaluating the given formula or clauses; or ""."""
    given = _given(metadata) if "formula" in metadata else None
    clauses, names = _clauses(metadata) if given is None else ([], sorted(formulas.variables(given)))
    if answer.strip(" .").lower() in _NO_MODEL:
        if not field(metadata, "may_be_unsatisfiable", bool, False):
            raise Unreadable("a value for each variable is asked for")
        model = sat.possible(given) if given is not None else sat.satisfiable(clauses)
        return "it is satisfiable" if model else ""
    values = _values(answer, names)
    problem = compare_names(values, dict.fromkeys(names), "variable")
    if problem:
        return problem
    if given is not None:
        return "" if formulas.holds(given, values) else "the formula is false under this assignment"
    for number, clause in enumerate(clauses, 1):
        if not any(values[names[abs(literal) - 1]] == (literal > 0) for literal in clause):
            return f"clause {number} does not hold: {clause}"
    return ""


def _clauses(metadata: Mapping[str, Any]) -> tuple[list[list[int]], list[str]]:
    """The clauses of `cnf` and the variables' names. Raises VerifierError."""
    clauses = field(metadata, "cnf", list)
    if not 1 <= len(clauses) <= MAX_CLAUSES or not all(isinstance(clause, list) and clause for clause in clauses):
        fail(f"field 'cnf' must have 1 to {MAX_CLAUSES} clauses, each a list of literals")
    for literal in (literal for clause in clauses for literal in clause):
        if whole(literal, "a literal", -MAX_VARIABLES, MAX_VARIABLES) == 0:
            fail("a literal is 0")
    count = max(abs(literal) for clause in clauses for literal in clause)
    names = field(metadata, "variables", list, None) or [f"x{number}" for number in range(1, count + 1)]
    if not count <= len(names) <= MAX_VARIABLES or len({*map(str, names)}) != len(names):
        fail(f"field 'variables' must name at least {count} variables, each once")
    return clauses, list(map(str, names))


def _values(answer: str, names: list[str]) -> dict[str, bool]:
    """Variable -> value, from `x1 = true, …` or from literals `1 -2 3`. Raises Unreadable."""
    if _DIMACS.fullmatch(answer):
        literals = [int(text) for text in re.findall(r"-?[0-9]+", answer)]
        if literals[-1] == 0:
            literals.pop()
        if any(not 1 <= abs(literal) <= len(names) for literal in literals):
            raise Unreadable(f"a literal is not one of ±1 to ±{len(names)}")
        if len({abs(literal) for literal in literals}) != len(literals):
            raise Unreadable("a variable appears twice")
        return {names[abs(literal) - 1]: literal > 0 for literal in literals}
    values = {}
    for name, value in pairs(answer, len(names)).items():
        if value.lower().rstrip(".") not in _TRUTH:
            raise Unreadable(f"{name} = {short(value)}: expected true or false")
        values[name] = _TRUTH[value.lower().rstrip(".")]
    return values


_KINDS = {"assignment": _assignment, "formula": _formula, "knights": puzzles.knights, "zebra": puzzles.zebra}
