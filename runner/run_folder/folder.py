"""A run's folder: everything that a run writes, in one place, readable at every moment.

config.toml  environment.json  signal.json  metrics.jsonl  alarms.jsonl  rollouts/  checkpoints/  eval/  report.html
"""

import contextlib
import errno
import fcntl
import itertools
import json
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rlvr
from rlvr.errors import ConfigError
from rlvr.files import read_json, read_toml, validate, write_whole
from rlvr.runner.alarms import Alarm
from rlvr.runner.evaluation.summary import Summary
from rlvr.runner.run_folder.checkpoints import checkpoints, damage, step_of
from rlvr.runner.run_folder.environment import Environment, surroundings
from rlvr.runner.run_folder.learning_signal import LearningSignal
from rlvr.runner.run_folder.lines import append_lines, complete_lines, keep_steps
from rlvr.runner.run_folder.rollout_files import RolloutFiles
from rlvr.runner.settings.run_config import RunConfig
from rlvr.verifiers.rows import rollout_from_row
from rlvr.verifiers.types import Rollout

FORMAT = 2  # of the folder; raised when a version of rlvr could misread the folder of another


class RunFolder:
    """Writes and reads one run's folder. Lines are flushed as they are written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.eval = path / "eval"
        self._metrics_path = path / "metrics.jsonl"
        self._alarms_path = path / "alarms.jsonl"
        self._rollouts = RolloutFiles(path / "rollouts")

    @classmethod
    def create(cls, root: Path, pack: str, model: str, config: RunConfig, extra: Mapping[str, Any]) -> "RunFolder":
        """A new folder `<pack>-<model>-<time>` in `root`. Raises ConfigError if it can't be made.

        `extra` are JSON values for environment.json, beside those that every run records.
        """
        import tomli_w

        stem = f"{pack}-{re.sub(r'[^A-Za-z0-9._-]', '-', model)}-{time.strftime('%Y%m%d-%H%M%S')}"
        for suffix in ("", *(f"-{i}" for i in range(2, 100))):  # two runs may start in one second
            path = root / (stem + suffix)
            try:
                path.mkdir(parents=True)
                break
            except FileExistsError:
                if not root.is_dir():
                    raise ConfigError(f"--output {root}: not a folder") from None
            except OSError as error:
                raise ConfigError(f"--output {root}: can't make a run folder there: {error.strerror}") from None
        folder = cls(path)
        table = {"format": FORMAT, "pack": pack, **_without_none(config.model_dump())}
        try:
            (path / "rollouts").mkdir()
            write_whole(path / "config.toml", tomli_w.dumps(table))
            folder.write_json("environment.json", surroundings() | dict(extra))
        except OSError as error:
            shutil.rmtree(path, ignore_errors=True)
            raise ConfigError(f"--output {root}: can't make a run folder there: {error.strerror}") from None
        return folder

    @classmethod
    def open(cls, path: Path) -> tuple["RunFolder", str, RunConfig]:
        """(folder, pack, configuration) of an existing run. Raises ConfigError for what is no run, or of another version."""
        if not (path / "config.toml").is_file():
            raise ConfigError(f"{path}: no config.toml in this folder, so it is no run folder")
        table = read_toml(path / "config.toml")
        version = table.pop("format", None)
        if version is None:
            raise ConfigError(f"{path}: its config.toml has no format, so it is no run folder")
        if version != FORMAT:
            raise ConfigError(
                f"{path}: a run folder of format {version!r}, this rlvr ({rlvr.__version__}) reads format {FORMAT}: "
                "continue it with the version in its environment.json"
            )
        pack = str(table.pop("pack", ""))
        return cls(path), pack, validate(RunConfig, table, path / "config.toml")

    def lock(self) -> None:
        """Keep other processes from writing here for as long as this object lives. Raises ConfigError if one does."""
        self._lock = (self.path / ".lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno != errno.EWOULDBLOCK:
                return  # a file system without locks
            self._lock.seek(0)
            owner = self._lock.read().strip() or "another process"
            raise ConfigError(f"{self.path}: {owner} is writing to this run; wait until it has ended") from None
        with contextlib.suppress(OSError):  # a full disk
            self._lock.truncate(0)
            self._lock.write(f"process {os.getpid()}")
            self._lock.flush()

    def write_json(self, name: str, value: object) -> None:
        """Write a JSON file in the folder, whole or not at all."""
        write_whole(self.path / name, json.dumps(value, indent=1, default=str) + "\n")

    def add_to_environment(self, **values: object) -> None:
        """Record what is known only once the run has begun, as JSON values, beside what `create` recorded."""
        self.write_json("environment.json", {**self.environment().table, **values})

    def environment(self) -> Environment:
        """What the run recorded of its surroundings. Raises ConfigError for a file that can't be read."""
        return Environment.from_json(read_json(self.path / "environment.json"))

    def recorded_pack(self, name: str) -> str:
        """What load_pack takes: the folder of the run's pack while it is there, else the pack's `name`.

        Raises ConfigError for an environment.json that can't be read.
        """
        recorded = self.environment().pack_folder
        return recorded if recorded and (Path(recorded) / "task.toml").is_file() else name

    def add_signal(self, signal: LearningSignal, stopped: str) -> None:
        """Write what was measured before training; `stopped` is why the run ended there, empty if it went on."""
        self.write_json("signal.json", signal.as_json() | ({"stopped": stopped} if stopped else {}))

    def signal(self) -> LearningSignal | None:
        """What was measured before training, if it was. Raises ConfigError for a file that can't be read."""
        path = self.path / "signal.json"
        return LearningSignal.from_json(read_json(path)) if path.exists() else None

    def add_metrics(self, row: Mapping[str, Any]) -> None:
        """Append one step's metrics. Keys keep their order: the canonical ones come first."""
        append_lines(self._metrics_path, [row])

    def add_rollouts(self, rollouts: Sequence[Rollout]) -> None:
        """Append one step's rollouts."""
        self._rollouts.add(rollouts)

    def add_alarm(self, alarm: Alarm) -> None:
        """Append an alarm."""
        append_lines(self._alarms_path, [alarm.as_json()])

    def alarms(self) -> list[Alarm]:
        """What went off so far. Raises ConfigError for a file that can't be read."""
        return [Alarm.from_json(row) for row in complete_lines(self._alarms_path)]

    def metrics(self) -> list[dict[str, Any]]:
        """The metrics of every step that was logged. Raises ConfigError for a file that can't be read."""
        return list(complete_lines(self._metrics_path))

    def rollouts(self) -> list[Rollout]:
        """Every rollout that was logged, without the tokens of its completion.

        Raises ConfigError for a file that can't be read and for a row that holds no rollout.
        """
        where = str(self.path / "rollouts")
        return [rollout_from_row(row, where) for row in self._rollouts.rows()]

    def rollout_rows(self, places: Sequence[int] | None = None) -> list[dict[str, Any]]:
        """The rows of the rollouts, or those at `places` among them. Raises ConfigError for a file that can't be read."""
        return self._rollouts.rows(places)

    def rollout_steps(self) -> list[int]:
        """The step of every rollout, in their order. Raises ConfigError for a file that can't be read."""
        return self._rollouts.steps()

    def last_checkpoint(self) -> Path | None:
        """The newest complete checkpoint. Raises ConfigError for a config.toml that can't be read."""
        return next((path for path in checkpoints(self.checkpoints) if not self._damage(path)), None)

    def damaged_checkpoints(self) -> dict[Path, str]:
        """Checkpoints newer than the last complete one, and what is wrong with each. Raises ConfigError as that does."""
        damages = ((path, self._damage(path)) for path in checkpoints(self.checkpoints))
        return dict(itertools.takewhile(lambda item: item[1], damages))

    def _damage(self, checkpoint: Path) -> str:
        settings = read_toml(self.path / "config.toml").get("trl") or {}
        return damage(checkpoint, only_model=bool(settings.get("save_only_model")))

    def evaluated(self, name: str) -> bool:
        """Whether the evaluation `name`, such as `before`, was made and written completely."""
        return _is_complete(self.eval / f"{name}.json")

    def evaluation(self, name: str) -> Summary | None:
        """The summary of the evaluation `name`, if there is one. Raises ConfigError for a file that can't be read."""
        path = self.eval / f"{name}.json"
        return Summary.from_json(read_json(path)) if path.exists() else None

    def evaluations(self) -> list[Summary]:
        """The summaries of the run's evaluations, by step: 0 is before training. Half-written ones are left out."""
        summaries = [Summary.from_json(read_json(path)) for path in self._evaluation_files()]
        return sorted(summaries, key=lambda summary: summary.at_step)

    def answers(self) -> dict[int, Path]:
        """Step of an evaluation -> the file with its answers, which may have been deleted."""
        return {_step_of_evaluation(path): path.with_suffix(".jsonl") for path in self._evaluation_files()}

    def _evaluation_files(self) -> list[Path]:
        return [path for path in sorted(self.eval.glob("*.json")) if _is_complete(path)]

    def rewind(self, step: int) -> None:
        """Drop what was logged and saved after `step`, before a resumed run writes it again.

        Raises ConfigError, before anything is dropped, for a file that can't be read.
        """
        metrics, alarms, _ = self.metrics(), self.alarms(), self.rollout_steps()
        for path in checkpoints(self.checkpoints):
            if step_of(path) > step:
                shutil.rmtree(path)
        for path in self._evaluation_files():
            if _step_of_evaluation(path) > step:
                path.unlink()
                path.with_suffix(".jsonl").unlink(missing_ok=True)
        keep_steps(self._metrics_path, metrics, step)
        self._rollouts.rewind(step)
        if alarms:
            keep_steps(self._alarms_path, [alarm.as_json() for alarm in alarms], step)

    @property
    def unfinished(self) -> bool:
        """Whether rollouts or report are still to be put into their last form."""
        return self._rollouts.unfinished or not (self.path / "report.html").exists()

    def finish(self) -> None:
        """Turn the rollouts into Parquet. Raises ConfigError for a file that can't be read."""
        self._rollouts.finish()


def _is_complete(path: Path) -> bool:
    """Whether the file holds a JSON object: one that was cut off while it was written doesn't."""
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
    except (OSError, ValueError):
        return False


def _step_of_evaluation(path: Path) -> int:
    return int(read_json(path).get("step", 0))


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}
