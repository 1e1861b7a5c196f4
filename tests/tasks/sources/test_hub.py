"""Rows of a data set on the hub, in its cache, or in a mirror."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from rlvr.errors import PrerequisiteError
from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.splits import load_split, split_names
from rlvr.verifiers.types import Example

MakePack = Callable[..., Pack]
LoadError = Callable[..., str]
FILES = 'files = { train = "train.jsonl", test = "test.jsonl" }'
HUB = 'hub = "openai/sums"\nrevision = "abc"'
GSM8K_ROWS = (
    '{{"question": "{split}?", "answer": "First.<<1+1=2>>2\\nThen.<<2+2=4>>4\\n#### 1,0{split}"}}\n'  # of two steps
)


def a_mirror(folder: Path) -> str:
    """A mirror with two rows of GSM8K's kind."""
    data = folder / "openai" / "gsm8k" / "main"
    data.mkdir(parents=True)
    for split in ("train", "test"):
        (data / f"{split}.jsonl").write_text(GSM8K_ROWS.format(split=split))
    (data.parent / "README.md").write_text(
        "---\nconfigs:\n- config_name: main\n  data_files:\n  - split: train\n    path: main/train.jsonl\n"
        "  - split: test\n    path: main/test.jsonl\n---\n"
    )
    return str(folder)


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_a_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setenv("RLVR_HUB_MIRROR", a_mirror(tmp_path) if how == "variable" else "/no/such/folder")
    split = load_split(load_pack("gsm8k"), "train", a_mirror(tmp_path) if how == "flag" else None)
    assert split.examples == [Example("train-0", "train?", "1,0train", "2")]
    assert (split.origin["source"], split.origin["hub"], split.origin["config"]) == ("mirror", "openai/gsm8k", "main")
    assert not split.substituted


def test_a_mirror_is_read_anew(tmp_path: Path) -> None:
    """The library's cache goes by the folder's last name: it would give the first mirror's rows."""
    pytest.importorskip("datasets")
    first, second = a_mirror(tmp_path / "first"), a_mirror(tmp_path / "second")
    assert load_split(load_pack("gsm8k"), "test", first).examples[0].question == "test?"
    path = Path(second) / "openai" / "gsm8k" / "main" / "test.jsonl"
    path.write_text(path.read_text().replace("test?", "new?"))
    assert load_split(load_pack("gsm8k"), "test", second).examples[0].question == "new?"


HUBS = """hubs.train = { hub = "a/first", revision = "abc", split = "train", mirror_file = "extra/first.jsonl" }
hubs.test = { hub = "a/second", revision = "def", split = "validation" }"""


