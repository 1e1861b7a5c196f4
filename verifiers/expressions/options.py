"""What a pack may choose about equality. The defaults are what most data sets mean."""

from dataclasses import dataclass
from typing import Literal

Percent = Literal["either", "value", "ignore"]
Units = Literal["lenient", "required", "ignore"]
Rounding = Literal["auto", "exact", "gold"]


@dataclass(frozen=True)
class MathOptions:
    """See `rlvr.verifiers.math.verifier` for what each means."""

    rel_tol: float = 0.0
    rounding: Rounding = "auto"
    percent: Percent = "either"
    units: Units = "lenient"
    rename: bool = True
