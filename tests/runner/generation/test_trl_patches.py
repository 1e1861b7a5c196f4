"""What is replaced is put back."""

from types import SimpleNamespace

import pytest

from rlvr.runner.generation.trl_patches import replaced


def test_replaced_puts_back() -> None:
    owner = SimpleNamespace(name=1)
    with pytest.raises(ZeroDivisionError), replaced(owner, "name", 0):
        1 / owner.name
    assert owner.name == 1


def test_what_is_not_there_is_not_replaced() -> None:
    owner = SimpleNamespace(name=1)
    with pytest.raises(AttributeError), replaced(owner, "nmae", 2):
        pass
    assert vars(owner) == {"name": 1}
