"""Verifiers made of verifiers: `all`, `any`, `weighted` and `gate`.

The engine runs each part as it runs any verifier, with the part's own deadline and isolation; only the decision happens
here. A part that is `error` or `skipped` says nothing about the model, so it masks the whole, unless status and score
are decided without it:

| | `correct` if | score | decided despite a masked part |
|---|---|---|---|
| all | every part is correct | the lowest | if a part is not correct and scores 0 |
| any | one part is correct | the highest | if a part is correct and scores 1 |
| weighted | the score reaches `threshold` | the weighted mean | never |
| gate | the gates, then the last part, are correct | 0 at a closed gate, else the last part's | by a gate that closed before it |
"""

import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from rlvr.errors import ConfigError, VerifierError
from rlvr.verifiers.composite import decisions
from rlvr.verifiers.composite.decisions import Judged, Part
from rlvr.verifiers.types import Completion, Example, Status, Verdict
from rlvr.verifiers.verifier import Verifier, option_types

MAX_PARTS = 16
MAX_DEPTH = 4
MAX_WEIGHT = 1e6
RESERVED = ("status", "reason")  # what a verdict's parts hold beside the labels
_LABEL = re.compile(r"[a-z][a-z0-9_-]*")

Find = Callable[[str], Verifier]
Submit = Callable[[Verifier, Example, Completion], "Future[Verdict]"]
Parts = Sequence[Mapping[str, Any]]  # tables with a verifier's name and options


def _last(judged: Judged) -> Verdict:
    return judged[-1][1]


@dataclass(frozen=True)
class Composite(Verifier):
    """A verifier made of the parts `of`.

    `decide` turns the parts' verdicts into one; with `in_turn`, verification stops at the first part that is not
    correct. `find` looks up parts by name: the registry sets it.
    """

    of: tuple[Part, ...] = ()
    decide: Callable[..., Verdict] = _last
    in_turn: bool = False
    find: Find | None = field(default=None, repr=False, compare=False)

    @property
    def depth(self) -> int:
        """1 for a composite of plain verifiers, one more for each level of composites among its parts."""
        return 1 + max((p.verifier.depth for p in self.of if isinstance(p.verifier, Composite)), default=0)

    @property
    def leaves(self) -> list[Verifier]:
        """The verifiers at all depths that aren't composites."""
        return [
            leaf for p in self.of for leaf in (p.verifier.leaves if isinstance(p.verifier, Composite) else [p.verifier])
        ]

    def spec(self) -> dict[str, Any]:
        """As `Verifier.spec`, with the specs and weights of its parts."""
        parts = {part.label: {"weight": part.weight, **part.verifier.spec()} for part in self.of}
        return {**super().spec(), "of": parts}

    def with_options(self, **options: Any) -> "Composite":
        """This composite with options set; `of` is a list of tables with `name`, options, `label` and `weight`.

        Raises ConfigError for an unknown option or part, a wrong value, and for parts if `find` isn't set.
        """
        of = options.pop("of", None)
        if of is not None and self.find is None:
            raise ConfigError(f"verifier {self.name!r}: of: only a composite of the registry can look its parts up")
        return self.with_parts(of, self.find or _nowhere, **options)

    def with_parts(
        self, of: object, find: Find, defaults: Mapping[str, Any] | None = None, /, **options: Any
    ) -> "Composite":
        """`with_options`, with `find` to look up the parts. `defaults` are options for the parts that have them.

        Raises ConfigError as `with_options` does, and what `find` raises for an unknown name.
        """
        for limit in ("deadline_s", "memory_mb"):
            if limit in options:
                raise ConfigError(f"verifier {self.name!r} has no {limit}: each of its parts has its own")
        composite = super().with_options(**options) if options else self
        assert isinstance(composite, Composite)
        if of is not None:
            parts = _parts(self, of, find, defaults or {})
            deadline = math.fsum(part.verifier.deadline_s for part in parts)
            composite = replace(composite, of=parts, deadline_s=deadline)
        threshold = composite.options.get("threshold", 1.0)
        if not 0 < threshold <= 1:
            raise ConfigError(f"verifier {self.name!r}: threshold must be above 0 and at most 1, not {threshold!r}")
        if composite.depth > MAX_DEPTH:
            raise ConfigError(f"verifier {self.name!r}: composites may be {MAX_DEPTH} deep, not {composite.depth}")
        return composite

    def start(self, submit: Submit, example: Example, completion: Completion) -> "Future[Verdict]":
        """Start the parts through `submit`; the future holds the verdict and never an exception."""
        return _Running(self, submit, example, completion).future

    def combine(self, verdicts: Sequence[Verdict]) -> Verdict:
        """One verdict from the parts' verdicts, in their order; those behind a closed gate may be missing.

        Its `parts` are each part's score by label (None if masked), the parts of the parts as `label.name`, and the
        tables `status` and `reason`; `seconds` is the sum.
        """
        judged = list(zip(self.of, verdicts, strict=False))
        parts: dict[str, Any] = {}
        for part, verdict in judged:
            parts[part.label] = None if verdict.status.masked else verdict.score
            parts |= {f"{part.label}.{name}": value for name, value in verdict.parts.items()}
        parts["status"] = {part.label: str(verdict.status) for part, verdict in judged}
        parts["reason"] = {part.label: verdict.reason for part, verdict in judged}
        decided = self.decide(judged, **self.options)
        return replace(decided, parts=parts, seconds=math.fsum(verdict.seconds for verdict in verdicts))


