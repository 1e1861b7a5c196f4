"""Loads a pack's examples: from the hub pinned by revision, a mirror of it, local files, or a generator.

What was loaded, and from where, is part of the result: a run records it, and a substitute is never silent.
"""

import contextlib
import functools
import itertools
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.files import read_jsonl
from rlvr.tasks.pack import Pack
from rlvr.tasks.sources.mixture import mix
from rlvr.verifiers.types import Example

MIRROR_VARIABLE = "RLVR_HUB_MIRROR"
Rows = Iterable[Mapping[str, Any]]
Origin = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Split:
    """The examples of one split. `origin` says where they come from; `substituted` is true where a stand-in is among them."""

    examples: list[Example]
    origin: Mapping[str, Any]

    @property
    def substituted(self) -> bool:
        members = self.origin.get("packs", {}).values()
        return any(origin["source"] == "substitute" for origin in (self.origin, *members))


def load_split(pack: Pack, split: str, mirror: str | None = None) -> Split:
    """The examples of `split`, "train" or "test". `mirror` is a folder with the hub's layout (default: RLVR_HUB_MIRROR).

    Raises ConfigError for what is wrong with the pack, the mirror or the data, PrerequisiteError for what is missing.
    """
    if pack.members:
        return Split(*mix(pack, split, lambda member: load_split(member, split, mirror)))
    rows, origin = _rows(pack, split, mirror)
    examples = list(examples_of(pack, split, rows, origin))
    if not examples:
        where = ", ".join(f"{key} {value}" for key, value in origin.items() if value is not None)
        raise ConfigError(f"{pack.folder / 'task.toml'}: split {split!r} is empty ({where})")
    return Split(examples, origin)


def split_names(pack: Pack) -> list[str]:
    """The splits that the pack has."""
    data = pack.task.data
    made = data.generator or data.packs
    return [*data.files] or [*(made.sizes if made else data.splits)]


def fresh_rows(pack: Pack, size: int, seed: int, mirror: str | None = None) -> Iterator[tuple[str, Rows, Origin]]:
    """(split, rows, origin) with at most `size` rows in all: a generator's for `seed`, or what the splits have."""
    generator = pack.task.data.generator
    for split in split_names(pack):
        if size <= 0:
            return
        if generator is not None:
            rows: Rows = _generated(pack, split, size, seed)
            origin: Origin = {"source": "generator", "seed": seed, "size": size}
        else:
            rows, origin = _rows(pack, split, mirror)
        rows = list(itertools.islice(rows, size))
        size -= len(rows)
        yield split, rows, origin


def _rows(pack: Pack, split: str, mirror: str | None) -> tuple[Rows, Origin]:
    if pack.task.data.files:
        return _from_files(pack, split)
    if pack.task.data.generator is not None:
        return _from_generator(pack, split)
    return _from_hub(pack, split, mirror)


def examples_of(pack: Pack, split: str, rows: Rows, origin: Origin) -> Iterator[Example]:
    """Rows as examples, by [data.columns] and the pack's own `to_example`. Raises ConfigError that names the row."""
    module = pack.module("data")
    to_example = getattr(module, "to_example", None) if origin["source"] != "substitute" else None
    columns = pack.task.data.columns if origin["source"] != "substitute" else {}
    for index, raw in enumerate(rows):
        if not isinstance(raw, Mapping):
            raise ConfigError(f"{place(pack, split, index)}: expected a mapping, found {type(raw).__name__}")
        row: dict[str, Any] = dict(raw)
        for field, column in columns.items():
            if column not in row:
                raise ConfigError(
                    f"{pack.folder / 'task.toml'}: data.columns.{field}: the data has no column {column!r} "
                    f"(it has: {', '.join(row)})"
                )
            row[field] = row[column]
        if to_example is not None:
            with own_code(pack, f"to_example(row) of row {index} of split {split!r}"):
                row = to_example(row)
        for field in ("question", "answer"):
            if field not in row:
                raise ConfigError(
                    f"{place(pack, split, index)}: no column {field!r} (it has: {', '.join(map(str, row))}); "
                    "map one in [data.columns] or in data.py"
                )
        id_ = str(row.get("id", f"{split}-{index}"))
        category, metadata = str(row.get("category", "")), row.get("metadata") or {}
        if not isinstance(metadata, Mapping):
            raise ConfigError(
                f"{place(pack, split, index)}: 'metadata' must be a mapping, not {type(metadata).__name__}"
            )
        verifier = str(row.get("verifier", "")) if pack.task.verifiers else ""
        example = Example(id_, str(row["question"]), str(row["answer"]), category, metadata, verifier)
        pack.check_verifier(example, lambda: place(pack, split, index))  # noqa: B023 - called at once
        yield example


def place(pack: Pack, split: str, index: int) -> str:
    """Where row `index` of a split stands, for messages: its file and line where there is one."""
    name = pack.task.data.files.get(split, "")
    if name.endswith(".jsonl"):
        numbers = (number for number, _ in read_jsonl(pack.folder / name))
        return f"{pack.folder / name}:{next(itertools.islice(numbers, index, None))}"
    file = "data.py" if pack.task.data.generator else name or "task.toml"
    return f"{pack.folder / file}: split {split!r}, row {index}"


@contextlib.contextmanager
def own_code(pack: Pack, what: str) -> Iterator[None]:
    """Names what of the pack's data.py failed."""
    try:
        yield
    except Exception as error:
        raise ConfigError(f"{pack.folder / 'data.py'}: {what} failed: {type(error).__name__}: {error}") from error


