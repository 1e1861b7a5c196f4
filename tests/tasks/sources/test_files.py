"""Rows from files in the pack's folder."""

from collections.abc import Callable

import pytest

from rlvr.tasks.pack import Pack
from rlvr.tasks.splits import load_split
from rlvr.verifiers.types import Example

MakePack = Callable[..., Pack]
LoadError = Callable[..., str]


def test_files(make_pack: MakePack) -> None:
    pack = make_pack()
    train, test = load_split(pack, "train"), load_split(pack, "test")
    assert train.examples == [Example("train-0", "3+3", "6"), Example("train-1", "3+4", "7")]
    assert test.examples == [Example("mine", "4+5", "9", "odd", {"hint": "big"})]
    assert train.origin == {"source": "files", "path": "train.jsonl"}
    assert not train.substituted


def test_parquet(load_error: LoadError, make_pack: MakePack) -> None:
    import pyarrow
    import pyarrow.parquet

    pack = make_pack(replace={"train.jsonl": "train.parquet"})
    pyarrow.parquet.write_table(pyarrow.table({"question": ["1+1"], "answer": ["2"]}), pack.folder / "train.parquet")
    assert load_split(pack, "train").examples == [Example("train-0", "1+1", "2")]
    (pack.folder / "train.parquet").write_text("nonsense")
    assert load_error(pack).startswith("PACK/train.parquet: ")


def test_a_file_or_split_that_is_not_there(load_error: LoadError, make_pack: MakePack) -> None:
    pack = make_pack({"train.jsonl": None})
    assert load_error(pack) == "PACK/train.jsonl: No such file or directory"
    assert load_error(pack, "tst") == "pack 'sums' has no split 'tst' (it has: train, test)"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", "PACK/task.toml: split 'train' is empty (source files, path train.jsonl)"),
        ("\n\n", "PACK/task.toml: split 'train' is empty (source files, path train.jsonl)"),
        ("{", "PACK/train.jsonl:1: not valid JSON: Expecting property name enclosed in double quotes"),
        (
            '{"question": "1"}\n{',
            "PACK/train.jsonl:2: not valid JSON: Expecting property name enclosed in double quotes",
        ),
    ],
)
def test_bad_files(load_error: LoadError, make_pack: MakePack, rows: str, message: str) -> None:
    assert load_error(make_pack({"train.jsonl": rows})).startswith(message)