class _Running:
    """One verification on its way through the parts of a composite."""

    def __init__(self, composite: Composite, submit: Submit, example: Example, completion: Completion) -> None:
        self.future: Future[Verdict] = Future()
        self._composite, self._submit = composite, submit
        self._example, self._completion = example, completion
        self._lock = threading.Lock()
        self._verdicts: dict[int, Verdict] = {}
        if not composite.of:
            self._end(
                Verdict.error(f"the verifier {composite.name!r} has no parts: list them in [[verifier.of]] tables")
            )
            return
        for index in range(1 if composite.in_turn else len(composite.of)):
            self._start(index)

    def _start(self, index: int) -> None:
        try:
            part = self._composite.of[index]
            self._submit(part.verifier, self._example, self._completion).add_done_callback(
                lambda future: self._guarded(index, future)
            )
        except Exception as error:  # noqa: BLE001 - the engine was closed: whoever waits must learn of it
            self._end(Verdict.error(f"the engine failed: {type(error).__name__}: {error}"))

    def _guarded(self, index: int, future: "Future[Verdict]") -> None:
        try:
            self._finished(index, future.result())
        except Exception as error:  # noqa: BLE001 - an exception here would leave the future pending forever
            self._end(Verdict.error(f"the engine failed: {type(error).__name__}: {error}"))

    def _finished(self, index: int, verdict: Verdict) -> None:
        parts = self._composite.of
        with self._lock:
            self._verdicts[index] = verdict
            complete = len(self._verdicts) == len(parts)
        goes_on = self._composite.in_turn and verdict.status is Status.CORRECT and not complete
        if goes_on:
            self._start(index + 1)
        elif complete or self._composite.in_turn:
            self._end(self._composite.combine([self._verdicts[i] for i in sorted(self._verdicts)]))

    def _end(self, verdict: Verdict) -> None:
        with self._lock:
            if self.future.done():
                return
            self.future.set_result(verdict)


# ---- tables


def _nowhere(name: str) -> Verifier:
    raise ConfigError(f"no verifier is called {name!r}")


def build(table: Mapping[str, Any], find: Find, defaults: Mapping[str, Any] | None = None) -> Verifier:
    """The verifier that a table with `name` and options describes; a composite's parts are its `of`.

    `find` looks up a name; `defaults` are options for the verifiers that have them. Raises ConfigError for a table
    without a name, an unknown name or option, and a wrong value.
    """
    options = dict(table)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError(f"expected a table with a verifier's name, found {dict(table)!r:.100}")
    verifier = find(name)
    if isinstance(verifier, Composite):
        return verifier.with_parts(options.pop("of", []), find, defaults, **options)
    types = option_types(verifier.verify)
    return verifier.with_options(**{key: value for key, value in (defaults or {}).items() if key in types} | options)


