"""Verifies the rows of a JSONL stream: rows in, the same rows with their verdicts out, in order and in bounded memory.

What is wrong with the input is reported with file and line, after the rows before it have been verified and written.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import IO, Any

from rlvr.errors import ConfigError
from rlvr.verifiers.engine.engine import Engine
from rlvr.verifiers.rows import COLUMNS, Pair
from rlvr.verifiers.types import Status, Verdict
from rlvr.verifiers.verifier import Verifier

CHUNK_ROWS = 1024
CHUNK_BYTES = 8 << 20
_USED = frozenset((*COLUMNS, "completion", "answer", "expected"))

Row = dict[str, Any]
_MEANING = {  # a label -> what must become of the row; None: any verdict will do
    "true": "correct",
    "false": "not correct",
    "accept": "correct",
    "reject": "not correct",
    "no_hang": None,
    **{str(status): str(status) for status in Status},
}


@dataclass
class Tally:
    """What became of the rows, and how often the verdict disagrees with the row's label `expected`."""

    statuses: Counter[str] = field(default_factory=Counter)
    labelled: Counter[tuple[str, str]] = field(default_factory=Counter)  # (label, status) -> rows
    disagreements: int = 0
    score: float = 0.0
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """How many there were."""
        return sum(self.statuses.values())

    @property
    def scored(self) -> int:
        """Rows with a verdict about the model: without those that are `error` or `skipped`."""
        return self.rows - sum(n for status, n in self.statuses.items() if Status(status).masked)

    @property
    def accuracy(self) -> float | None:
        """Share of `correct` in [0, 1]; None without a verdict about the model."""
        return self.statuses["correct"] / self.scored if self.scored else None

    def add(self, row: Row, verdict: Verdict) -> None:
        """Count a row with its verdict."""
        status = str(verdict.status)
        self.statuses[status] += 1
        self.score += 0 if verdict.status.masked else verdict.score
        self.seconds += verdict.seconds
        label = str(row.get("expected", "")).lower()
        if label in _MEANING:
            self.labelled[label, status] += 1
            self.disagreements += not agrees(label, status)

    def as_json(self) -> Row:
        """As JSON values."""
        return {
            "rows": self.rows,
            "statuses": dict(self.statuses),
            "accuracy": self.accuracy,
            "mean_score": self.score / self.scored if self.scored else None,
            "seconds": self.seconds,
            "expected": [{"expected": e, "status": s, "rows": n} for (e, s), n in sorted(self.labelled.items())],
            "disagreements": self.disagreements,
        }


def agrees(label: str, status: str) -> bool:
    """Whether `status` is what the label `expected` of a row asks for."""
    meaning = _MEANING[label]
    if meaning == "not correct":  # a verdict that is about the model, and not `correct`
        return status != "correct" and not Status(status).masked
    return meaning is None or meaning == status


def verify_rows(
    engine: Engine,
    verifier: Verifier,
    source: IO[bytes],
    name: str,
    target: IO[str],
    *,
    gold: str | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Tally:
    """Verify each row of `source`, called `name` in messages, and write it with its verdict to `target`.

    `gold` is the gold answer of rows without one; `advance` is called with how many more bytes of the source are done.
    Raises ConfigError, with file and line, for what is not JSON or lacks a column.
    """
    tally = Tally()
    for rows, pairs, size in _chunks(
        read_rows(source, name), lambda row, place: pair_from_row(verifier, row, place, gold)
    ):
        for row, verdict in zip(rows, engine.verify_batch(verifier, pairs), strict=True):
            tally.add(row, verdict)
            target.write(json.dumps({**row, **as_row(verdict)}) + "\n")
        target.flush()
        advance(size)
    return tally


def as_row(verdict: Verdict) -> Row:
    """The columns that a verdict adds to its row."""
    return {
        "status": str(verdict.status),
        "score": verdict.score,
        "extracted": verdict.extracted,
        "reason": verdict.reason,
        "seconds": round(verdict.seconds, 6),
    }


def read_rows(source: IO[bytes], name: str) -> Iterator[tuple[str, Row, int]]:
    """(place, object, bytes) for each line that isn't blank. Raises ConfigError that names file and line."""
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        try:
            row = json.loads(line)
        except UnicodeDecodeError as error:
            raise ConfigError(f"{place}: not UTF-8: {error.reason}") from None
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{place}: not valid JSON: {error}") from None
        if not isinstance(row, dict):
            raise ConfigError(f"{place}: expected an object, found {type(row).__name__}")
        yield place, row, len(line)


def pair_from_row(verifier: Verifier, row: Row, place: str, gold: str | None = None) -> Pair:
    """The example and the completion in a row, as `Verifier.pair_from_row` reads them.

    A row without `metadata` may have its keys as columns. Raises ConfigError, which begins with `place`.
    """
    example, completion = verifier.pair_from_row(row, place, gold=gold)
    if verifier.from_row is None and row.get("metadata") is None:
        others = {column: value for column, value in row.items() if column not in _USED}
        example = replace(example, metadata=others)
    return example, completion


def _chunks(
    rows: Iterable[tuple[str, Row, int]], to_pair: Callable[[Row, str], Pair]
) -> Iterator[tuple[list[Row], list[Pair], int]]:
    """Rows with their pairs, many at a time. A bad row is raised only after the good ones before it were yielded."""
    chunk: list[Row] = []
    pairs: list[Pair] = []
    size = 0
    problem = None
    iterator = iter(rows)
    while True:
        try:
            place, row, length = next(iterator)
            pairs.append(to_pair(row, place))
        except StopIteration:
            break
        except ConfigError as error:
            problem = error
            break
        chunk.append(row)
        size += length
        if len(chunk) >= CHUNK_ROWS or size >= CHUNK_BYTES:
            yield chunk, pairs, size
            chunk, pairs, size = [], [], 0
    if chunk:
        yield chunk, pairs, size
    if problem is not None:
        raise problem
