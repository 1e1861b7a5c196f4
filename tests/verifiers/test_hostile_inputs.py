"""The hostile inputs: every kind is there, each has a name, and none holds a small number."""

import re

import pytest

from rlvr.verifiers.hostile_inputs import HOSTILE_INPUTS, hostile_inputs, name_of


def test_as_they_are_and_wrapped() -> None:
    assert hostile_inputs() == hostile_inputs("no place") == list(HOSTILE_INPUTS.values())
    wrapped = hostile_inputs("#### {}\n")
    assert len(wrapped) == 2 * len(HOSTILE_INPUTS)
    assert wrapped[len(HOSTILE_INPUTS) :] == [f"#### {text}\n" for text in HOSTILE_INPUTS.values()]


@pytest.mark.parametrize("name", HOSTILE_INPUTS)
def test_each_is_named_in_messages(name: str) -> None:
    assert name_of(HOSTILE_INPUTS[name]) == name
    assert name_of(f"#### {HOSTILE_INPUTS[name]}") == name


def test_they_are_many_and_different() -> None:
    assert len(set(HOSTILE_INPUTS.values())) == len(HOSTILE_INPUTS) >= 40
    assert max(map(len, HOSTILE_INPUTS.values())) >= 1_000_000


@pytest.mark.parametrize("name", [name for name in HOSTILE_INPUTS if "tower" not in name])
def test_no_small_number_is_in_them(name: str) -> None:
    """It might be some question's answer."""
    numbers = re.findall(r"(?<![0-9.])[0-9]{1,3}(?![0-9.])", HOSTILE_INPUTS[name])
    assert [number for number in numbers if int(number) > 1] == []
