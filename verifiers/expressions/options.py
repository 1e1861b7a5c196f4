"""What a pack may choose about equality. The defaults are what most data sets mean."""

from dataclasses import dataclass
from typing import Literal

Percent = Literal["either", "value", "ignore"]
Units = Literal["lenient", "required", "ignore"]
Rounding = Literal["auto", "exact", "gold"]


@dataclass(frozen=True, slots=True)
class MathOptions:
    """The options of the verifier `math`, whose docstring explains each."""

    rel_tol: float = 0.0
    rounding: Rounding = "auto"
    percent: Percent = "either"
    units: Units = "lenient"
    rename: bool = True