def merge(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`table` with options changed. In a composite, a table of changes goes to the part with that label.

    Raises ConfigError if no part has the label.
    """
    merged = dict(table)
    parts = table.get("of")
    if not isinstance(parts, list):
        return {**merged, **changes}
    by_label = {_label(part): index for index, part in enumerate(parts) if isinstance(part, Mapping)}
    merged["of"] = list(parts)
    for key, value in changes.items():
        if not isinstance(value, Mapping):
            merged[key] = value
        elif key in by_label:
            merged["of"][by_label[key]] = merge(parts[by_label[key]], value)
        else:
            raise ConfigError(f"no part is called {key!r} (parts: {', '.join(by_label)})")
    return merged


def _label(table: Mapping[str, Any]) -> str:
    return str(table.get("label", table.get("name", "")))


def _parts(composite: Composite, of: object, find: Find, defaults: Mapping[str, Any]) -> tuple[Part, ...]:
    name = composite.name
    if not isinstance(of, Sequence) or isinstance(of, str) or not all(isinstance(table, Mapping) for table in of):
        raise ConfigError(f"verifier {name!r}: of: expected a list of [[verifier.of]] tables, found {of!r:.60}")
    least = 2 if composite.in_turn else 1
    if not least <= len(of) <= MAX_PARTS:
        raise ConfigError(f"verifier {name!r}: of: expected {least} to {MAX_PARTS} parts, found {len(of)}")
    parts: list[Part] = []
    for number, part_table in enumerate(of, 1):
        where = f"verifier {name!r}: of: part {number}"
        table, label = dict(part_table), _label(part_table)
        table.pop("label", None)
        weight = table.pop("weight", 1.0)
        if not _LABEL.fullmatch(label) or label in RESERVED:
            raise ConfigError(f"{where}: label {label!r}: expected lower-case letters, digits, '-' and '_'")
        if label in [part.label for part in parts]:
            raise ConfigError(f"{where}: two parts are called {label!r}; give one another label")
        if "weight" in part_table and composite.decide is not decisions.weighted_of:
            raise ConfigError(f"{where}: only parts of 'weighted' have a weight")
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight <= MAX_WEIGHT:
            raise ConfigError(f"{where}: weight must be above 0 and at most {MAX_WEIGHT:g}, not {weight!r}")
        try:
            verifier = build(table, find, defaults)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None
        parts.append(Part(label, verifier, float(weight)))
    return tuple(parts)


# ---- the four


def _verify_all(example: Example, completion: Completion, *, of: Parts = ()) -> Verdict:
    """Every one of its parts calls the completion correct."""
    raise VerifierError("made of other verifiers: only the engine runs it")


def _verify_any(example: Example, completion: Completion, *, of: Parts = ()) -> Verdict:
    """One of its parts calls the completion correct."""
    raise VerifierError("made of other verifiers: only the engine runs it")


def _verify_weighted(example: Example, completion: Completion, *, of: Parts = (), threshold: float = 1.0) -> Verdict:
    """The weighted mean of its parts' scores; correct from `threshold` on."""
    raise VerifierError("made of other verifiers: only the engine runs it")


def _verify_gate(example: Example, completion: Completion, *, of: Parts = ()) -> Verdict:
    """Its last part decides, if all parts before it (the gates, such as a format) call the completion correct."""
    raise VerifierError("made of other verifiers: only the engine runs it")


COMPOSITES = (
    Composite("all", _verify_all, decide=decisions.all_of),
    Composite("any", _verify_any, decide=decisions.any_of),
    Composite("weighted", _verify_weighted, decide=decisions.weighted_of),
    Composite("gate", _verify_gate, decide=decisions.gate_of, in_turn=True),
)
