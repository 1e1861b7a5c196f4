"""rlvr's own plugin: its verifiers and sandboxes register the way that everybody else's do.

The modules that it imports must be cheap to import: a verifier imports heavy libraries when it first needs them.
"""

from collections.abc import Callable

from rlvr.sandboxes.auto import PROVIDERS, Factory
from rlvr.verifiers.plugins.hookspecs import hookimpl
from rlvr.verifiers.verifier import Verifier


@hookimpl
def register_verifiers(register: Callable[[Verifier], None]) -> None:
    """Register every verifier that comes with rlvr."""
    from rlvr.verifiers.code import code
    from rlvr.verifiers.composite.composite import COMPOSITES
    from rlvr.verifiers.math.math_verify import math_verify
    from rlvr.verifiers.math.verifier import math
    from rlvr.verifiers.symbolic.calculus.verifier import calculus
    from rlvr.verifiers.symbolic.chess.verifier import chess
    from rlvr.verifiers.symbolic.constraints.verifier import constraints
    from rlvr.verifiers.symbolic.countdown.verifier import countdown
    from rlvr.verifiers.symbolic.graph.verifier import graph
    from rlvr.verifiers.symbolic.instructions.verifier import instructions
    from rlvr.verifiers.symbolic.json_schema.verifier import json_schema
    from rlvr.verifiers.symbolic.logic.verifier import logic
    from rlvr.verifiers.symbolic.reasoning_gym.verifier import reasoning_gym
    from rlvr.verifiers.symbolic.regex.verifier import regex
    from rlvr.verifiers.symbolic.sql.verifier import sql
    from rlvr.verifiers.symbolic.units.verifier import units
    from rlvr.verifiers.text.choice import choice
    from rlvr.verifiers.text.exact import exact
    from rlvr.verifiers.text.number import number

    own = [exact, number, choice, math, math_verify, code, calculus, chess, constraints, countdown, graph, instructions]
    own += [json_schema, logic, reasoning_gym, regex, sql, units, *COMPOSITES]
    for verifier in own:
        register(verifier)


@hookimpl
def register_sandboxes(register: Callable[[str, Factory], None]) -> None:
    """Register the sandboxes that come with rlvr."""
    for name, factory in PROVIDERS.items():
        register(name, factory)
