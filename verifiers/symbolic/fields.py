"""What symbolic verifiers share in reading: the problem's metadata, whose mistakes are ours, and the model's answer.

`fail` and `field` raise VerifierError, which the engine makes a verdict `error`. What a model wrote raises `Unreadable`,
which each verifier makes a verdict `unparsed`.
"""

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from rlvr.verifiers.errors import VerifierError

T = TypeVar("T")


class Unreadable(ValueError):
    """The model's answer can't be read; the message says why."""


def fail(message: str) -> NoReturn:
    """The example itself is wrong."""
    raise VerifierError(f"metadata: {message}")


def field(metadata: Mapping[str, Any], name: str, type_: type[T], default: Any = ...) -> T:
    """`metadata[name]`, of the type that is expected (bool is no int). Raises VerifierError that names the field."""
    value = metadata.get(name, default)
    if value is ...:
        fail(f"no field {name!r}")
    if value is not default and (not isinstance(value, type_) or (isinstance(value, bool) and type_ is not bool)):
        fail(f"field {name!r} must be a {type_.__name__}, not {value!r:.80}")
    return value  # type: ignore[no-any-return]


def choice(metadata: Mapping[str, Any], name: str, allowed: tuple[str, ...], default: Any = ...) -> str:
    """`metadata[name]`, one of the texts allowed. Raises VerifierError that names them."""
    value = field(metadata, name, str, default)
    if value not in allowed:
        fail(f"field {name!r} must be one of {', '.join(allowed)}, not {value!r:.80}")
    return value


def whole(value: object, what: str, low: int, high: int) -> int:
    """A whole number of the metadata in [low, high]. Raises VerifierError that says what it is."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        fail(f"{what} must be a whole number from {low} to {high}, not {value!r:.80}")
    return value


def short(text: str, length: int = 60) -> str:
    """`text` quoted, and cut where it is long: for reasons."""
    return repr(text if len(text) <= length else text[:length] + "…")
