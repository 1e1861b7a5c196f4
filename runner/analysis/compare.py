"""Compares runs, so that a gain can be told from an artifact.

A run's gain is its accuracy after training less that before. Two runs that answered the same questions are compared
question by question (paired), which needs far fewer of them; else the two accuracies are compared with their own
intervals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlvr.runner.analysis.differences import Difference, independent, paired, points
from rlvr.runner.analysis.run_record import Answers, RunRecord
from rlvr.runner.evaluation.answers import Question
from rlvr.runner.evaluation.summary import KINDS, Accuracy, Kind, Summary
from rlvr.runner.run_folder.result import BeforeAndAfter, before_and_after

SHARED = 0.9  # part of the questions that must be the same for a paired comparison


@dataclass(frozen=True, slots=True)
class CategoryGain:
    """Strict accuracy on one category's questions before and after, and the gain; None if it can't be told."""

    before: Accuracy | None
    after: Accuracy | None
    gain: Difference | None

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: value and value.as_json() for name, value in
                (("before", self.before), ("after", self.after), ("gain", self.gain))}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunGains:
    """A run with what it gained."""

    run: RunRecord
    accuracy: Mapping[Kind, BeforeAndAfter]
    gain: Mapping[Kind, Difference | None]
    categories: Mapping[str, CategoryGain]

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        run = self.run
        return {
            "name": run.name, "folder": str(run.folder.path), "pack": run.pack, "reward": run.config.reward,
            "model": run.environment.model, "seed": run.config.seed, "steps": run.steps, "of": run.config.steps,
            "finished": run.finished, "evaluated_at": run.last.at_step if run.last else None,
            "accuracy": {kind: both.as_json() for kind, both in self.accuracy.items()},
            "gain": _json(self.gain),
            "categories": {name: category.as_json() for name, category in self.categories.items()},
            "alarms": [alarm.in_short() for alarm in run.folder.alarms()],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class PairDifferences:
    """The first run less another one: accuracy after training, gains, gains by category; and the settings that differ."""

    first: str
    other: str
    after: Mapping[Kind, Difference | None]
    gains: Mapping[Kind, Difference | None]
    categories: Mapping[str, Difference | None]
    settings: Mapping[str, tuple[Any, Any]]

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "of": self.first, "from": self.other, "after": _json(self.after), "gains": _json(self.gains),
            "categories": _json(self.categories), "settings": {name: [*both] for name, both in self.settings.items()},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs, the first one compared with each of the others, what makes that unfair, and what it shows, in sentences."""

    runs: Sequence[RunGains]
    differences: Sequence[PairDifferences]
    warnings: Sequence[str]
    verdicts: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "runs": [run.as_json() for run in self.runs],
            "differences": [pair.as_json() for pair in self.differences],
            "warnings": [*self.warnings],
            "verdicts": [*self.verdicts],
        }


def _json(differences: Mapping[Any, Difference | None]) -> dict[str, Any]:
    return {name: difference and difference.as_json() for name, difference in differences.items()}


def compare_runs(runs: Sequence[RunRecord]) -> Comparison:
    """The first run compared with each of the others. Raises ConfigError for a file that can't be read."""
    first, *others = runs
    pairs = [(first, other) for other in others]
    return Comparison(
        [_gains(run) for run in runs],
        [_differences(*pair) for pair in pairs],
        [*dict.fromkeys(text for pair in pairs for text in warnings(*pair)),
         *(text for run in runs for text in _unfinished(run))],
        [in_words(*pair) for pair in pairs],
    )  # fmt: skip


def _gains(run: RunRecord) -> RunGains:
    accuracy = before_and_after(run.before, run.last)
    categories = {
        name: CategoryGain(_measured(run.before, "strict", name), _measured(run.last, "strict", name),
                           gain(run, "strict", name))
        for name in category_names([run])
    }  # fmt: skip
    return RunGains(run, accuracy, {kind: gain(run, kind) for kind in accuracy}, categories)


def _differences(first: RunRecord, other: RunRecord) -> PairDifferences:
    kinds = [kind for kind in KINDS if _measured(first.last, kind) and _measured(other.last, kind)]
    own, theirs = first.settings, other.settings
    return PairDifferences(
        first.name,
        other.name,
        {kind: between(first, other, kind) for kind in kinds},
        {kind: between_gains(first, other, kind) for kind in kinds},
        {name: between_gains(first, other, "strict", name) for name in category_names([first, other])},
        {name: (value, theirs[name]) for name, value in own.items() if value != theirs[name]},
    )


def category_names(runs: Sequence[RunRecord]) -> list[str]:
    """The categories of the evaluations; none if there is only one."""
    summaries = [summary for run in runs for summary in (run.before, run.last) if summary]
    names = list(dict.fromkeys(name for summary in summaries for name in summary.categories))
    return names if len(names) > 1 else []


def _measured(summary: Summary | None, kind: Kind, category: str | None = None) -> Accuracy | None:
    """An evaluation's accuracy over all questions or a category's; None without a verdict about the model."""
    accuracy = summary.of(kind, category) if summary else None
    return accuracy if accuracy and accuracy.accuracy is not None else None


