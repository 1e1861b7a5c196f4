"""Rows from the generator in the pack's data.py."""

from collections.abc import Callable

import pytest

from rlvr.tasks.pack import Pack
from rlvr.tasks.splits import load_split
from rlvr.verifiers.types import Example

MakePack = Callable[..., Pack]
LoadError = Callable[..., str]
FILES = 'files = { train = "train.jsonl", test = "test.jsonl" }'
GENERATOR = "[data.generator]\nseed = 7\nsizes = { train = 2, test = 1 }"


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
def test_bad_generators(load_error: LoadError, make_pack: MakePack, source: str, message: str) -> None:
    message_text = load_error(make_pack({"data.py": source}, {FILES: GENERATOR}))
    where = "PACK/task.toml" if message.startswith("TASK") else "PACK/data.py"
    assert message_text.startswith(f"{where}: {message.removeprefix('TASK: ')}")
