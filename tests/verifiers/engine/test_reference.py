"""How a verifier gets to a worker: by name if it can be imported, else by value."""

import importlib
import pickle
import sys
from pathlib import Path

import cloudpickle
import pytest

from rlvr.verifiers import Completion, Example, Verifier
from rlvr.verifiers.engine.reference import ByName, ByValue, preloaded, reference
from rlvr.verifiers.text.number import number

EXAMPLE, COMPLETION = Example("1", "", "42"), Completion("42")
MODULE = """
from rlvr.verifiers import verifier

preloads = []

@verifier("sample", preload=lambda: preloads.append(1))
def sample(example, completion, *, answer: str = ""):
    return completion.text == (answer or example.gold)

class Group:
    @verifier("inner")
    @staticmethod
    def inner(example, completion):
        return True
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "rlvr_reference_sample.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("rlvr_reference_sample")
    del sys.modules["rlvr_reference_sample"]


def test_what_can_be_imported_goes_by_name(module) -> None:
    referred = reference(module.sample.with_options(answer="43"))
    assert referred == ByName("rlvr_reference_sample", "sample", {"answer": "43"})
    loaded = pickle.loads(pickle.dumps(referred)).load()
    assert loaded(EXAMPLE, COMPLETION) is False
    assert loaded(EXAMPLE, Completion("43")) is True
    assert module.preloads == [1]


def test_rlvrs_own_go_by_name() -> None:
    assert reference(number) == ByName("rlvr.verifiers.text.number", "number", {})


def test_a_local_function_goes_by_value() -> None:
    called: list[int] = []
    local = Verifier("local", lambda example, completion, *, answer="": completion.text == answer, preload=lambda: None)
    referred = reference(local.with_options(answer="42"))
    assert isinstance(referred, ByValue)
    assert pickle.loads(pickle.dumps(referred)).load()(EXAMPLE, COMPLETION) is True
    assert called == []


def test_another_verifier_of_the_same_function_goes_by_value(module) -> None:
    assert isinstance(reference(Verifier("other", module.sample.verify)), ByValue)  # without its preload


def test_a_module_that_is_pickled_by_value_goes_by_value(module) -> None:
    cloudpickle.register_pickle_by_value(module)
    try:
        assert isinstance(reference(module.sample), ByValue)
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def test_preloaded(module) -> None:
    assert preloaded("rlvr_reference_sample", "sample") is module.sample
    assert preloaded("rlvr_reference_sample", "Group.inner") is module.Group.inner
    assert module.preloads == [1]
    with pytest.raises(AttributeError):
        preloaded("rlvr_reference_sample", "missing")
    with pytest.raises(ModuleNotFoundError):
        preloaded("rlvr_no_such_module", "sample")
