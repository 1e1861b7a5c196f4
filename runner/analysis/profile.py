"""How hard is each example of a pack for a model? Pass rates of sampled completions, in a Parquet file that grows by itself.

While examples are sampled, decided rows are lines of FILE.jsonl beside the Parquet file; a later call with the same settings
goes on from what is there, whether it is half a profile or one of fewer examples.
"""

import itertools
import json
import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlvr.errors import ConfigError
from rlvr.intervals import Interval, wilson
from rlvr.runner.evaluation.answers import Answered
from rlvr.runner.evaluation.evaluate import Evaluator, Progress
from rlvr.runner.evaluation.statistics import bootstrap
from rlvr.runner.generation.backend import Generator, Sampling
from rlvr.runner.run_folder.lines import append_lines, complete_lines
from rlvr.verifiers.types import Example, Status

AT_ONCE = 256  # completions that are sampled before the rows of their examples are written
BINS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)  # bounds of the histogram's bars, besides those of exactly 0 and exactly 1
_METADATA = b"rlvr_profile"  # key in the Parquet file's schema

Key = tuple[str, str]  # an example's id and question


@dataclass(frozen=True, slots=True)
class ExampleProfile:
    """One example: `correct` of `samples` completions are correct, not counting verdicts that are infrastructure errors.

    `truncated` is the share of completions that the token limit cut off, `mean_length` their mean length in tokens.
    """

    id: str
    question: str
    category: str
    samples: int
    correct: int
    truncated: float
    mean_length: float

    @classmethod
    def of(cls, answered: Answered) -> "ExampleProfile":
        """The profile of an example that was answered."""
        example, completions = answered.example, answered.completions
        decided = [verdict.status for verdict in answered.strict if not verdict.status.masked]
        return cls(
            example.id,
            example.question,
            example.category,
            len(decided),
            decided.count(Status.CORRECT),
            sum(completion.truncated for completion in completions) / len(completions),
            sum(len(completion.tokens) for completion in completions) / len(completions),
        )

    @property
    def key(self) -> Key:
        """What tells it from the others of a split."""
        return self.id, self.question

    @property
    def pass_rate(self) -> float | None:
        """The share of correct completions, in [0, 1]; None without any verdict about the model."""
        return self.correct / self.samples if self.samples else None

    @property
    def interval(self) -> Interval:
        """The 95 % interval of the pass rate (Wilson)."""
        return wilson(self.correct, self.samples)

    def variance_chance(self, group_size: int) -> float:
        """The chance that a group of so many completions holds right and wrong ones; 0 without verdicts.

        Without bias up to `samples` completions: 1 - (C(c, g) + C(n - c, g)) / C(n, g), as pass@k is estimated.
        """
        if not self.samples:
            return 0.0
        right, wrong = self.correct, self.samples - self.correct
        if group_size > self.samples:
            return float(1 - (right / self.samples) ** group_size - (wrong / self.samples) ** group_size)
        same = math.comb(right, group_size) + math.comb(wrong, group_size)
        return 1 - same / math.comb(self.samples, group_size)

    def to_row(self) -> dict[str, Any]:
        """As a row of the Parquet file."""
        low, high = self.interval
        return {
            "id": self.id, "question": self.question, "category": self.category, "samples": self.samples,
            "correct": self.correct, "pass_rate": self.pass_rate, "low": low, "high": high,
            "truncated": self.truncated, "mean_length": self.mean_length,
        }  # fmt: skip

    @classmethod
    def from_row(cls, row: Mapping[str, Any], where: Path) -> "ExampleProfile":
        """The inverse of `to_row`. Raises ConfigError that begins with `where` for a row that holds no profile."""
        try:
            return cls(
                str(row["id"]), str(row["question"]), str(row["category"]), int(row["samples"]), int(row["correct"]),
                float(row["truncated"]), float(row["mean_length"]),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{where}: a row holds no profile of an example: {error!r:.80}") from None


class ProfileFile:
    """The rows of a profile, at `path` as Parquet, and beside it as JSONL while it grows.

    `settings` are JSON values that a row depends on. Raises ConfigError for a file that was made with others, and for one
    that can't be read.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self.path, self._lines = path, path.with_name(path.name + ".jsonl")
        self._settings: dict[str, Any] = json.loads(json.dumps(settings, default=str))
        self.rows: dict[Key, ExampleProfile] = {}
        lines = list(complete_lines(self._lines))
        if lines:
            self._require_same(self._lines, lines[0].get("settings"))
            self._add([ExampleProfile.from_row(row, self._lines) for row in lines[1:]])
        elif path.exists():
            table = _read_parquet(path)
            self._require_same(path, json.loads((table.schema.metadata or {}).get(_METADATA, b"null")))
            self._add([ExampleProfile.from_row(row, path) for row in table.to_pylist()])

    def add(self, rows: Sequence[ExampleProfile]) -> None:
        """Write rows down at once."""
        self._add(rows)
        if self._lines.exists():
            append_lines(self._lines, [row.to_row() for row in rows])
        else:  # a profile of fewer examples grows, or a new one begins
            append_lines(
                self._lines, [{"settings": self._settings}, *(profile.to_row() for profile in self.rows.values())]
            )

    def finish(self) -> None:
        """Turn what was added into Parquet."""
        import pyarrow
        import pyarrow.parquet

        if not self._lines.exists():
            return
        table = pyarrow.Table.from_pylist([row.to_row() for row in self.rows.values()], schema=_schema())
        table = table.replace_schema_metadata({_METADATA: json.dumps(self._settings)})
        temporary = self.path.with_name(f".{self.path.name}.tmp")
        pyarrow.parquet.write_table(table, temporary, compression="zstd")
        temporary.replace(self.path)
        self._lines.unlink()

    def _add(self, rows: Sequence[ExampleProfile]) -> None:
        self.rows.update({row.key: row for row in rows})

    def _require_same(self, path: Path, theirs: object) -> None:
        if not isinstance(theirs, dict):
            raise ConfigError(f"{path}: no profile by `rlvr profile`; give another --file")
        for name, value in self._settings.items():
            if theirs.get(name) != value:
                raise ConfigError(
                    f"{path}: a profile with {name} = {json.dumps(theirs.get(name))}, asked for {json.dumps(value)}: "
                    "give another --file, or delete it"
                )


def order(examples: Sequence[Example], count: int, seed: int) -> list[Example]:
    """`count` of the examples (0: all) in an order that follows from the seed: a larger count only adds to a smaller one."""
    shuffled = list(examples)
    random.Random(seed).shuffle(shuffled)
    return shuffled[: count or None]


def profile(
    file: ProfileFile,
    evaluator: Evaluator,
    examples: Sequence[Example],
    generator: Generator,
    sampling: Sampling,
    progress: Progress = lambda _: None,
) -> list[ExampleProfile]:
    """The profiles of `examples`, in order: those that `file` lacks are sampled and written to it as they are decided.

    Raises ConfigError if a prompt doesn't fit the model's context.
    """
    size = max(1, AT_ONCE // sampling.n)
    for start in range(0, len(examples), size):
        part = [
            example for example in examples[start : start + size] if (example.id, example.question) not in file.rows
        ]
        progress(len(examples[start : start + size]) - len(part))
        if part:
            # Each part has a seed of its own: equal seeds would correlate them.
            seed = random.Random(f"{sampling.seed}-{start}").getrandbits(31)
            own = Sampling(sampling.max_tokens, sampling.temperature, sampling.top_p, sampling.n, sampling.stop, seed)
            file.add(
                [ExampleProfile.of(answered) for answered in evaluator.evaluate(part, generator, own, progress)[1]]
            )
    file.finish()
    return [file.rows[example.id, example.question] for example in examples]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the histogram: the examples whose pass rate lies in it. `low` = `high` is exactly that rate."""

    low: float
    high: float
    examples: int


@dataclass(frozen=True, slots=True)
class ProfileSummary:
    """Examples in figures. Shares are in [0, 1]; `undecided` examples have no verdict about the model, and count nowhere.

    `variance` is the share of groups of `group_size` completions that would hold right and wrong ones.
    """

    examples: int
    undecided: int
    pass_rate: float
    interval: Interval
    never: int  # solved in no sample
    always: int
    group_size: int
    variance: float
    truncated: float
    mean_length: float
    histogram: Sequence[Bar] = ()
    categories: Mapping[str, "ProfileSummary"] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        table: dict[str, Any] = {
            "examples": self.examples, "undecided": self.undecided, "pass_rate": self.pass_rate,
            "interval": list(self.interval), "never": self.never, "always": self.always,
            "group_size": self.group_size, "variance": self.variance, "truncated": self.truncated,
            "mean_length": self.mean_length,
        }  # fmt: skip
        if self.histogram:
            table["histogram"] = [
                {"low": bar.low, "high": bar.high, "examples": bar.examples} for bar in self.histogram
            ]
        if self.categories:
            table["categories"] = {name: summary.as_json() for name, summary in self.categories.items()}
        return table


def summarize_profile(rows: Sequence[ExampleProfile], group_size: int) -> ProfileSummary:
    """The figures of all rows, with a histogram, and of each category."""
    by_category: dict[str, list[ExampleProfile]] = defaultdict(list)
    for row in rows:
        by_category[row.category].append(row)
    categories = {name: _figures(members, group_size) for name, members in sorted(by_category.items())}
    return _figures(rows, group_size, histogram(rows), categories if len(categories) > 1 else {})


def _figures(
    rows: Sequence[ExampleProfile],
    group_size: int,
    bars: Sequence[Bar] = (),
    categories: Mapping[str, ProfileSummary] | None = None,
) -> ProfileSummary:
    decided = [row for row in rows if row.samples]
    rates = _rates(decided)
    return ProfileSummary(
        len(rows),
        len(rows) - len(decided),
        _mean(rates),
        bootstrap(rates),
        sum(not row.correct for row in decided),
        sum(row.correct == row.samples for row in decided),
        group_size,
        _mean([row.variance_chance(group_size) for row in decided]),
        _mean([row.truncated for row in rows]),
        _mean([row.mean_length for row in rows]),
        bars,
        categories or {},
    )


def histogram(rows: Sequence[ExampleProfile]) -> list[Bar]:
    """How many examples have which pass rate: exactly 0, between the bounds of BINS, exactly 1."""
    rates = _rates(rows)
    inner = [rate for rate in rates if 0 < rate < 1]
    between = [Bar(low, high, sum(low <= rate < high for rate in inner)) for low, high in itertools.pairwise(BINS)]
    return [Bar(0.0, 0.0, rates.count(0.0)), *between, Bar(1.0, 1.0, rates.count(1.0))]


def _rates(rows: Sequence[ExampleProfile]) -> list[float]:
    return [rate for row in rows if (rate := row.pass_rate) is not None]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0


def _schema() -> Any:
    import pyarrow

    text, whole, number = pyarrow.string(), pyarrow.int64(), pyarrow.float64()
    return pyarrow.schema([
        ("id", text), ("question", text), ("category", text), ("samples", whole), ("correct", whole),
        ("pass_rate", number), ("low", number), ("high", number), ("truncated", number), ("mean_length", number),
    ])  # fmt: skip


def _read_parquet(path: Path) -> Any:
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise ConfigError(f"{path}: can't be read as Parquet: {error}") from None
