"""Rows of a data set on the Hugging Face hub, pinned by revision, or of a mirror with the hub's layout: [data] hub."""

import contextlib
import functools
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.files import read_jsonl
from rlvr.tasks.pack import Pack
from rlvr.tasks.schema import HubSplit
from rlvr.tasks.sources.rows import Origin, Rows, of_split

MIRROR_VARIABLE = "RLVR_HUB_MIRROR"


def hub_rows(pack: Pack, split: str) -> tuple[Rows, Origin]:
    """The rows of a split, from the hub or its cache.

    Raises ConfigError for a split or data set that doesn't exist, PrerequisiteError if the hub can't be reached and its
    cache doesn't have the data, or if the library `datasets` is missing.
    """
    source = of_split(pack, split, pack.task.data.hub_splits)
    try:
        rows = _load_dataset(source.hub, source.config, source.split, source.revision)
    except ConfigError as error:
        if hub_reachable():  # so the data set or split doesn't exist
            raise
        raise PrerequisiteError(str(error)) from error
    return rows, _origin("hub", source)


def mirror_rows(pack: Pack, split: str, mirror: str) -> tuple[Rows, Origin]:
    """The rows of a split, from the folder `mirror`, which has the hub's layout, or else from its `mirror_file`.

    Raises ConfigError for a folder, split or data set that doesn't exist, PrerequisiteError if `datasets` is missing.
    """
    source = of_split(pack, split, pack.task.data.hub_splits)
    folder = Path(mirror) / source.hub
    if not folder.is_dir():
        file = Path(mirror) / source.mirror_file
        if source.mirror_file and file.is_file():
            return [row for _, row in read_jsonl(file)], {**_origin("mirror", source), "file": source.mirror_file}
        raise ConfigError(
            f"hub mirror {mirror!r} has no folder {source.hub!r} (set by --hub-mirror or {MIRROR_VARIABLE}; "
            "a mirror has the layout of the hub: ORGANISATION/DATA SET/…)"
        )
    return _load_dataset(str(folder), source.config, source.split, None), _origin("mirror", source)


def _origin(kind: str, source: HubSplit) -> Origin:
    return {
        "source": kind, "hub": source.hub, "config": source.config, "split": source.split, "revision": source.revision,
    }  # fmt: skip


@functools.cache
def hub_reachable() -> bool:
    """Whether the Hugging Face hub answers within a few seconds; asked once per process."""
    import urllib.error
    import urllib.request

    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes"):
        return False
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=4).close()
    except urllib.error.HTTPError as error:
        return bool(error.code < 500 and error.code not in (403, 407))  # a proxy's refusal, not the hub's answer
    except (OSError, ValueError):
        return False
    return True


def _load_dataset(path: str, config: str | None, split: str, revision: str | None) -> Iterable[Mapping[str, Any]]:
    try:
        import datasets
    except ImportError:
        raise PrerequisiteError("the package 'datasets' is not installed: pip install 'rlvr[data]'") from None
    datasets.disable_progress_bars()
    datasets.utils.logging.set_verbosity(50)  # the exception says what goes wrong
    # If the hub is out of reach, its cache may have the data.
    offline = _offline(datasets.config) if revision is not None and not hub_reachable() else contextlib.nullcontext()
    try:
        # A folder is streamed: the library's cache identifies it by its last part alone, and could return another's rows.
        with offline:
            return list(datasets.load_dataset(path, config, split=split, revision=revision, streaming=revision is None))
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        if revision is None or isinstance(error, ValueError):  # a mirror, or a mistake of the pack
            raise ConfigError(f"{path}: {error}") from error
        raise PrerequisiteError(f"the Hugging Face hub doesn't deliver it ({type(error).__name__})") from error


@contextlib.contextmanager
def _offline(config: Any) -> Iterator[None]:
    """The library `datasets`, whose `config` this is, uses its cache alone; the caller's setting is restored afterwards."""
    before, config.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before
