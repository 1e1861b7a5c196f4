"""What a verifier is: a named function of an example and a completion, with the limits that the engine enforces.

    @verifier("even")
    def even(example, completion):
        "The answer is an even number."
        return int(completion.text) % 2 == 0

`verify(example, completion, **options)` returns a Verdict, a bool, or a float in [0, 1]; anything else, and anything
that it raises, becomes a verdict `error`. Options are its keyword-only parameters: a pack's [verifier] table and
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
from rlvr.verifiers.types import Completion, Example, Verdict

Outcome = Verdict | bool | float
Verify = Callable[..., Outcome] | Callable[..., Awaitable[Outcome]]
Shortcut = Callable[..., Verdict | None]
Row = Mapping[str, Any]
Generate = Callable[[int, int], Iterable[Row]]  # (size, seed) -> rows
NearMisses = Callable[[Row, random.Random], list[str]]
FromRow = Callable[[dict[str, Any]], tuple[Example, Completion]]

_NAME = re.compile(r"[a-z][a-z0-9_-]*")


@dataclass(frozen=True)
class Verifier:
    """A function with a name, limits and options.

    Where it runs follows from what it is:

    - `async def`: on the engine's event loop, for verifiers that wait for a sandbox; `deadline_s` holds.
    - `bounded=True`: in the caller's thread. Only for code whose time is bounded by its input limits.
    - otherwise: in a worker process that the engine kills at `deadline_s` or over `memory_mb`.

    `shortcut` is a bounded function with the same parameters, tried first in the caller's thread: it returns a Verdict
    where the case is easy and None where the worker must decide. `preload()` imports what is slow: it is called in
    the worker's process before the first verdict, and may be called again.

    `rlvr audit` measures with what comes with it: `cases`, a JSONL file of labelled attacks; `generate(size, seed)`,
    rows with `question`, `answer`, `metadata` and `completion`, the gold answer as a model would write it;
    `near_misses(row, random)`, completions for such a row that look right and are wrong. `from_row(row)` reads a row of
    its own form as example and completion; it raises KeyError for a missing column, ConfigError for a wrong one.
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
        return inspect.iscoroutinefunction(self.verify)

    @property
    def description(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.verify) or "").partition("\n")[0]

    def with_options(self, **options: Any) -> "Verifier":
        """This verifier with options set, each checked and converted by its annotation.

        `deadline_s` and `memory_mb` set the limits. Raises ConfigError for an unknown option or a wrong value.
        """
        limits: dict[str, Any] = {key: options.pop(key) for key in ("deadline_s", "memory_mb") if key in options}
        for key, value in limits.items():
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
                raise ConfigError(f"verifier {self.name!r}: {key} must be a positive number, not {value!r}")
        known = option_types(self.verify)
        for key in options:
            if key not in known:
                from rlvr.text import did_you_mean

                raise ConfigError(
                    f"verifier {self.name!r} has no option {key!r}{did_you_mean(key, [*known, 'deadline_s'])} "
                    f"(options: {', '.join(known) or 'none'}; limits: deadline_s, memory_mb)"
                )
        checked = {key: _convert(self.name, key, value, known[key]) for key, value in options.items()}
        return replace(self, options={**self.options, **checked}, **limits)


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
    """Make a Verifier of the decorated function. The parameters are those of `Verifier`.

    The decorator raises PluginError for a name or a parameter that isn't what `Verifier` takes.
    """

    def decorate(function: Verify) -> Verifier:
        return Verifier(
            name, function, bounded, deadline_s, memory_mb, shortcut, version,
            cases=cases, generate=generate, near_misses=near_misses, from_row=from_row, preload=preload,
        )  # fmt: skip

    return decorate


@functools.lru_cache
def option_types(function: Callable[..., Any]) -> dict[str, Any]:
    """The keyword-only parameters of `function` and their annotations (Any where there is none)."""
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    return {p.name: Any if p.annotation is p.empty else p.annotation for p in parameters if p.kind is p.KEYWORD_ONLY}


def _convert(name: str, key: str, value: Any, annotation: Any) -> Any:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise ConfigError(f"verifier {name!r}: option {key} = {value!r}: {problem}") from None
