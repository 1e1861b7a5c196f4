"""What all sources share: the entry of a split, and calls of a pack's own Python."""

from collections.abc import Callable

import pytest

from rlvr.errors import ConfigError
from rlvr.tasks.pack import Pack
from rlvr.tasks.sources.rows import of_split, own_code

MakePack = Callable[..., Pack]


def test_the_entry_of_a_split(make_pack: MakePack) -> None:
    pack = make_pack()
    assert of_split(pack, "train", {"train": 3, "test": 4}) == 3
    with pytest.raises(ConfigError, match=r"^pack 'sums' has no split 'tst' \(it has: train, test\)$"):
        of_split(pack, "tst", {"train": 3, "test": 4})


def test_what_a_packs_own_code_raises_names_its_file(make_pack: MakePack) -> None:
    pack = make_pack()
    with pytest.raises(ConfigError) as error, own_code(pack, "generate('train', 2, 7)"):
        raise ZeroDivisionError("no")
    assert str(error.value) == f"{pack.folder}/data.py: generate('train', 2, 7) failed: ZeroDivisionError: no"
    assert isinstance(error.value.__cause__, ZeroDivisionError)


def test_an_interrupt_is_no_mistake_of_the_pack(make_pack: MakePack) -> None:
    with pytest.raises(KeyboardInterrupt), own_code(make_pack(), "generate()"):
        raise KeyboardInterrupt
