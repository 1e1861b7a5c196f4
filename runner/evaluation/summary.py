"""The figures of an evaluation: accuracy strict and lenient, overall and by category, with 95 % intervals.

Verdicts `error` and `skipped` say nothing about the model: they are left out of every figure, and counted.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rlvr.files import write_whole
from rlvr.intervals import Interval, wilson
from rlvr.runner.evaluation.answers import Answered, write_answers
from rlvr.runner.evaluation.statistics import bootstrap, pass_at_k
from rlvr.text import percent_with_interval
from rlvr.verifiers.types import Status, Verdict

Kind = Literal["strict", "lenient"]
KINDS: tuple[Kind, ...] = ("strict", "lenient")
POWERS = (1, 2, 4, 8, 16, 32, 64, 128)  # the k of pass@k


@dataclass(frozen=True, slots=True)
class PassAtK:
    """The chance that one of k samples is right, as a mean over the questions, with its 95 % interval."""

    value: float
    interval: Interval

    def __str__(self) -> str:
        return percent_with_interval(self.value, self.interval)

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"value": self.value, "interval": list(self.interval)}


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The share of right answers in [0, 1], with its 95 % interval.

    `questions` counts those with a verdict about the model; without any, `accuracy` is None. `method` is wilson (one
    sample a question) or bootstrap (several; then there is pass@k as well, by k).
    """

    questions: int
    accuracy: float | None
    interval: Interval = (0.0, 1.0)
    method: str = ""
    pass_at_k: Mapping[int, PassAtK] = field(default_factory=dict)

    def __str__(self) -> str:
        return "no verdict" if self.accuracy is None else percent_with_interval(self.accuracy, self.interval)

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        table: dict[str, Any] = {
            "questions": self.questions,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
        }
        if self.method:
            table["method"] = self.method
        if self.pass_at_k:
            table["pass_at_k"] = {str(k): figure.as_json() for k, figure in self.pass_at_k.items()}
        return table

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> "Accuracy":
        """The inverse of `as_json`; what is missing is empty."""
        return cls(
            int(table.get("questions", 0)), table.get("accuracy"), _interval(table), str(table.get("method", "")),
            {int(k): PassAtK(figure["value"], _interval(figure)) for k, figure in table.get("pass_at_k", {}).items()},
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Accuracies:
    """Accuracy by the pack's verifiers, and by its lenient ones if it has some."""

    strict: Accuracy
    lenient: Accuracy | None = None

    def of(self, kind: Kind) -> Accuracy | None:
        """The strict or the lenient one."""
        return self.strict if kind == "strict" else self.lenient

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {kind: accuracy.as_json() for kind in KINDS if (accuracy := self.of(kind))}

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> "Accuracies":
        """The inverse of `as_json`; what is missing is empty."""
        strict, lenient = table.get("strict") or {}, table.get("lenient")
        return cls(Accuracy.from_json(strict), Accuracy.from_json(lenient) if lenient else None)


@dataclass(frozen=True, slots=True)
class SampledAccuracies:
    """The same questions asked again with several samples at a temperature."""

    samples: int
    temperature: float
    accuracies: Accuracies

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"samples": self.samples, "temperature": self.temperature, **self.accuracies.as_json()}

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> "SampledAccuracies":
        """The inverse of `as_json`."""
        return cls(int(table["samples"]), float(table["temperature"]), Accuracies.from_json(table))


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """An evaluation in figures, then how they were measured, then what was asked and when.

    `truncated` is the share of completions that the token limit cut off; `shots` counts few-shot examples; `seconds`
    and `tokens_per_second` are of the wall clock. None or empty if it wasn't recorded.
    """

    questions: int
    samples: int
    accuracies: Accuracies
    categories: Mapping[str, Accuracies] = field(default_factory=dict)
    statuses: Mapping[Status, int] = field(default_factory=dict)
    truncated: float = 0.0

    shots: int | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    backend: str | None = None
    verifier: Mapping[str, Any] | None = None  # as Pack.spec() gives it
    longest_prompt_tokens: int | None = None
    completion_tokens: int | None = None
    tokens_per_second: float | None = None
    seconds: float | None = None

    sampled: SampledAccuracies | None = None
    step: int | None = None  # of training; None outside a run
    pack: str | None = None
    model: str | None = None
    split: str | None = None
    origin: Mapping[str, Any] | None = None  # of the data
    seed: int | None = None

    @property
    def strict(self) -> Accuracy:
        """Over all questions, by the pack's verifiers."""
        return self.accuracies.strict

    @property
    def lenient(self) -> Accuracy | None:
        """Over all questions, by the pack's lenient verifiers, if it has some."""
        return self.accuracies.lenient

    @property
    def at_step(self) -> int:
        """The step after which it was made; 0 before training."""
        return self.step or 0

    @property
    def kinds(self) -> list[Kind]:
        """strict, and lenient if the pack has it."""
        return [kind for kind in KINDS if self.accuracies.of(kind)]

    def of(self, kind: Kind, category: str | None = None) -> Accuracy | None:
        """The accuracy over all questions, or those of a category; None if there is none."""
        accuracies = self.accuracies if category is None else self.categories.get(category)
        return accuracies.of(kind) if accuracies else None

    def as_json(self) -> dict[str, Any]:
        """The summary's file: keys whose value is None are left out."""
        table: dict[str, Any] = {
            "questions": self.questions,
            "samples": self.samples,
            **self.accuracies.as_json(),
            "categories": {name: accuracies.as_json() for name, accuracies in self.categories.items()},
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "truncated": self.truncated,
        }
        more = {name: getattr(self, name) for name in _PLAIN} | {"sampled": self.sampled and self.sampled.as_json()}
        return table | {name: value for name, value in more.items() if value is not None}

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> "Summary":
        """The summary in a file of a run; one without a step was made before training, at step 0."""
        sampled = table.get("sampled")
        return cls(
            questions=int(table.get("questions", 0)),
            samples=int(table.get("samples", 0)),
            accuracies=Accuracies.from_json(table),
            categories={name: Accuracies.from_json(one) for name, one in (table.get("categories") or {}).items()},
            statuses={Status(status): count for status, count in (table.get("statuses") or {}).items()},
            truncated=float(table.get("truncated", 0.0)),
            sampled=SampledAccuracies.from_json(sampled) if sampled else None,
            **{name: table.get(name) for name in _PLAIN if name != "step"},
            step=int(table.get("step", 0)),
        )