def test_splits_of_several_data_sets(make_pack: MakePack, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    loaded = []

    def load(path: str, config: str | None, *, split: str, revision: str, streaming: bool) -> list[dict[str, str]]:
        loaded.append((path, config, split, revision))
        return [{"question": "1+1", "answer": "2"}]

    monkeypatch.delenv("RLVR_HUB_MIRROR", raising=False)
    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr("rlvr.tasks.sources.hub.hub_reachable", lambda: True)
    pack = make_pack(replace={FILES: HUBS})
    assert split_names(pack) == ["train", "test"]
    origins = [load_split(pack, name).origin for name in split_names(pack)]
    assert loaded == [("a/first", None, "train", "abc"), ("a/second", None, "validation", "def")]
    assert [(origin["hub"], origin["revision"]) for origin in origins] == [("a/first", "abc"), ("a/second", "def")]


def test_a_mirrors_file(load_error: LoadError, make_pack: MakePack, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    pack, mirror = make_pack(replace={FILES: HUBS}), tmp_path / "mirror"
    (mirror / "extra").mkdir(parents=True)
    assert load_error(pack, "train", str(mirror)).startswith(f"hub mirror '{mirror}' has no folder 'a/first'")
    (mirror / "extra" / "first.jsonl").write_text('{"question": "of the file", "gold": "2"}\n')
    split = load_split(pack, "train", str(mirror))
    assert split.examples == [Example("train-0", "of the file", "2")]
    assert (split.origin["source"], split.origin["hub"], split.origin["file"]) == (
        "mirror",
        "a/first",
        "extra/first.jsonl",
    )
    (mirror / "a" / "first").mkdir(parents=True)
    (mirror / "a" / "first" / "train.jsonl").write_text('{"question": "of the hub", "gold": "2"}\n')
    assert load_split(pack, "train", str(mirror)).examples[0].question == "of the hub"


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("how", ["flag", "variable"])
def test_a_wrong_mirror_is_an_error_and_no_silent_substitute(
    load_error: LoadError, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "variable":
        monkeypatch.setenv("RLVR_HUB_MIRROR", "/no/such/folder")
    assert load_error(load_pack("gsm8k"), "train", "/no/such/folder" if how == "flag" else None) == (
        "hub mirror '/no/such/folder' has no folder 'openai/gsm8k' (set by --hub-mirror or RLVR_HUB_MIRROR; "
        "a mirror has the layout of the hub: ORGANISATION/DATA SET/…)"
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: [path.unlink() for path in folder.rglob("*.jsonl")], "gsm8k: Unable to find "),
        (lambda folder: (folder / "main" / "train.jsonl").write_text("{"), "gsm8k: "),
        (lambda folder: (folder / "main" / "train.jsonl").write_text('{"q": "1"}\n'), "KeyError: 'answer'"),
    ],
)
def test_a_spoilt_mirror(load_error: LoadError, tmp_path: Path, spoil: Callable[[Path], object], message: str) -> None:
    pytest.importorskip("datasets")
    mirror = a_mirror(tmp_path)
    spoil(tmp_path / "openai" / "gsm8k")
    assert message in load_error(load_pack("gsm8k"), "train", mirror)


@pytest.mark.parametrize(("split", "rows"), [("train", 7473), ("test", 1319)])
def test_gsm8k_of_the_mirror(mirror: str, split: str, rows: int) -> None:
    pytest.importorskip("datasets")
    loaded = load_split(load_pack("gsm8k"), split, mirror)
    assert len(loaded.examples) == rows
    assert {e.category for e in loaded.examples} <= set("12345678")


@pytest.mark.parametrize(("reachable", "substituted"), [(True, False), (False, True)])
def test_a_hub_that_answers_no_is_not_replaced(
    load_error: LoadError, make_pack: MakePack, monkeypatch: pytest.MonkeyPatch, reachable: bool, substituted: bool
) -> None:
    """A misspelt configuration is the pack's mistake if the hub answers; otherwise the cache may just lack it."""
    datasets = pytest.importorskip("datasets")
    pytest.importorskip("reasoning_gym")

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("BuilderConfig 'man' not found")

    monkeypatch.delenv("RLVR_HUB_MIRROR", raising=False)
    monkeypatch.setattr(datasets, "load_dataset", refuse)
    monkeypatch.setattr("rlvr.tasks.sources.hub.hub_reachable", lambda: reachable)
    substitute = f'{HUB}\n[data.substitute]\ndataset = "gsm_symbolic"\nsizes = {{ train = 2 }}'
    pack = make_pack(replace={FILES: substitute})
    if substituted:
        assert load_split(pack, "train").substituted
    else:
        assert load_error(pack) == "openai/sums: BuilderConfig 'man' not found"


@pytest.mark.parametrize("cached", [True, False])
def test_the_library_is_offline_only_while_the_cache_is_asked(
    make_pack: MakePack, monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    datasets = pytest.importorskip("datasets")
    offline: list[bool] = []

    def load(*_: object, **__: object) -> list[dict[str, str]]:
        offline.append(datasets.config.HF_HUB_OFFLINE)
        if cached:
            return [{"question": "1+1", "answer": "2"}]
        raise ConnectionError("no route")

    monkeypatch.delenv("RLVR_HUB_MIRROR", raising=False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr("rlvr.tasks.sources.hub.hub_reachable", lambda: False)
    with contextlib.nullcontext() if cached else pytest.raises(PrerequisiteError):
        load_split(make_pack(replace={FILES: HUB}), "train")
    assert offline == [True]
    assert datasets.config.HF_HUB_OFFLINE is False
