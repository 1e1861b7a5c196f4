"""What a verifier is: a named function of an example and a completion, with the limits that the engine enforces.

    @verifier("even")
    def even(example, completion):
        "The answer is an even number."
        return int(completion.text) % 2 == 0

`verify(example, completion, **options)` returns a Verdict, a bool, or a float in [0, 1]; anything else, and any exception,
becomes a verdict `error`. Options are its keyword-only parameters: a pack's [verifier] table and
`--option name=value` set them, and their annotations check them.
"""

import functools
import inspect
import random
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rlvr.errors import ConfigError, PluginError
from rlvr.text import did_you_mean
from rlvr.verifiers import rows
from rlvr.verifiers.rows import Pair, Row
from rlvr.verifiers.types import Completion, Example, Verdict

Returned = Verdict | bool | float  # what a verifier's function may return
Verify = Callable[..., Returned] | Callable[..., Awaitable[Returned]]
Shortcut = Callable[..., Verdict | None]
Generate = Callable[[int, int], Iterable[Row]]  # (size, seed) -> rows
NearMisses = Callable[[Row, random.Random], list[str]]
FromRow = Callable[[dict[str, Any]], Pair]

_NAME = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True)
class Verifier:
    """A function with a name, limits and options.

    The kind of function decides where it runs:

    - `async def`: on the engine's event loop, for verifiers that wait for a sandbox; `deadline_s` applies.
    - `bounded=True`: in the caller's thread. Only for code whose time is bounded by its input limits.
    - otherwise: in a worker process, which the engine kills at `deadline_s` (seconds) or over `memory_mb` (MiB).

    `shortcut` is a bounded function with the same parameters, tried first in the caller's thread: it returns a Verdict
    in an easy case, and None if the worker must decide. `preload()` imports what is slow: it is called in the worker's
    process before the first verdict, and may be called again.

    `rlvr audit` uses `cases`, a JSONL file of labelled attacks; `generate(size, seed)`, which yields rows with
    `question`, `gold`, `metadata` and `completion`, the gold answer as a model would write it; and
    `near_misses(row, random)`, which returns completions for such a row that look right and are wrong. `from_row(row)`
    reads a row in the verifier's own form as example and completion; it raises KeyError for a missing column and
    ConfigError for a wrong one.

    Raises PluginError for a wrong name and for a field of the wrong type.
    """

    name: str
    verify: Verify
    bounded: bool = False
    deadline_s: float = 2.0
    memory_mb: int = 1024  # headroom over the idle worker
    shortcut: Shortcut | None = None
    version: str = "1"
    options: Mapping[str, Any] = field(default_factory=dict)
    cases: Path | None = None
    generate: Generate | None = None
    near_misses: NearMisses | None = None
    from_row: FromRow | None = None
    preload: Callable[[], object] | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise PluginError(
                f"verifier name {self.name!r}: expected lower-case letters, digits, '-' and '_', starting with a letter"
            )
        if not callable(self.verify):
            raise PluginError(f"verifier {self.name!r}: verify must be callable, not {type(self.verify).__name__}")
        if not (self.deadline_s > 0 and self.memory_mb > 0):
            raise PluginError(f"verifier {self.name!r}: deadline_s and memory_mb must be positive")
        if not isinstance(self.cases, Path | None):
            raise PluginError(f"verifier {self.name!r}: cases must be a Path, not {type(self.cases).__name__}")
        for name in ("generate", "near_misses", "from_row", "preload"):
            function = getattr(self, name)
            if function is not None and not callable(function):
                raise PluginError(f"verifier {self.name!r}: {name} must be callable, not {type(function).__name__}")

    def __call__(self, example: Example, completion: Completion) -> Any:
        """Call the plain function, in this process and without any limit. `Engine.verify` is the safe way."""
        return self.verify(example, completion, **self.options)

    @property
    def is_async(self) -> bool:
        """Whether it runs on the engine's event loop."""
        return inspect.iscoroutinefunction(self.verify)

    @property
    def description(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.verify) or "").partition("\n")[0]

    def spec(self) -> dict[str, Any]:
        """What decides its verdicts, as a run records it: name, version and options."""
        return {"name": self.name, "version": self.version, "options": dict(self.options)}

    def with_options(self, **options: Any) -> "Verifier":
        """This verifier with options set, each checked and converted by its annotation.

        `deadline_s` and `memory_mb` set the limits. Raises ConfigError for an unknown option or a wrong value.
        """
        limits: dict[str, Any] = {key: options.pop(key) for key in ("deadline_s", "memory_mb") if key in options}
        for key, value in limits.items():
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
                raise ConfigError(f"verifier {self.name!r}: {key} must be a positive number, not {value!r}")
        types = option_types(self.verify)
        for key in options:
            if key not in types:
                raise ConfigError(
                    f"verifier {self.name!r} has no option {key!r}{did_you_mean(key, [*types, 'deadline_s'])} "
                    f"(options: {', '.join(types) or 'none'}; limits: deadline_s, memory_mb)"
                )
        checked = {key: _convert(self.name, key, value, types[key]) for key, value in options.items()}
        return replace(self, options={**self.options, **checked}, **limits)

    def pair_from_row(self, row: Row, where: str, *, gold: str | None = None) -> Pair:
        """The example and the completion in a row, by `from_row` if it is set, else by `rows.pair_from_row`.

        `gold` is the gold answer of rows without one. Raises ConfigError, which begins with `where`, for a missing
        column or a wrong value.
        """
        if self.from_row is None:
            return rows.pair_from_row(row, where, gold=gold)
        try:
            return self.from_row(dict(row))
        except KeyError as error:
            raise ConfigError(f"{where}: no column {error.args[0]!r}; found {', '.join(row) or 'none'}") from None
        except (ConfigError, TypeError, ValueError) as error:
            raise ConfigError(f"{where}: {error}") from None


def verifier(
    name: str,
    *,
    bounded: bool = False,
    deadline_s: float = 2.0,
    memory_mb: int = 1024,
    shortcut: Shortcut | None = None,
    version: str = "1",
    cases: Path | None = None,
    generate: Generate | None = None,
    near_misses: NearMisses | None = None,
    from_row: FromRow | None = None,
    preload: Callable[[], object] | None = None,
) -> Callable[[Verify], Verifier]:
    """Turn the decorated function into a Verifier. The parameters are the fields of `Verifier`.

    The decorator raises PluginError for a wrong name and for a parameter of the wrong type.
    """

    def decorate(function: Verify) -> Verifier:
        return Verifier(
            name, function, bounded, deadline_s, memory_mb, shortcut, version,
            cases=cases, generate=generate, near_misses=near_misses, from_row=from_row, preload=preload,
        )  # fmt: skip

    return decorate


@functools.lru_cache
def option_types(function: Callable[..., Any]) -> dict[str, Any]:
    """The keyword-only parameters of `function` and their annotations (Any for one without)."""
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    return {p.name: Any if p.annotation is p.empty else p.annotation for p in parameters if p.kind is p.KEYWORD_ONLY}


def _convert(name: str, key: str, value: object, annotation: Any) -> Any:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise ConfigError(f"verifier {name!r}: option {key} = {value!r}: {problem}") from None
