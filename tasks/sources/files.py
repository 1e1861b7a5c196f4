"""Rows from JSONL or Parquet files in the pack's folder: [data.files]."""

from rlvr.errors import ConfigError
from rlvr.files import read_jsonl
from rlvr.tasks.pack import Pack
from rlvr.tasks.sources.rows import Origin, Rows, of_split


def file_rows(pack: Pack, split: str) -> tuple[Rows, Origin]:
    """The rows of the split's file. Raises ConfigError if the pack has no such split or the file can't be read."""
    name = of_split(pack, split, pack.task.data.files)
    path = pack.folder / name
    if path.suffix == ".parquet":
        import pyarrow.parquet

        try:
            rows = pyarrow.parquet.read_table(path).to_pylist()
        except (OSError, pyarrow.ArrowException) as error:
            raise ConfigError(f"{path}: {error}") from None
    else:
        rows = [row for _, row in read_jsonl(path)]
    return rows, {"source": "files", "path": name}
