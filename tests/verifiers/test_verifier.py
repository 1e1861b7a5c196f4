"""A verifier's name, limits and options: what is taken, converted, and refused with a hint."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from rlvr.verifiers import Completion, ConfigError, Example, PluginError, Verdict, Verifier, verifier
from rlvr.verifiers.verifier import option_types

EXAMPLE, COMPLETION = Example("1", "?", "42"), Completion("42")


@verifier("sample", deadline_s=3.0, memory_mb=256, version="7")
def sample(
    example: Example,
    completion: Completion,
    *,
    mode: Literal["strict", "lenient"] = "strict",
    digits: int = 2,
    tolerance: float = 0.0,
    units: bool = False,
    names: list[str] | None = None,
    share: Annotated[float, Field(ge=0, le=1)] = 1.0,
    anything=None,
) -> Verdict:
    """Tells its options.

    More of the docstring.
    """
    return Verdict.of(True, repr((mode, digits, tolerance, units, names, share, anything)))


@verifier("plain")
def plain(example, completion):
    return True


def test_the_decorator_makes_a_verifier_and_keeps_the_function() -> None:
    assert isinstance(sample, Verifier)
    assert (sample.name, sample.deadline_s, sample.memory_mb, sample.version) == ("sample", 3.0, 256, "7")
    assert sample(EXAMPLE, COMPLETION).extracted == "('strict', 2, 0.0, False, None, 1.0, None)"
    assert plain(EXAMPLE, COMPLETION) is True


def test_defaults() -> None:
    assert (plain.deadline_s, plain.memory_mb, plain.bounded, plain.version) == (2.0, 1024, False, "1")
    assert plain.options == {}
    assert plain.shortcut is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cases": "cases.jsonl"}, "verifier 'odd': cases must be a Path, not str"),
        ({"generate": []}, "verifier 'odd': generate must be callable, not list"),
        ({"near_misses": ["3"]}, "verifier 'odd': near_misses must be callable, not list"),
        ({"from_row": {}}, "verifier 'odd': from_row must be callable, not dict"),
        ({"preload": "numpy"}, "verifier 'odd': preload must be callable, not str"),
    ],
)
def test_what_comes_with_a_verifier_is_checked_by_type(fields: dict, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        verifier("odd", **fields)(lambda example, completion: True)


def test_what_comes_with_a_verifier_stays_with_it_when_options_are_set() -> None:
    path = Path("cases.jsonl")
    odd = verifier("odd", cases=path, preload=list)(lambda example, completion, *, mode="a": True)
    assert (odd.with_options(mode="b").cases, odd.with_options(mode="b").preload) == (path, list)


def test_the_description_is_the_docstrings_first_line() -> None:
    assert sample.description == "Tells its options."
    assert plain.description == ""


def test_async_verifiers_are_told_apart() -> None:
    async def wait(example, completion):
        return True

    assert verifier("wait")(wait).is_async
    assert not plain.is_async


@pytest.mark.parametrize("name", ["a", "exact", "math-verify", "a1", "with_underscore", "x-1_y"])
def test_names_that_are_taken(name: str) -> None:
    assert verifier(name)(lambda e, c: True).name == name


@pytest.mark.parametrize("name", ["", "A", "Exact", "1a", "-a", "_a", "a b", "a.b", "a/b", "ä", "a\n", "a\u0301"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(PluginError, match="expected lower-case letters, digits, '-' and '_'"):
        verifier(name)(lambda e, c: True)


@pytest.mark.parametrize("value", [None, 3, "text"])
def test_what_cannot_be_called_is_refused(value: object) -> None:
    with pytest.raises(PluginError, match="verify must be callable, not "):
        Verifier("x", value)


@pytest.mark.parametrize(
    "limits", [{"deadline_s": 0}, {"deadline_s": -1}, {"memory_mb": 0}, {"deadline_s": float("nan")}]
)
def test_limits_must_be_positive(limits: dict[str, float]) -> None:
    with pytest.raises(PluginError, match="deadline_s and memory_mb must be positive"):
        verifier("x", **limits)(lambda e, c: True)


def test_options_are_the_keyword_only_parameters() -> None:
    assert list(option_types(sample.verify)) == [
        "mode", "digits", "tolerance", "units", "names", "share", "anything"
    ]  # fmt: skip
    assert option_types(plain.verify) == {}


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"mode": "lenient"}, {"mode": "lenient"}),
        ({"digits": "3"}, {"digits": 3}),
        ({"digits": 3.0}, {"digits": 3}),
        ({"tolerance": 1}, {"tolerance": 1.0}),
        ({"tolerance": "1e-3"}, {"tolerance": 0.001}),
        ({"units": "true"}, {"units": True}),
        ({"units": "no"}, {"units": False}),
        ({"names": ["a", "b"]}, {"names": ["a", "b"]}),
        ({"names": None}, {"names": None}),
        ({"anything": object}, {"anything": object}),
        ({"digits": 4, "units": 1}, {"digits": 4, "units": True}),
        ({}, {}),
    ],
)
def test_options_are_converted_by_their_annotations(given: dict[str, object], taken: dict[str, object]) -> None:
    options = sample.with_options(**given).options
    assert options == taken
    assert [type(value) for value in options.values()] == [type(value) for value in taken.values()]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"mode": "loose"}, "verifier 'sample': option mode = 'loose': Input should be 'strict' or 'lenient'"),
        ({"digits": "many"}, "option digits = 'many': Input should be a valid integer"),
        ({"digits": 2.5}, "option digits = 2.5: Input should be a valid integer"),
        ({"units": "perhaps"}, "option units = 'perhaps': Input should be a valid boolean"),
        ({"names": "a"}, "option names = 'a': Input should be a valid list"),
        ({"names": [1]}, "option names = [1]: Input should be a valid string"),
        ({"share": 2}, "option share = 2: Input should be less than or equal to 1"),
        ({"mod": "strict"}, "verifier 'sample' has no option 'mod'; did you mean 'mode'? (options: mode, digits, "),
        ({"toleranse": 1}, "did you mean 'tolerance'?"),
        ({"deadline": 3}, "did you mean 'deadline_s'?"),
        ({"zzz": 1}, "has no option 'zzz' (options: mode, "),
        ({"deadline_s": 0}, "deadline_s must be a positive number, not 0"),
        ({"deadline_s": "5"}, "deadline_s must be a positive number, not '5'"),
        ({"memory_mb": True}, "memory_mb must be a positive number, not True"),
        ({"memory_mb": float("nan")}, "memory_mb must be a positive number, not nan"),
    ],
)
def test_wrong_options_are_one_clear_line(given: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sample.with_options(**given)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_verifier_without_options_says_so() -> None:
    with pytest.raises(ConfigError, match=r"verifier 'plain' has no option 'x' \(options: none; limits: "):
        plain.with_options(x=1)


def test_options_add_up_and_leave_the_original_alone() -> None:
    both = sample.with_options(digits=3).with_options(units=True, deadline_s=9, memory_mb=64)
    assert both.options == {"digits": 3, "units": True}
    assert (both.deadline_s, both.memory_mb) == (9, 64)
    assert both.with_options(digits=4).options == {"digits": 4, "units": True}
    assert both(EXAMPLE, COMPLETION).extracted == "('strict', 3, 0.0, True, None, 1.0, None)"
    assert sample.options == {}
    assert sample.deadline_s == 3.0


def test_a_verifier_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        plain.deadline_s = 100


def test_options_of_postponed_annotations_are_converted() -> None:
    namespace: dict[str, object] = {}
    exec(
        "from __future__ import annotations\ndef late(example, completion, *, count: int = 1): return count > 0\n",
        namespace,
    )
    assert verifier("late")(namespace["late"]).with_options(count="5").options == {"count": 5}


# ---- rows


def test_rows_are_read_in_the_common_form() -> None:
    row = {"id": "1", "question": "?", "gold": "42", "completion": "41"}
    assert plain.pair_from_row(row, "f:1") == (EXAMPLE, Completion("41"))
    assert plain.pair_from_row({"completion": "41"}, "f:1", gold="42")[0].gold == "42"
    with pytest.raises(ConfigError, match=r"^f:1: no column 'gold'; found completion"):
        plain.pair_from_row({"completion": "41"}, "f:1")


def from_row(row: dict[str, str]) -> tuple[Example, Completion]:
    if "tets" in row:
        raise ConfigError("no field 'tets'")
    return Example("", "", row["goal"]), Completion(row["program"][:10])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"goal": "g"}, "f:1: no column 'program'; found goal"),
        ({"tets": "g"}, "f:1: no field 'tets'"),
        ({"goal": "g", "program": 3}, "f:1: 'int' object is not subscriptable"),
        ({}, "f:1: no column 'goal'; found none"),
    ],
)
def test_rows_are_read_in_the_verifiers_own_form(row: dict, message: str) -> None:
    own = verifier("own", from_row=from_row)(lambda example, completion: True)
    assert own.pair_from_row({"goal": "g", "program": "p"}, "f:1") == (Example("", "", "g"), Completion("p"))
    with pytest.raises(ConfigError, match=f"^{message}$"):
        own.pair_from_row(row, "f:1")
