"""Right and nearly right completions from a pack's data."""

from collections.abc import Callable

import pytest

from rlvr.errors import ConfigError
from rlvr.tasks.pack import Pack
from rlvr.tasks.samples import SEED, samples

MakePack = Callable[..., Pack]
FILES = 'files = { train = "train.jsonl", test = "test.jsonl" }'
GENERATOR = "generator = { seed = 1, sizes = { train = 2, test = 1 } }"
GENERATE = (
    "def generate(split, size, seed):\n    for n in range(size):\n        yield {'question': f'{n}', 'gold': seed}\n"
)
NEAR_MISSES = (
    "def near_misses(row, random):\n    return [row['id'], row['category'] + str(row['metadata']), row['gold'] + '0']\n"
)


def test_samples_of_files(make_pack: MakePack) -> None:
    drawn = samples(make_pack({"data.py": NEAR_MISSES}), 3)
    assert [sample.example.id for sample in drawn] == ["train-0", "train-1", "mine"]
    assert [sample.gold and sample.gold.text for sample in drawn] == ["6", "7", "9"]
    assert [miss.text for miss in drawn[1].near_misses] == ["train-1", "{}", "70"]  # every column is filled in
    assert drawn[0].origin == {"source": "files", "path": "train.jsonl"}
    assert len(samples(make_pack(), 1)) == 1
    assert samples(make_pack(), 0) == []


def test_a_generator_makes_other_rows_than_the_packs_own(make_pack: MakePack) -> None:
    (sample,) = samples(make_pack({"data.py": GENERATE}, {FILES: GENERATOR}), 1)
    assert sample.example.gold == str(SEED)
    assert sample.near_misses == ()


def test_near_misses_are_the_same_each_time(make_pack: MakePack) -> None:
    source = GENERATE + "def near_misses(row, random):\n    return [str(random.random())]\n"
    pack = make_pack({"data.py": source}, {FILES: GENERATOR})
    assert samples(pack, 5) == samples(pack, 5)
    assert samples(pack, 5, seed=2) != samples(pack, 5)


def test_no_gold_completion(make_pack: MakePack) -> None:
    pack = make_pack()
    without = Pack(pack.folder, pack.task.model_copy(update={"gold_completion": None}))
    assert [sample.gold for sample in samples(without, 2)] == [None, None]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return [3]", "near_misses() must return texts, not int"),
        ("return 1 / 0", "near_misses() of example 'train-0' failed: ZeroDivisionError: division by zero"),
    ],
)
def test_bad_near_misses(make_pack: MakePack, body: str, message: str) -> None:
    pack = make_pack({"data.py": f"def near_misses(row, random):\n    {body}\n"})
    with pytest.raises(ConfigError) as error:
        samples(pack, 1)
    assert str(error.value) == f"{pack.folder}/data.py: {message}"
