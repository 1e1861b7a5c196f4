"""rlvr's own plugin: its verifiers and sandboxes are registered the way that anybody else's are.

Modules that it imports must be cheap to import: heavy libraries are imported where a verifier first needs them.
"""

from collections.abc import Callable
from typing import Any

from rlvr.verifiers.plugins.hookspecs import hookimpl
from rlvr.verifiers.verifier import Verifier


@hookimpl
def register_verifiers(register: Callable[[Verifier], None]) -> None:
    from rlvr.verifiers import code, symbolic
    from rlvr.verifiers.composite import composite as compose
    from rlvr.verifiers.math import math_verify
    from rlvr.verifiers.math import verifier as math
    from rlvr.verifiers.text import choice, exact, number

    register(code.code)
    for module in (choice, exact, math, math_verify, number, *symbolic.modules()):
        register(module.VERIFIER)
    for composite in compose.VERIFIERS:
        register(composite)


@hookimpl
def register_sandboxes(register: Callable[[str, Callable[..., Any]], None]) -> None:
    from rlvr.sandboxes.auto import PROVIDERS

    for name, factory in PROVIDERS.items():
        register(name, factory)
