"""Satisfiability of formulas, by a SAT solver.

Formulas become clauses by Tseitin's encoding (G. S. Tseitin, "On the complexity of derivation in propositional
calculus", 1968): linear in size, satisfiable if and only if the formula is.
"""

from rlvr.verifiers.symbolic.fields import TooExpensive
from rlvr.verifiers.symbolic.final_answer import load
from rlvr.verifiers.symbolic.logic.formula import Formula, make

Clauses = list[list[int]]
MAX_CONFLICTS = 20_000  # a second or less


class Encoder:
    """Numbers the variables of several formulas consistently, and collects their clauses."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.count = 0
        self.clauses: Clauses = []

    def fresh(self) -> int:
        """A new literal."""
        self.count += 1
        return self.count

    def encode(self, formula: Formula) -> int:
        """A literal that is true if and only if the formula is."""
        if formula.op == "var":
            if formula.name not in self.numbers:
                self.numbers[formula.name] = self.fresh()
            return self.numbers[formula.name]
        parts = [self.encode(part) for part in formula.parts]
        if formula.op == "not":
            return -parts[0]
        new = self.fresh()
        match formula.op:
            case "true":
                added = [[new]]
            case "false":
                added = [[-new]]
            case "and":
                added = [*([-new, part] for part in parts), [new, *(-part for part in parts)]]
            case "or":
                added = _either(new, parts)
            case "implies":
                added = _either(new, [-parts[0], parts[1]])
            case _:
                a, b = parts[0], parts[1] if formula.op == "iff" else -parts[1]
                added = [[-new, -a, b], [-new, a, -b], [new, a, b], [new, -a, -b]]
        self.clauses += added
        return new


def _either(new: int, parts: list[int]) -> Clauses:
    return [*([new, -part] for part in parts), [-new, *parts]]


def satisfiable(clauses: Clauses) -> bool:
    """Whether clauses of non-zero literals, as in DIMACS files, can all hold.

    Raises TooExpensive past MAX_CONFLICTS, a bound that doesn't depend on the machine.
    """
    with load("pysat.solvers", "python-sat").Solver(name="glucose4", bootstrap_with=clauses) as solver:
        solver.conf_budget(MAX_CONFLICTS)
        decided = solver.solve_limited()
    if decided is None:
        raise TooExpensive(f"the SAT solver did not decide it within {MAX_CONFLICTS} conflicts")
    return bool(decided)


def possible(*formulas: Formula) -> bool:
    """Whether all formulas can hold together. Raises TooExpensive."""
    encoder = Encoder()
    units = [[encoder.encode(formula)] for formula in formulas]
    return satisfiable([*encoder.clauses, *units])


def entails(first: Formula, second: Formula) -> bool:
    """Whether `second` holds whenever `first` does. Raises TooExpensive."""
    return not possible(first, make("not", second))
