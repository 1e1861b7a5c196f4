"""The kinds of problems, by the name that `metadata["kind"]` gives them."""

from collections.abc import Callable

from rlvr.verifiers.symbolic.calculus.equations import ode, roots
from rlvr.verifiers.symbolic.calculus.functions import antiderivative, derivative, equivalent
from rlvr.verifiers.symbolic.calculus.limits import definite, limit
from rlvr.verifiers.symbolic.calculus.problem import Decision

KINDS: dict[str, Callable[..., Decision]] = {
    "antiderivative": antiderivative, "derivative": derivative, "equivalent": equivalent, "roots": roots, "ode": ode,
    "limit": limit, "definite": definite,
}  # fmt: skip
