"""Generated rows instead of a data set that is out of reach."""

import re
from collections.abc import Callable

import pytest

from rlvr.errors import PrerequisiteError
from rlvr.tasks.pack import Pack, load_pack
from rlvr.tasks.splits import load_split

MakePack = Callable[..., Pack]
LoadError = Callable[..., str]
FILES = 'files = { train = "train.jsonl", test = "test.jsonl" }'
HUB = 'hub = "openai/sums"\nrevision = "abc"'


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
def test_bad_substitutes(load_error: LoadError, make_pack: MakePack, more: str, message: str) -> None:
    pytest.importorskip("reasoning_gym")
    substitute = f"{HUB}\n[data.substitute]\nsizes = {{ train = 2 }}\n{more}"
    assert load_error(make_pack(replace={FILES: substitute})).startswith(message)


@pytest.mark.usefixtures("no_hub")
def test_no_hub_and_no_substitute(make_pack: MakePack) -> None:
    message = (
        "openai/sums can't be loaded: the Hugging Face hub doesn't deliver it (ConnectionError); "
        "or point --hub-mirror (or RLVR_HUB_MIRROR) at a copy of it"
    )
    with pytest.raises(PrerequisiteError, match=re.escape(message)):
        load_split(make_pack(replace={FILES: HUB}), "train")
