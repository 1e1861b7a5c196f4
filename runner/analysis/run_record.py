"""A run folder as `rlvr compare` reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rlvr.errors import ConfigError
from rlvr.runner.evaluation.answers import Question, Share, read_shares
from rlvr.runner.evaluation.summary import Kind, Summary
from rlvr.runner.run_folder.environment import Environment
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig

Answers = Mapping[Question, Share]


@dataclass(frozen=True)
class RunRecord:
    """One run folder; its files are read when they are first needed, which raises ConfigError for what can't be read."""

    name: str  # a letter, by the order on the command line
    folder: RunFolder
    pack: str
    config: RunConfig
    _answers: dict[tuple[int, Kind], Answers] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def environment(self) -> Environment:
        """What the run recorded when it began."""
        return self.folder.environment()

    @cached_property
    def metrics(self) -> list[dict[str, Any]]:
        """The metrics of every step."""
        return self.folder.metrics()

    @cached_property
    def evaluations(self) -> list[Summary]:
        """Its evaluations, by step."""
        return self.folder.evaluations()

    @property
    def before(self) -> Summary | None:
        """The evaluation before training."""
        return next((summary for summary in self.evaluations if summary.at_step == 0), None)

    @property
    def last(self) -> Summary | None:
        """The latest evaluation: after training, or the last one of a run that goes on or was stopped."""
        return self.evaluations[-1] if self.evaluations and self.evaluations[-1].at_step > 0 else None

    @property
    def steps(self) -> int:
        """How many steps were logged."""
        return int(self.metrics[-1]["step"]) if self.metrics else 0

    @property
    def finished(self) -> bool:
        """Whether all steps of its configuration were made."""
        return self.steps >= self.config.steps

    @property
    def control_reward(self) -> str:
        """The reward of a control run; empty if the verifier's verdicts were rewarded."""
        return "" if self.config.reward == "verifier" else self.config.reward

    @property
    def settings(self) -> dict[str, Any]:
        """What may explain a difference: runs of one experiment should differ in as little as possible."""
        return self.config.model_dump(mode="json", exclude={"output", "hub_mirror", "report_to"})

    @cached_property
    def _answer_files(self) -> dict[int, Path]:
        return self.folder.answers()

    def answers(self, summary: Summary | None, kind: Kind) -> Answers:
        """The answers behind an evaluation; empty if they weren't kept. Raises ConfigError for a file that was changed."""
        if summary is None:
            return {}
        key = summary.at_step, kind
        if key not in self._answers:
            path = self._answer_files.get(summary.at_step)
            self._answers[key] = read_shares(path, kind) if path is not None and path.exists() else {}
        return self._answers[key]


def open_runs(paths: Sequence[Path]) -> list[RunRecord]:
    """The runs in these folders. Raises ConfigError for fewer than two, one named twice, or a folder that is no run."""
    if len(paths) < 2:
        raise ConfigError("name at least two run folders: `rlvr compare runs/A runs/B`")
    runs: list[RunRecord] = []
    for path in paths:
        if not path.is_dir():
            raise ConfigError(f"{path}: no such folder")
        if any(path.resolve() == run.folder.path.resolve() for run in runs):
            raise ConfigError(f"{path}: named twice")
        folder, pack, config = RunFolder.open(path)
        runs.append(RunRecord(_letter(len(runs)), folder, pack, config))
    return runs


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else f"R{number + 1}"
