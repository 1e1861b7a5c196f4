"""The fields of task.toml, and what is wrong with the others."""

import re
import tomllib
from typing import Any

import pytest

from rlvr.errors import ConfigError
from rlvr.files import validate
from rlvr.tasks.schema import TaskFile

TASK = """
name = "sums"
description = "Sums"
license = "MIT"
[data.generator]
sizes = { train = 3 }
[verifier]
name = "exact"
"""


def task(more: str = "", **changes: Any) -> TaskFile:
    return validate(TaskFile, {**tomllib.loads(TASK + more), **changes}, "task.toml")


def test_defaults() -> None:
    defaults = task()
    assert (defaults.prompt.style, defaults.prompt.shots, defaults.gold_completion) == ("chat", 0, "{gold}")
    assert (defaults.reward.correct, defaults.reward.incorrect, defaults.reward.unparsed, defaults.reward.timeout) == (
        1,
        0,
        0,
        0,
    )
    assert defaults.lenient == {}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("[prompt]\nstyle = 'chatt'", "prompt.style: Input should be 'chat' or 'plain', found 'chatt'"),
        ("[prompt]\nshots = -1", "prompt.shots: Input should be greater than or equal to 0, found -1"),
        ("[prompt]\nstop = 'x'", "prompt.stop: Input should be a valid list, found 'x'"),
        ("[reward]\ncorect = 1", "reward.corect: unknown field; did you mean 'correct'?"),
        ("[reward]\nerror = 0", "reward.error: unknown field"),
        ("[reward]\nskipped = 0", "reward.skipped: unknown field"),
        ("[reward]\ncorrect = nan", "reward.correct: Input should be a finite number, found nan"),
        ("[reward.parts]\nformat = inf", "reward.parts.format: Input should be a finite number, found inf"),
        ("[reward]\ntruncated = 'drop'", "reward.truncated: Input should be 'verify', 'incorrect' or 'mask', found 'drop'"),
        ("[rewards]\ncorrect = 1", "rewards: unknown field; did you mean 'reward'?"),
        ("[data.substitute]\ndataset = 'x'", "data.substitute.sizes: Field required"),
        ("[data.substitute]\nsizes = { train = 0 }\ndataset = 'x'",
         "data.substitute.sizes.train: Input should be greater than 0, found 0"),
        ("[sandbox]\npackages = [1]", "sandbox.packages.0: Input should be a valid string, found 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_field(more: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape('task.toml: ' + message)}"):
        task(more)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "data: expected exactly one of hub, hubs, files, generator and packs"),
        ({"hub": "a/b", "revision": "c", "files": {"train": "x"}}, "data: expected exactly one of hub, hubs, files, generator and packs"),
        ({"hub": "a/b", "revision": "c", "hubs": {"train": {"hub": "a/b", "revision": "c", "split": "x"}}},
         "data: expected exactly one of hub, hubs, files, generator and packs"),
        ({"hubs": {"train": {"hub": "a/b", "split": "x"}}}, "data.hubs.train.revision: Field required"),
        ({"hub": "a/b"}, "data: a hub data set must be pinned: set revision to a commit"),
        ({"hub": "a/b", "revison": "c"}, "data.revison: unknown field; did you mean 'revision'?"),
        ("a/b", "data: Input should be a valid dictionary"),
    ],
)  # fmt: skip
def test_data_has_one_source(data: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        task(data=data)


@pytest.mark.parametrize("verifier", [{}, {"name": 3}, {"mode": "strict"}])
def test_a_verifier_has_a_name(verifier: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"^task\.toml: verifier: expected a table with the verifier's name$"):
        task(verifier=verifier)


def test_the_old_key_of_the_gold_completion_is_named_with_the_new_one() -> None:
    message = r"^task\.toml: gold is now called gold_completion, and its \{answer\} is \{gold\}$"
    with pytest.raises(ConfigError, match=message):
        task(gold="#### {answer}")


def test_it_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="frozen"):
        task().name = "other"  # type: ignore[misc]