def _from_files(pack: Pack, split: str) -> tuple[Rows, Origin]:
    name = _split_name(pack, split, pack.task.data.files)
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


def _from_generator(pack: Pack, split: str) -> tuple[Rows, Origin]:
    generator = pack.task.data.generator
    assert generator is not None
    size = _split_name(pack, split, generator.sizes)
    return _generated(pack, split, size, generator.seed), {
        "source": "generator", "seed": generator.seed, "size": size
    }  # fmt: skip


def _generated(pack: Pack, split: str, size: int, seed: int) -> list[Mapping[str, Any]]:
    generate = getattr(pack.module("data"), "generate", None)
    if generate is None:
        raise ConfigError(f"{pack.folder / 'data.py'}: expected a function generate(split, size, seed)")
    with own_code(pack, f"generate({split!r}, {size}, {seed})"):
        return list(generate(split, size, seed))


def _from_hub(pack: Pack, split: str, mirror: str | None) -> tuple[Rows, Origin]:
    data = pack.task.data
    name = _split_name(pack, split, data.splits)
    mirror = mirror or os.environ.get(MIRROR_VARIABLE) or None
    if mirror is not None:
        folder = Path(mirror) / data.hub
        if not folder.is_dir():
            raise ConfigError(
                f"hub mirror {mirror!r} has no folder {data.hub!r} (set by --hub-mirror or {MIRROR_VARIABLE}; "
                "a mirror has the layout of the hub: ORGANISATION/DATA SET/…)"
            )
        return _load_dataset(str(folder), data.config, name, None), {
            "source": "mirror", "hub": data.hub, "config": data.config, "split": name, "revision": data.revision
        }  # fmt: skip
    try:
        rows = _load_dataset(data.hub, data.config, name, data.revision)
    except (PrerequisiteError, ConfigError) as error:
        if isinstance(error, ConfigError) and hub_reachable():  # the hub answers: the pack asks for what isn't there
            raise
        if data.substitute is None:
            raise PrerequisiteError(
                f"{data.hub} can't be had: {error}; or point --hub-mirror (or {MIRROR_VARIABLE}) at a copy of it"
            ) from None
        return _substitute(pack, split), {
            "source": "substitute", "dataset": f"reasoning_gym:{data.substitute.dataset}",
            "seed": data.substitute.seed, "instead_of": data.hub, "because": str(error),
        }  # fmt: skip
    return rows, {"source": "hub", "hub": data.hub, "config": data.config, "split": name, "revision": data.revision}


def _load_dataset(path: str, config: str | None, split: str, revision: str | None) -> Iterable[Mapping[str, Any]]:
    try:
        import datasets
    except ImportError:
        raise PrerequisiteError("the package 'datasets' is not installed: pip install 'rlvr[data]'") from None
    datasets.disable_progress_bars()
    datasets.utils.logging.set_verbosity(50)  # what goes wrong is said once, by the exception
    # Without the hub, the cache may have it.
    offline = _offline(datasets.config) if revision is not None and not hub_reachable() else contextlib.nullcontext()
    try:
        # A folder is streamed: the library's cache knows it by its last name alone, and would give another folder's rows.
        with offline:
            return list(datasets.load_dataset(path, config, split=split, revision=revision, streaming=revision is None))
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        if revision is None or isinstance(error, ValueError):  # a folder, or what the pack asks for
            raise ConfigError(f"{path}: {error}") from error
        raise PrerequisiteError(f"the Hugging Face hub doesn't give it ({type(error).__name__})") from error


@contextlib.contextmanager
def _offline(config: Any) -> Iterator[None]:
    """The library `datasets`, whose `config` this is, asks its cache alone. Its caller's setting is put back."""
    before, config.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before


@functools.cache
def hub_reachable() -> bool:
    """Whether the Hugging Face hub answers; asked once per process, within seconds."""
    import urllib.error
    import urllib.request

    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes"):
        return False
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=4).close()
    except urllib.error.HTTPError as error:
        return bool(error.code < 500 and error.code not in (403, 407))  # a proxy's refusal is no answer of the hub's
    except (OSError, ValueError):
        return False
    return True


def _substitute(pack: Pack, split: str) -> list[Mapping[str, Any]]:
    """The generator's rows. Each split has seeds of its own, and no question of a split before it."""
    substitute = pack.task.data.substitute
    assert substitute is not None
    _split_name(pack, split, substitute.sizes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # in a dependency of reasoning-gym
            import reasoning_gym
    except ImportError:
        raise PrerequisiteError(
            f"the pack's substitute needs reasoning-gym: pip install 'rlvr[data]' ({pack.task.data.hub} can't be had)"
        ) from None
    seen: set[str] = set()
    for number, (name, size) in enumerate(substitute.sizes.items(), 1):
        seed = substitute.seed + 1_000_000 * number
        try:
            made = list(reasoning_gym.create_dataset(substitute.dataset, size=size, seed=seed, **substitute.options))
        except (ValueError, TypeError, AssertionError) as error:
            raise ConfigError(f"{pack.folder / 'task.toml'}: data.substitute: {error}") from error
        if name == split:
            break
        seen |= {row["question"] for row in made}
    return [
        {"question": row["question"], "answer": row["answer"], "category": substitute.dataset}
        for row in made
        if row["question"] not in seen
    ]


def _split_name(pack: Pack, split: str, table: Mapping[str, T]) -> T:
    if split not in table:
        raise ConfigError(f"pack {pack.name!r} has no split {split!r} (it has: {', '.join(table)})")
    return table[split]
