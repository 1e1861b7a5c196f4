"""Symbolic checks: the answer itself is checked against the problem's constraints, not against one stored solution.

One module a verifier, each with a `VERIFIER`, whose `cases` are the labelled attacks that `rlvr audit` runs. Model text
is parsed by closed grammars and never evaluated.
"""

from types import ModuleType


def modules() -> tuple[ModuleType, ...]:
    """The modules with a VERIFIER. All are cheap to import: libraries are loaded where they are first used."""
    from rlvr.verifiers.symbolic import (
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