_PLAIN = ("shots", "temperature", "max_tokens", "backend", "verifier", "longest_prompt_tokens", "completion_tokens",
          "tokens_per_second", "seconds", "step", "pack", "model", "split", "origin", "seed")  # fmt: skip


def _interval(table: Mapping[str, Any]) -> Interval:
    low, high = table.get("interval") or (0.0, 1.0)
    return float(low), float(high)


def summarize(answered: Sequence[Answered]) -> Summary:
    """The figures of what was answered."""
    statuses = Counter(verdict.status for question in answered for verdict in question.strict)
    by_category: dict[str, list[Answered]] = defaultdict(list)
    for question in answered:
        by_category[question.example.category].append(question)
    completions = [completion for question in answered for completion in question.completions]
    return Summary(
        questions=len(answered),
        samples=len(answered[0].strict) if answered else 0,
        accuracies=_accuracies(answered),
        categories={name: _accuracies(questions) for name, questions in sorted(by_category.items())},
        statuses={status: statuses[status] for status in Status},
        truncated=sum(completion.truncated for completion in completions) / max(1, len(completions)),
    )


def _accuracies(answered: Sequence[Answered]) -> Accuracies:
    lenient = accuracy_of([question.lenient for question in answered]) if answered and answered[0].lenient else None
    return Accuracies(accuracy_of([question.strict for question in answered]), lenient)


def accuracy_of(verdicts: Sequence[Sequence[Verdict]]) -> Accuracy:
    """Accuracy (pass@1) and pass@k with 95 % intervals, from each question's verdicts.

    Questions without a verdict about the model don't count.
    """
    right = [[v.status is Status.CORRECT for v in question if not v.status.masked] for question in verdicts]
    right = [question for question in right if question]
    if not right:
        return Accuracy(0, None)
    if max(map(len, right)) == 1:
        correct = sum(question[0] for question in right)
        return Accuracy(len(right), correct / len(right), wilson(correct, len(right)), "wilson")
    shares = [sum(question) / len(question) for question in right]
    samples = min(map(len, right))
    figures = {}
    for k in sorted({k for k in POWERS if k < samples} | {samples}):
        values = [pass_at_k(len(question), sum(question), k) for question in right]
        figures[k] = PassAtK(sum(values) / len(values), bootstrap(values))
    return Accuracy(len(right), sum(shares) / len(shares), bootstrap(shares), "bootstrap", figures)


def save(folder: Path, name: str, summary: Summary, answered: Sequence[Answered]) -> Path:
    """Write NAME.json (the summary) and NAME.jsonl (a line a completion). Returns the summary's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    write_answers(folder / f"{name}.jsonl", answered)
    # Last: if it is there, the evaluation is complete.
    write_whole(path, json.dumps(summary.as_json(), indent=1) + "\n")
    return path