def gain(run: RunRecord, kind: Kind, category: str | None = None) -> Difference | None:
    """Accuracy after less that before; None unless both were measured."""
    return _difference((run, run.last), (run, run.before), kind, category)


def between(first: RunRecord, other: RunRecord, kind: Kind, category: str | None = None) -> Difference | None:
    """Accuracy of `first` after training less that of `other`; None unless both were measured."""
    return _difference((first, first.last), (other, other.last), kind, category)


def between_gains(first: RunRecord, other: RunRecord, kind: Kind, category: str | None = None) -> Difference | None:
    """The gain of `first` less that of `other`; None unless both are known."""
    own, theirs = gain(first, kind, category), gain(other, kind, category)
    if own is None or theirs is None:
        return None
    sides = [_of_category(run.answers(summary, kind), category)
             for run in (first, other) for summary in (run.last, run.before)]  # fmt: skip
    if shared := _shared(sides):
        after, before, other_after, other_before = sides
        return paired(
            [
                (after[key].right - before[key].right) - (other_after[key].right - other_before[key].right)
                for key in shared
            ]
        )
    questions = min(own.questions, theirs.questions)
    return independent(own.value, (own.low, own.high), theirs.value, (theirs.low, theirs.high), questions)


Evaluated = tuple[RunRecord, Summary | None]


def _difference(one: Evaluated, other: Evaluated, kind: Kind, category: str | None) -> Difference | None:
    own, theirs = _measured(one[1], kind, category), _measured(other[1], kind, category)
    if own is None or own.accuracy is None or theirs is None or theirs.accuracy is None:
        return None
    sides = [_of_category(run.answers(summary, kind), category) for run, summary in (one, other)]
    if shared := _shared(sides):
        return paired([sides[0][key].right - sides[1][key].right for key in shared])
    questions = min(own.questions, theirs.questions)
    return independent(own.accuracy, own.interval, theirs.accuracy, theirs.interval, questions)


def _of_category(answers: Answers, category: str | None) -> Answers:
    return {key: share for key, share in answers.items() if category is None or share.category == category}


def _shared(sides: Sequence[Answers]) -> list[Question]:
    """The questions that all sides answered, or none if too few are: infrastructure errors leave a few out, other
    questions leave most out."""
    shared = sorted(set.intersection(*(set(side) for side in sides)))
    return shared if shared and len(shared) >= SHARED * max(map(len, sides)) else []


def warnings(first: RunRecord, other: RunRecord) -> list[str]:
    """What makes a comparison of two runs unfair."""
    names = f"{first.name} and {other.name}"
    texts = []
    if first.pack != other.pack:
        texts.append(f"{names} trained on different packs ({first.pack}, {other.pack})")
    own, theirs = first.environment, other.environment
    for what, sides in (("models", (own.model, theirs.model)), ("verifiers", (own.verifier, theirs.verifier))):
        if None not in sides and sides[0] != sides[1]:
            texts.append(f"{names} have different {what}")
    for when, summaries in (("before", (first.before, other.before)), ("after", (first.last, other.last))):
        answers = [run.answers(summary, "strict") for run, summary in zip((first, other), summaries, strict=True)]
        if all(answers) and not _shared(answers):
            shared = len(set(answers[0]) & set(answers[1]))
            texts.append(
                f"{names} asked different questions {when} training ({shared} shared): compared as independent"
            )
    steps = [run.last.at_step for run in (first, other) if run.last]
    if len(set(steps)) > 1:
        texts.append(f"{names} were last evaluated after {steps[0]} and {steps[1]} steps")
    return texts


def _unfinished(run: RunRecord) -> list[str]:
    if run.last is None:
        return [f"{run.name} has no evaluation after training began: only its curves are compared"]
    return [] if run.finished else [f"{run.name} has made {run.steps} of {run.config.steps} steps"]


def in_words(first: RunRecord, other: RunRecord) -> str:
    """Whether the first run's gain differs significantly from the other's, in a sentence."""
    own, theirs, both = gain(first, "strict"), gain(other, "strict"), between_gains(first, other, "strict")
    if own is None or theirs is None or both is None:
        missing = [run.name for run in (first, other) if gain(run, "strict") is None]
        lack = f"{' and '.join(missing)} {'lack' if len(missing) > 1 else 'lacks'}"
        return f"nothing can be said of {first.name} against {other.name}: {lack} accuracy before or after"
    control = f", whose reward was {other.control_reward}," if other.control_reward else ""
    shown = f"{first.name} gained {points(own)}, {other.name}{control} gained {points(theirs)}; the difference is {points(both)}"
    if not both.apart:
        end = "the gains don't differ significantly"
        if control and own.value > 0:
            end += ": the verifier may have taught nothing"
    else:
        more, less = (first, other) if both.value > 0 else (other, first)
        end = f"the gain of {more.name} is significantly larger than that of {less.name}"
        if control and more is first:
            end += ", and no artifact of training as such"
    return f"{shown}: {end}."
