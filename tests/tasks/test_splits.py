"""The examples of a split: from which columns, and what is wrong with which row."""

from collections.abc import Callable

import pytest

from rlvr.errors import ConfigError
from rlvr.tasks.pack import Pack
from rlvr.tasks.splits import fresh_rows, load_split, place, split_names
from rlvr.verifiers.types import Example

MakePack = Callable[..., Pack]
LoadError = Callable[..., str]
FILES = 'files = { train = "train.jsonl", test = "test.jsonl" }'


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ('{"question": "1", "answer": "1"}\n{"question": "1"}',
         "PACK/train.jsonl:2: no column 'gold'; found question; "
         "map one in [data.columns] or in data.py"),
        ('{"answer": "1"}', "PACK/train.jsonl:1: no column 'question'; found answer"),
        ('{"question": "1", "answer": "1", "metadata": [1]}',
         "PACK/train.jsonl:1: column 'metadata' must be an object, not list"),
    ],
)  # fmt: skip
def test_bad_rows(load_error: LoadError, make_pack: MakePack, rows: str, message: str) -> None:
    assert load_error(make_pack({"train.jsonl": rows})).startswith(message)


def test_the_gold_column_may_be_called_answer(make_pack: MakePack) -> None:
    rows = '{"question": "1+1", "answer": "2"}\n{"question": "1+2", "answer": "no", "gold": "3"}\n'
    assert [e.gold for e in load_split(make_pack({"train.jsonl": rows}), "train").examples] == ["2", "3"]


def test_columns(load_error: LoadError, make_pack: MakePack) -> None:
    pack = make_pack(replace={FILES: f'{FILES}\ncolumns = {{ gold = "question" }}'})
    assert [e.gold for e in load_split(pack, "train").examples] == ["3+3", "3+4"]
    pack = make_pack(replace={FILES: f'{FILES}\ncolumns = {{ gold = "solution" }}'})
    assert (
        load_error(pack)
        == "PACK/task.toml: data.columns.gold: the data has no column 'solution' (it has: question, gold)"
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
def test_to_example(load_error: LoadError, make_pack: MakePack, body: str, message: str) -> None:
    assert load_error(make_pack({"data.py": f"def to_example(row):\n    {body}"})) == f"PACK/data.py: {message}"


def test_the_examples_of_a_pack_in_memory(make_pack: MakePack) -> None:
    examples = [Example("a", "1+1", "2"), Example("b", "1+2", "3")]
    pack = Pack.of(make_pack().task, examples={"dev": examples})
    assert split_names(pack) == ["dev"]
    split = load_split(pack, "dev")
    assert split.examples == examples
    assert split.origin == {"source": "memory"}
    with pytest.raises(ConfigError, match=r"^pack 'sums' has no split 'train' \(it has: dev\)$"):
        load_split(pack, "train")


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (FILES, ["train", "test"]),
        ("generator = { sizes = { test = 3 } }", ["test"]),
        ('hub = "a/b"\nrevision = "c"', ["train", "test"]),
        ('hub = "a/b"\nrevision = "c"\nsplits = { dev = "validation" }', ["dev"]),
    ],
)
def test_the_names_of_splits(make_pack: MakePack, data: str, names: list[str]) -> None:
    assert split_names(make_pack(replace={FILES: data})) == names


def test_columns_that_name_a_pack_or_verifier_are_data(make_pack: MakePack) -> None:
    """A data set may have columns of these names; they mean something only to packs with several verifiers."""
    rows = '{"question": "1+1", "gold": "2", "verifier": "none", "pack": "none", "id": null}\n'
    assert load_split(make_pack({"train.jsonl": rows}), "train").examples == [Example("train-0", "1+1", "2")]


def test_fresh_rows_of_a_generator_have_their_own_seed(make_pack: MakePack) -> None:
    source = "def generate(split, size, seed):\n    return [{'question': split, 'gold': seed}] * size"
    data = "generator = { seed = 1, sizes = { train = 2, test = 1 } }"
    pack = make_pack({"data.py": source}, {FILES: data})
    (fresh,) = fresh_rows(pack, 3, seed=7)
    assert fresh == ("train", [{"question": "train", "gold": 7}] * 3, {"source": "generator", "seed": 7, "size": 3})


def test_fresh_rows_of_files_are_those_of_the_splits_up_to_the_size(make_pack: MakePack) -> None:
    pack = make_pack()
    sizes = {
        size: [(split, len([*rows])) for split, rows, _ in fresh_rows(pack, size, seed=7)] for size in (0, 1, 3, 9)
    }
    assert sizes == {0: [], 1: [("train", 1)], 3: [("train", 2), ("test", 1)], 9: [("train", 2), ("test", 1)]}


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (FILES, "PACK/train.jsonl:3"),  # an empty line counts
        ('files = { train = "train.parquet" }', "PACK/train.parquet: split 'train', row 1"),
        ("generator = { sizes = { train = 3 } }", "PACK/data.py: split 'train', row 1"),
        ('hub = "a/b"\nrevision = "c"', "PACK/task.toml: split 'train', row 1"),
    ],
)
def test_the_place_of_a_row(make_pack: MakePack, data: str, where: str) -> None:
    pack = make_pack({"train.jsonl": "{}\n\n{}\n"}, {FILES: data})
    assert place(pack, "train", 1).replace(str(pack.folder), "PACK") == where
