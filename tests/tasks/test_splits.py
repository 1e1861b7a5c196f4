"""Examples from files, generators, a mirror and a substitute: what was loaded and from where, or what is wrong."""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.splits import load_split
from rlvr.verifiers.types import Example

MakePack = Callable[..., Pack]
FILES = 'files = { train = "train.jsonl", test = "test.jsonl" }'
GENERATOR = "[data.generator]\nseed = 7\nsizes = { train = 2, test = 1 }"
HUB = 'hub = "openai/sums"\nrevision = "abc"'
GSM8K_ROWS = (
    '{{"question": "{split}?", "answer": "First.<<1+1=2>>2\\nThen.<<2+2=4>>4\\n#### 1,0{split}"}}\n'  # of two steps
)


def fails(pack: Pack, split: str = "train", mirror: str | None = None) -> str:
    with pytest.raises(ConfigError) as error:
        load_split(pack, split, mirror)
    return str(error.value).replace(str(pack.folder), "PACK")


def test_files(make_pack: MakePack) -> None:
    pack = make_pack()
    train, test = load_split(pack, "train"), load_split(pack, "test")
    assert train.examples == [Example("train-0", "3+3", "6"), Example("train-1", "3+4", "7")]
    assert test.examples == [Example("mine", "4+5", "9", "odd", {"hint": "big"})]
    assert train.origin == {"source": "files", "path": "train.jsonl"}
    assert not train.substituted


def test_parquet(make_pack: MakePack) -> None:
    import pyarrow
    import pyarrow.parquet

    pack = make_pack(replace={"train.jsonl": "train.parquet"})
    pyarrow.parquet.write_table(pyarrow.table({"question": ["1+1"], "answer": ["2"]}), pack.folder / "train.parquet")
    assert load_split(pack, "train").examples == [Example("train-0", "1+1", "2")]
    (pack.folder / "train.parquet").write_text("nonsense")
    assert fails(pack).startswith("PACK/train.parquet: ")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", "PACK/task.toml: split 'train' is empty (source files, path train.jsonl)"),
        ("\n\n", "PACK/task.toml: split 'train' is empty (source files, path train.jsonl)"),
        ('{"question": "1"}\n{', "PACK/train.jsonl:2: not valid JSON: Expecting property name enclosed in double quotes"),
        ('{"question": "1", "answer": "1"}\n{"question": "1"}',
         "PACK/train.jsonl:2: no column 'gold'; found question; "
         "map one in [data.columns] or in data.py"),
        ('{"answer": "1"}', "PACK/train.jsonl:1: no column 'question'; found answer"),
        ('{"question": "1", "answer": "1", "metadata": [1]}',
         "PACK/train.jsonl:1: column 'metadata' must be an object, not list"),
    ],
)  # fmt: skip
def test_bad_files(make_pack: MakePack, rows: str, message: str) -> None:
    assert fails(make_pack({"train.jsonl": rows})).startswith(message)


def test_a_file_or_split_that_is_not_there(make_pack: MakePack) -> None:
    pack = make_pack({"train.jsonl": None})
    assert fails(pack) == "PACK/train.jsonl: No such file or directory"
    assert fails(pack, "tst") == "pack 'sums' has no split 'tst' (it has: train, test)"


def test_the_gold_column_may_be_called_answer(make_pack: MakePack) -> None:
    rows = '{"question": "1+1", "answer": "2"}\n{"question": "1+2", "answer": "no", "gold": "3"}\n'
    assert [e.gold for e in load_split(make_pack({"train.jsonl": rows}), "train").examples] == ["2", "3"]


def test_columns(make_pack: MakePack) -> None:
    pack = make_pack(replace={FILES: f'{FILES}\ncolumns = {{ gold = "question" }}'})
    assert [e.gold for e in load_split(pack, "train").examples] == ["3+3", "3+4"]
    pack = make_pack(replace={FILES: f'{FILES}\ncolumns = {{ gold = "solution" }}'})
    assert (
        fails(pack) == "PACK/task.toml: data.columns.gold: the data has no column 'solution' (it has: question, gold)"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "return {**row, 'gold': row['solution']}",
            "to_example(row) of row 0 of split 'train' failed: KeyError: 'solution'",
        ),
        ("return 1 / 0", "to_example(row) of row 0 of split 'train' failed: ZeroDivisionError: division by zero"),
    ],
)
def test_to_example(make_pack: MakePack, body: str, message: str) -> None:
    assert fails(make_pack({"data.py": f"def to_example(row):\n    {body}"})) == f"PACK/data.py: {message}"


