"""What every source returns, rows and their origin; and how a pack's own Python is called."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from rlvr.errors import ConfigError
from rlvr.tasks.pack import Pack

Rows = Iterable[Mapping[str, Any]]
Origin = Mapping[str, Any]  # "source" names the kind of source; the other keys depend on it
T = TypeVar("T")


def of_split(pack: Pack, split: str, table: Mapping[str, T]) -> T:
    """The entry of `split` in a table of task.toml by split. Raises ConfigError for a split that the table doesn't have."""
    if split not in table:
        raise ConfigError(f"pack {pack.name!r} has no split {split!r} (it has: {', '.join(table)})")
    return table[split]


@contextlib.contextmanager
def own_code(pack: Pack, what: str) -> Iterator[None]:
    """Wraps a call to the pack's data.py. Raises ConfigError that names the file and `what` failed for any exception."""
    try:
        yield
    except Exception as error:
        raise ConfigError(f"{pack.folder / 'data.py'}: {what} failed: {type(error).__name__}: {error}") from error
