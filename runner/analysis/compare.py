"""Puts runs side by side, so that a gain can be told from an artefact.

A run's gain is its accuracy after training less that before. Two runs that asked the same questions are compared question
by question (paired), which needs far fewer of them; else the two accuracies are compared with their own intervals.
"""

import contextlib
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rlvr.errors import ConfigError
from rlvr.files import read_json, read_jsonl
from rlvr.runner.evaluation.statistics import wilson
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig

ROUNDS = 1000
SHARED = 0.9  # part of the questions that must be the same for a paired comparison
Row = dict[str, Any]
Answers = dict[tuple[str, str], tuple[float, str]]  # (id, question) -> (share of its samples that are right, category)


@dataclass(frozen=True)
class Difference:
    """`value` with its 95 % interval. `questions` are those behind it; `paired` says that both sides were asked the same."""

    value: float
    low: float
    high: float
    questions: int
    paired: bool

    @property
    def apart(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0

    def as_json(self) -> Row:
        return {"value": self.value, "interval": [self.low, self.high], "questions": self.questions,
                "paired": self.paired, "apart": self.apart}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One run folder, read."""

    name: str  # a letter, by the order on the command line
    folder: RunFolder
    pack: str
    config: RunConfig
    _read: dict[tuple[int | None, str], Answers] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def environment(self) -> Row:
        return self.folder.environment()

    @cached_property
    def metrics(self) -> list[Row]:
        return self.folder.metrics()

    @cached_property
    def evaluations(self) -> list[Row]:
        return self.folder.evaluations()

    @property
    def before(self) -> Row | None:
        return next((one for one in self.evaluations if one.get("step", 0) == 0), None)

    @property
    def last(self) -> Row | None:
        """The latest evaluation: after training, or the last one of a run that goes on or was stopped."""
        return self.evaluations[-1] if self.evaluations and self.evaluations[-1].get("step", 0) > 0 else None

    @property
    def steps(self) -> int:
        return int(self.metrics[-1]["step"]) if self.metrics else 0

    @property
    def finished(self) -> bool:
        return self.steps >= self.config.steps

    @cached_property
    def _files(self) -> dict[int, Path]:
        """Step of an evaluation -> the file with its answers."""
        found = {}
        for path in sorted(self.folder.eval.glob("*.json")):
            with contextlib.suppress(ConfigError):  # half written: the folder's evaluations leave it out too
                found[read_json(path).get("step", 0)] = path.with_suffix(".jsonl")
        return found

    def answers(self, summary: Row | None, kind: str) -> Answers:
        """The answers behind an evaluation; empty where they weren't kept."""
        step = None if summary is None else summary.get("step", 0)
        if (step, kind) not in self._read:
            path = self._files.get(step) if step is not None else None
            self._read[step, kind] = _read_answers(path, kind) if path is not None and path.exists() else {}
        return self._read[step, kind]


def open_runs(paths: Sequence[Path]) -> list[Run]:
    """The runs in these folders. Raises ConfigError for fewer than two, one named twice, or a folder that is no run."""
    if len(paths) < 2:
        raise ConfigError("name at least two run folders: `rlvr compare runs/A runs/B`")
    runs: list[Run] = []
    for path in paths:
        if not path.is_dir():
            raise ConfigError(f"{path}: no such folder")
        if any(path.resolve() == other.folder.path.resolve() for other in runs):
            raise ConfigError(f"{path}: named twice")
        folder, pack, config = RunFolder.open(path)
        runs.append(Run(_letter(len(runs)), folder, pack, config))
    return runs


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else f"R{number + 1}"


def compared(runs: Sequence[Run]) -> Row:
    """Everything that the command shows, as JSON values."""
    first, *others = runs
    pairs = [(first, other) for other in others]
    return {
        "runs": [_described(run) for run in runs],
        "differences": [_differences(*pair) for pair in pairs],
        "warnings": [*dict.fromkeys(text for pair in pairs for text in warnings(*pair)),
                     *(text for run in runs for text in _unfinished(run))],
        "verdicts": [sentence for pair in pairs for sentence in in_words(*pair)],
    }  # fmt: skip


def _described(run: Run) -> Row:
    found: Row = {
        "name": run.name, "folder": str(run.folder.path), "pack": run.pack, "reward": run.config.reward,
        "model": (run.environment.get("model") or {}).get("name"), "seed": run.config.seed,
        "steps": run.steps, "of": run.config.steps, "finished": run.finished,
        "evaluated_at": run.last["step"] if run.last else None, "accuracy": {}, "gain": {}, "categories": {},
        "alarms": [{"step": a.step, "name": a.name, "severity": a.severity} for a in run.folder.alarms()],
    }  # fmt: skip
    for kind in ("strict", "lenient"):
        sides = {when: summary.get(kind) for when, summary in (("before", run.before), ("after", run.last)) if summary}
        if any(sides.values()):
            found["accuracy"][kind] = sides
            found["gain"][kind] = _json(gain(run, kind))
    for category in categories([run]):
        found["categories"][category] = {
            "before": figures(run.before, "strict", category), "after": figures(run.last, "strict", category),
            "gain": _json(gain(run, "strict", category)),
        }  # fmt: skip
    return found


def _differences(first: Run, other: Run) -> Row:
    kinds = [kind for kind in ("strict", "lenient") if figures(first.last, kind) and figures(other.last, kind)]
    mine, theirs = settings(first), settings(other)
    return {
        "of": first.name,
        "from": other.name,
        "after": {kind: _json(between(first, other, kind)) for kind in kinds},
        "gains": {kind: _json(between_gains(first, other, kind)) for kind in kinds},
        "categories": {
            category: _json(between_gains(first, other, "strict", category)) for category in categories([first, other])
        },
        "settings": {name: [value, theirs[name]] for name, value in mine.items() if value != theirs[name]},
    }


def settings(run: Run) -> Row:
    """What the run was told to do; arms of one experiment differ in as little as possible."""
    return run.config.model_dump(mode="json", exclude={"output", "hub_mirror", "report_to"})


def _json(difference: Difference | None) -> Row | None:
    return difference.as_json() if difference else None


def categories(runs: Sequence[Run]) -> list[str]:
    """The categories of the evaluations; none where there is only one."""
    summaries = [summary for run in runs for summary in (run.before, run.last) if summary]
    names = list(dict.fromkeys(name for summary in summaries for name in summary.get("categories") or {}))
    return names if len(names) > 1 else []


def figures(summary: Row | None, kind: str, category: str | None = None) -> Row | None:
    """Accuracy and interval of an evaluation, of all questions or one category's; None where there are none."""
    if summary is None:
        return None
    table = summary if category is None else (summary.get("categories") or {}).get(category) or {}
    found: Row | None = table.get(kind)
    return found if found and found.get("accuracy") is not None else None


def gain(run: Run, kind: str, category: str | None = None) -> Difference | None:
    """Accuracy after less that before; None unless both were measured."""
    return _difference((run, run.last), (run, run.before), kind, category)


def between(first: Run, other: Run, kind: str, category: str | None = None) -> Difference | None:
    """Accuracy of `first` after training less that of `other`."""
    return _difference((first, first.last), (other, other.last), kind, category)


def between_gains(first: Run, other: Run, kind: str, category: str | None = None) -> Difference | None:
    """The gain of `first` less that of `other`."""
    gains = gain(first, kind, category), gain(other, kind, category)
    if gains[0] is None or gains[1] is None:
        return None
    sides = [_of_category(run.answers(summary, kind), category)
             for run in (first, other) for summary in (run.last, run.before)]  # fmt: skip
    shared = _shared(sides)
    if shared:
        after, before, after_other, before_other = sides
        return paired(
            [(after[key][0] - before[key][0]) - (after_other[key][0] - before_other[key][0]) for key in shared]
        )
    return independent(gains[0].value, (gains[0].low, gains[0].high), gains[1].value, (gains[1].low, gains[1].high),
                       min(gains[0].questions, gains[1].questions))  # fmt: skip


def _difference(
    one: tuple[Run, Row | None], other: tuple[Run, Row | None], kind: str, category: str | None
) -> Difference | None:
    mine, theirs = figures(one[1], kind, category), figures(other[1], kind, category)
    if mine is None or theirs is None:
        return None
    answers = [_of_category(run.answers(summary, kind), category) for run, summary in (one, other)]
    shared = _shared(answers)
    if shared:
        return paired([answers[0][key][0] - answers[1][key][0] for key in shared])
    return independent(mine["accuracy"], mine["interval"], theirs["accuracy"], theirs["interval"],
                       min(mine["questions"], theirs["questions"]))  # fmt: skip


def _shared(sides: Sequence[Answers]) -> list[tuple[str, str]]:
    """The questions that all sides answered, or none where too few are: a verdict of ours that failed here and there
    leaves some out, other questions leave most out."""
    shared = sorted(set.intersection(*(set(side) for side in sides)))
    return shared if shared and len(shared) >= SHARED * max(map(len, sides)) else []


def paired(values: Sequence[float], seed: int = 0) -> Difference:
    """The mean of per-question differences with its 95 % percentile bootstrap interval over the questions.

    Where all are equal, resampling knows nothing of what wasn't seen; then the interval is widened by what Wilson's
    interval allows for an outcome that was never seen.
    """
    mean = sum(values) / len(values)
    if len(set(values)) == 1:
        unseen = wilson(0, len(values))[1]
        return Difference(mean, mean - unseen, mean + unseen, len(values), True)
    draw = random.Random(seed)
    means = sorted(sum(draw.choices(values, k=len(values))) / len(values) for _ in range(ROUNDS))
    return Difference(mean, means[int(0.025 * ROUNDS)], means[int(0.975 * ROUNDS) - 1], len(values), True)


def independent(
    one: float, first: Sequence[float], other: float, second: Sequence[float], questions: int
) -> Difference:
    """The difference of two figures with intervals of their own (Newcombe 1998, method 10, from each one's interval)."""
    value = one - other
    down = ((one - first[0]) ** 2 + (second[1] - other) ** 2) ** 0.5
    up = ((first[1] - one) ** 2 + (other - second[0]) ** 2) ** 0.5
    return Difference(value, value - down, value + up, questions, False)


def warnings(first: Run, other: Run) -> list[str]:
    """What makes a comparison of two runs unfair."""
    names = f"{first.name} and {other.name}"
    found = []
    if first.pack != other.pack:
        found.append(f"{names} trained on different packs ({first.pack}, {other.pack})")
    for what, key in (("models", "model"), ("verifiers", "verifier")):
        mine, theirs = first.environment.get(key), other.environment.get(key)
        if key == "model":
            mine, theirs = (mine or {}).get("name"), (theirs or {}).get("name")
        if mine is not None and theirs is not None and mine != theirs:
            found.append(f"{names} have different {what}")
    for when, summaries in (("before", (first.before, other.before)), ("after", (first.last, other.last))):
        sides = [run.answers(summary, "strict") for run, summary in zip((first, other), summaries, strict=True)]
        if all(sides) and not _shared(sides):
            shared = len(set(sides[0]) & set(sides[1]))
            found.append(
                f"{names} asked different questions {when} training ({shared} shared): compared as independent"
            )
    steps = [run.last["step"] for run in (first, other) if run.last]
    if len(set(steps)) > 1:
        found.append(f"{names} were last evaluated after {steps[0]} and {steps[1]} steps")
    return found


def _unfinished(run: Run) -> list[str]:
    if run.last is None:
        return [f"{run.name} has no evaluation after training began: only its curves are compared"]
    return [] if run.finished else [f"{run.name} has made {run.steps} of {run.config.steps} steps"]


def in_words(first: Run, other: Run) -> list[str]:
    """Whether the first run's gain is apart from the other's, in a sentence."""
    mine, theirs, both = gain(first, "strict"), gain(other, "strict"), between_gains(first, other, "strict")
    if mine is None or theirs is None or both is None:
        missing = [run.name for run in (first, other) if gain(run, "strict") is None]
        lack = f"{' and '.join(missing)} {'lack' if len(missing) > 1 else 'lacks'}"
        return [f"nothing can be said of {first.name} against {other.name}: {lack} accuracy before or after"]
    arm = f", whose reward was {other.config.reward}," if other.config.reward != "verifier" else ""
    shown = f"{first.name} gained {points(mine)}, {other.name}{arm} gained {points(theirs)}; the difference is {points(both)}"
    if not both.apart:
        end = "the gains are not apart"
        if arm and mine.value > 0:
            end += ": the verifier may have taught nothing"
    else:
        more, less = (first, other) if both.value > 0 else (other, first)
        end = f"the gain of {more.name} is apart from that of {less.name}"
        if arm and more is first:
            end += " and not an artefact of training as such"
    return [f"{shown}: {end}."]


def points(difference: Difference | Mapping[str, Any]) -> str:
    """A difference of accuracies as people read it: +12.0 points [7.5, 16.5]."""
    if isinstance(difference, Difference):
        difference = difference.as_json()
    low, high = difference["interval"]
    return f"{100 * difference['value']:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"


def _of_category(answers: Answers, category: str | None) -> Answers:
    return {key: one for key, one in answers.items() if category is None or one[1] == category}


def _read_answers(path: Path, kind: str) -> Answers:
    """Verdicts `error` and `skipped` say nothing about the model and are left out. Raises ConfigError."""
    samples: dict[tuple[str, str], list[bool]] = defaultdict(list)
    names: dict[tuple[str, str], str] = {}
    for number, row in read_jsonl(path):
        status = row.get("status" if kind == "strict" else "lenient")
        if not isinstance(status, str) or "id" not in row:
            raise ConfigError(f"{path}:{number}: no verdict of a question here; was the file changed?")
        if status not in ("error", "skipped"):
            key = str(row["id"]), str(row.get("question", ""))
            samples[key].append(status == "correct")
            names[key] = str(row.get("category", ""))
    return {key: (sum(right) / len(right), names[key]) for key, right in samples.items()}