def test_a_generator(make_pack: MakePack) -> None:
    source = (
        "def generate(split, size, seed):\n    for n in range(size):\n        yield {'question': n, 'answer': seed}"
    )
    train = load_split(make_pack({"data.py": source}, {FILES: GENERATOR}), "train")
    assert train.examples == [Example("train-0", "0", "7"), Example("train-1", "1", "7")]
    assert train.origin == {"source": "generator", "seed": 7, "size": 2}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "expected a function generate(split, size, seed)"),
        ("def generate(split, size, seed): return []", "TASK: split 'train' is empty (source generator, seed 7, size 2)"),
        ("def generate(split, size, seed): return [1]", "split 'train', row 0: expected a mapping, found int"),
        ("def generate(split, size, seed): return [{'question': 1}]", "split 'train', row 0: no column 'gold'; found "),
        ("def generate(split, size, seed): raise KeyError('x')", "generate('train', 2, 7) failed: KeyError: 'x'"),
        ("def generate(split): pass", "generate('train', 2, 7) failed: TypeError: generate() takes 1 positional argument"),
        ("def generate(split, size, seed): pass", "generate('train', 2, 7) failed: TypeError: 'NoneType' object is not"),
    ],
)  # fmt: skip
def test_bad_generators(make_pack: MakePack, source: str, message: str) -> None:
    found = fails(make_pack({"data.py": source}, {FILES: GENERATOR}))
    where = "PACK/task.toml" if message.startswith("TASK") else "PACK/data.py"
    assert found.startswith(f"{where}: {message.removeprefix('TASK: ')}")


# ---- the hub, a mirror of it, and the substitute


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


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("how", ["flag", "variable"])
def test_a_wrong_mirror_is_an_error_and_no_silent_substitute(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "variable":
        monkeypatch.setenv("RLVR_HUB_MIRROR", "/no/such/folder")
    assert fails(load_pack("gsm8k"), "train", "/no/such/folder" if how == "flag" else None) == (
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
def test_a_spoilt_mirror(tmp_path: Path, spoil: Callable[[Path], object], message: str) -> None:
    pytest.importorskip("datasets")
    mirror = a_mirror(tmp_path)
    spoil(tmp_path / "openai" / "gsm8k")
    assert message in fails(load_pack("gsm8k"), "train", mirror)


@pytest.mark.usefixtures("no_hub")
def test_the_substitute_is_recorded_and_its_splits_share_no_question() -> None:
    pytest.importorskip("reasoning_gym")
    pack = load_pack("gsm8k")
    train, test = load_split(pack, "train"), load_split(pack, "test")
    assert train.substituted
    assert test.substituted
    assert dict(train.origin) == {
        "source": "substitute", "dataset": "reasoning_gym:gsm_symbolic", "seed": 42, "instead_of": "openai/gsm8k",
        "because": "the Hugging Face hub doesn't deliver it (ConnectionError)",
    }  # fmt: skip
    assert len(train.examples) == 2000
    assert not {e.question for e in train.examples} & {e.question for e in test.examples}
    assert load_split(pack, "test") == test  # seeded
    assert all(e.gold for e in test.examples)


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('dataset = "gsm_symbolc"', "PACK/task.toml: data.substitute: Dataset 'gsm_symbolc' not registered"),
        ('dataset = "gsm_symbolic"\noptions = { no = 1 }', "PACK/task.toml: data.substitute: GSMSymbolicDatasetConfig"),
        ('dataset = "gsm_symbolic"\noptions = { difficulty = -1.0 }', "PACK/task.toml: data.substitute: "),
    ],
)
def test_bad_substitutes(make_pack: MakePack, more: str, message: str) -> None:
    pytest.importorskip("reasoning_gym")
    substitute = f"{HUB}\n[data.substitute]\nsizes = {{ train = 2 }}\n{more}"
    assert fails(make_pack(replace={FILES: substitute})).startswith(message)


@pytest.mark.usefixtures("no_hub")
def test_no_hub_and_no_substitute(make_pack: MakePack) -> None:
    message = (
        "openai/sums can't be loaded: the Hugging Face hub doesn't deliver it (ConnectionError); "
        "or point --hub-mirror (or RLVR_HUB_MIRROR) at a copy of it"
    )
    with pytest.raises(PrerequisiteError, match=re.escape(message)):
        load_split(make_pack(replace={FILES: HUB}), "train")


@pytest.mark.parametrize(("reachable", "substituted"), [(True, False), (False, True)])
def test_a_hub_that_answers_no_is_not_replaced(
    make_pack: MakePack, monkeypatch: pytest.MonkeyPatch, reachable: bool, substituted: bool
) -> None:
    """A misspelt configuration is the pack's mistake where the hub answers; else the cache may just lack it."""
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
        assert fails(pack) == "openai/sums: BuilderConfig 'man' not found"


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


@pytest.mark.parametrize(("split", "rows"), [("train", 7473), ("test", 1319)])
def test_gsm8k_of_the_mirror(mirror: str, split: str, rows: int) -> None:
    pytest.importorskip("datasets")
    found = load_split(load_pack("gsm8k"), split, mirror)
    assert len(found.examples) == rows
    assert {e.category for e in found.examples} <= set("12345678")
