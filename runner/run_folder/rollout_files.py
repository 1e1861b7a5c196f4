"""A run's rollouts: JSONL while the run writes them, one Parquet file once it has ended."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from rlvr.errors import ConfigError
from rlvr.runner.process.garbage_collection import without_collection
from rlvr.runner.run_folder.lines import complete_lines, keep_steps
from rlvr.verifiers.rows import rollout_to_row
from rlvr.verifiers.types import Rollout

AS_JSON = ("metadata", "parts", "reward_parts")  # columns that are JSON text in the Parquet file
_ENCODER = msgspec.json.Encoder(enc_hook=str)


class RolloutFiles:
    """rollouts.jsonl or rollouts.parquet in `folder`, whichever there is; columns are in docs/runs.md."""

    def __init__(self, folder: Path) -> None:
        self._jsonl = folder / "rollouts.jsonl"
        self._parquet = folder / "rollouts.parquet"

    def add(self, rollouts: Sequence[Rollout]) -> None:
        """Append rollouts, a line each."""
        with self._jsonl.open("ab") as file:
            file.write(b"".join(_line(rollout_to_row(rollout)) for rollout in rollouts))

    def rows(self, places: Sequence[int] | None = None) -> list[dict[str, Any]]:
        """The rows that were written, or those at `places` among them; of a Parquet file only these are read.

        Raises ConfigError for a file that can't be read.
        """
        if (table := self._table()) is not None:
            rows = (table if places is None else table.take(places)).to_pylist()
            read = functools.cache(json.loads)  # most are alike; nobody writes to what is read
            return [{**row, **{name: read(row[name]) for name in AS_JSON if row.get(name)}} for row in rows]
        rows = list(complete_lines(self._jsonl))
        return rows if places is None else [rows[place] for place in places]

    def steps(self) -> list[int]:
        """The step of every row, in their order. Raises ConfigError for a file that can't be read."""
        if (table := self._table()) is not None:
            steps: list[int] = table["step"].to_pylist()
            return steps
        return [row["step"] for row in complete_lines(self._jsonl)]

    def rewind(self, step: int) -> None:
        """Drop the rows after `step`. Raises ConfigError, before anything changes, for a file that can't be read."""
        keep_steps(self._jsonl, self.rows(), step)
        self._parquet.unlink(missing_ok=True)

    @property
    def unfinished(self) -> bool:
        """Whether the rows are still JSONL."""
        return self._jsonl.exists()

    @without_collection()
    def finish(self) -> None:
        """Turn the rows into Parquet, if they aren't and there are some. Raises ConfigError for a file that can't be read."""
        import pyarrow
        import pyarrow.parquet

        if not self._jsonl.exists():
            return
        rows = [
            {**row, **{name: _ENCODER.encode(row[name] or {}).decode() for name in AS_JSON if name in row}}
            for row in self.rows()
        ]
        if not rows:
            return
        temporary = self._parquet.with_suffix(".tmp")
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), temporary, compression="zstd")
        temporary.replace(self._parquet)
        self._jsonl.unlink()

    def _table(self) -> Any:
        """The Parquet file as a pyarrow table; None while the rows are JSONL. Raises ConfigError."""
        return _read_parquet(self._parquet) if self._parquet.exists() and not self._jsonl.exists() else None


def _line(row: dict[str, Any]) -> bytes:
    """A rollout's line of JSON. What is no number, such as NaN, becomes null; a lone surrogate becomes a `?`."""
    try:
        return _ENCODER.encode(row) + b"\n"
    except UnicodeEncodeError:
        return json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", errors="replace") + b"\n"


def _read_parquet(path: Path) -> Any:
    """A run's Parquet file as a pyarrow table. Raises ConfigError if it can't be read or holds something else."""
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
