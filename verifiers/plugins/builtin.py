"""rlvr's own plugin: its verifiers and sandboxes are registered the way that anybody else's are.

Modules that it imports must be cheap to import: heavy libraries are imported where a verifier first needs them.
"""

from collections.abc import Callable

from rlvr.sandboxes.auto import PROVIDERS, Factory
from rlvr.verifiers.plugins.hookspecs import hookimpl
from rlvr.verifiers.verifier import Verifier


@hookimpl
def register_verifiers(register: Callable[[Verifier], None]) -> None:
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
    from rlvr.verifiers.text import choice, exact, number

    for module in (choice, exact, number):
        register(module.VERIFIER)
    for verifier in (code, math, math_verify, calculus, chess, constraints, countdown, graph, instructions, json_schema, logic,
                     reasoning_gym, regex, sql, units):  # fmt: skip
        register(verifier)
    for composite in COMPOSITES:
        register(composite)


@hookimpl
def register_sandboxes(register: Callable[[str, Factory], None]) -> None:
    for name, factory in PROVIDERS.items():
        register(name, factory)
