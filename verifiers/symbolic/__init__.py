"""Symbolic checks: the answer itself is checked against the problem's constraints, not against one stored solution.

One module a verifier, each with a `VERIFIER`, whose `cases` are the labelled attacks that `rlvr audit` runs. Model text
is parsed by closed grammars and never evaluated.
"""

from types import ModuleType


def modules() -> tuple[ModuleType, ...]:
    """The modules with a VERIFIER. All are cheap to import: libraries are loaded where they are first used."""
    from rlvr.verifiers.symbolic.calculus import verifier as calculus
    from rlvr.verifiers.symbolic.chess import verifier as chess
    from rlvr.verifiers.symbolic.constraints import verifier as constraints
    from rlvr.verifiers.symbolic.countdown import verifier as countdown
    from rlvr.verifiers.symbolic.graph import verifier as graph
    from rlvr.verifiers.symbolic.instructions import verifier as instructions
    from rlvr.verifiers.symbolic.json_schema import verifier as json_schema
    from rlvr.verifiers.symbolic.logic import verifier as logic
    from rlvr.verifiers.symbolic.reasoning_gym import verifier as reasoning_gym
    from rlvr.verifiers.symbolic.regex import verifier as regex
    from rlvr.verifiers.symbolic.sql import verifier as sql
    from rlvr.verifiers.symbolic.units import verifier as units

    return (
        calculus,
        chess,
        constraints,
        countdown,
        graph,
        instructions,
        json_schema,
        logic,
        reasoning_gym,
        regex,
        sql,
        units,
    )
