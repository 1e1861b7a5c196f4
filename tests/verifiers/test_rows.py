"""Rows and records: both spellings that are read, mistakes that are named, and the way there and back."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlvr.verifiers import Completion, ConfigError, Example, Reward, Rollout, Status, Verdict
from rlvr.verifiers.rows import (
    COLUMNS,
    completion_from_row,
    example_from_row,
    pair_from_row,
    rollout_from_row,
    rollout_to_row,
)
from rlvr.verifiers.types import Masked

# ---- examples and completions


def test_every_column_of_an_example() -> None:
    example = Example("1", "6 * 7?", "42", "easy", {"tests": ["a"]}, "strict", "gsm8k")
    row = {column: getattr(example, column) for column in COLUMNS}
    assert example_from_row(row, "here") == example
    assert example_from_row({**row, "metadata": json.dumps(row["metadata"])}, "here") == example
    assert example_from_row({**row, "unknown": 3}, "here") == example


@pytest.mark.parametrize(
    ("row", "gold", "text"),
    [
        ({"gold": "42", "completion": "41"}, "42", "41"),
        ({"gold": "42", "completion": "41", "answer": "40"}, "42", "41"),
        ({"answer": "42", "completion": "41"}, "42", "41"),  # without `gold`, `answer` is the gold answer
        ({"gold": "42", "answer": "41"}, "42", "41"),  # without `completion`, it is the completion
        ({"gold": 42, "completion": ""}, "42", ""),
        ({"gold": 0.5, "completion": "x"}, "0.5", "x"),
        ({"gold": Decimal("0.10"), "completion": "x"}, "0.10", "x"),  # as in a Parquet file
        ({"gold": "", "completion": "x"}, "", "x"),
    ],
)
def test_gold_answers_and_completions(row: dict[str, object], gold: str, text: str) -> None:
    example, completion = pair_from_row(row, "here")
    assert (example.gold, completion.text) == (gold, text)


def test_the_gold_answer_of_rows_without_one() -> None:
    assert example_from_row({}, "here", gold="7").gold == "7"
    assert example_from_row({"gold": "8"}, "here", gold="7").gold == "8"
    assert pair_from_row({"completion": "x"}, "here", gold="7")[0].gold == "7"


@pytest.mark.parametrize(
    ("row", "finish_reason"),
    [({}, "stop"), ({"truncated": True}, "length"), ({"truncated": False}, "stop"), ({"finish_reason": "length"}, "length")],
)  # fmt: skip
def test_whether_a_completion_was_cut_off(row: dict[str, object], finish_reason: str) -> None:
    assert completion_from_row({"completion": "x", **row}, "here").finish_reason == finish_reason


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"completion": "x"}, "no column 'gold'; found completion"),
        ({"gold": None, "completion": "x"}, "no column 'gold'"),
        ({"gold": "1"}, "no column 'completion'; found gold"),
        ({"answer": "1"}, "no column 'completion'; found answer"),
        ({}, "no column 'completion'; found none"),
        ({"gold": ["1"], "completion": "x"}, "the gold answer must be text or a number, not list"),
        ({"gold": "1", "completion": 3}, "column 'completion' must be text, not int"),
        ({"gold": "1", "answer": 3}, "column 'answer' must be text, not int"),
        ({"gold": "1", "completion": "x", "metadata": [1]}, "column 'metadata' must be an object, not list"),
        ({"gold": "1", "completion": "x", "metadata": "{"}, "column 'metadata' is not valid JSON: Expecting property"),
        ({"gold": "1", "completion": "x", "metadata": "3"}, "column 'metadata' must be an object, not int"),
    ],
)
@pytest.mark.parametrize("where", ["rows.jsonl:3", lambda: "rows.jsonl:3"], ids=["text", "function"])
def test_mistakes_are_named_with_their_place(row: dict[str, object], message: str, where: object) -> None:
    with pytest.raises(ConfigError, match=f"^rows.jsonl:3: {message}"):
        pair_from_row(row, where)


def test_a_place_is_looked_up_only_for_a_message() -> None:
    assert example_from_row({"gold": "1"}, lambda: pytest.fail("called")).gold == "1"


# ---- rollouts

texts = st.text(max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(texts, values, max_size=3)
rollouts = st.builds(
    Rollout,
    example=st.builds(Example, texts, texts, texts, texts, objects, texts, texts),
    prompt=texts,
    completion=st.builds(Completion, texts, finish_reason=st.sampled_from(["stop", "length"])),
    verdict=st.builds(
        Verdict, st.sampled_from(Status), st.floats(0, 1), st.none() | texts, texts, objects, st.floats(0, 100)
    ),
    reward=st.builds(
        Reward, st.none() | numbers, st.dictionaries(texts, numbers, max_size=3), st.sampled_from(get_args(Masked))
    ),
    advantage=st.none() | numbers,
    group=st.integers(0, 1000),
    step=st.integers(0, 1000),
    shadow=st.none() | st.sampled_from(Status),
)


@given(rollouts)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # as it is on a busy machine
def test_rollouts_go_there_and_back(rollout: Rollout) -> None:
    row = rollout_to_row(rollout)
    assert rollout_from_row(row, "here") == rollout
    written = json.loads(json.dumps(row))
    assert rollout_from_row(written, "here") == rollout
    assert rollout_to_row(rollout_from_row(written, "here")) == row
    as_text = {name: json.dumps(row[name]) for name in ("metadata", "parts", "reward_parts")}  # as in a Parquet file
    assert rollout_from_row({**row, **as_text}, "here") == rollout


ROLLOUT = Rollout(
    Example("1", "6 * 7?", "42"), "6 * 7?", Completion("42"), Verdict.of(True, "42"), Reward(1.0), 0.5, group=3, step=7
)


def test_only_the_number_of_tokens_is_kept() -> None:
    completion = Completion("42", (1, 2), (-0.5, -0.25), "length")
    row = rollout_to_row(replace(ROLLOUT, completion=completion))
    assert row["tokens"] == 2
    assert rollout_from_row(row, "here").completion == replace(completion, tokens=(), logprobs=())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "right"}, "'right' is not a valid Status"),
        ({"score": 2}, r"a verdict's score must be a number in \[0, 1\], not 2.0"),
        ({"reward": "much"}, "could not convert string to float: 'much'"),
        ({"step": None}, "int.. argument must be"),
        ({"parts": [1]}, "column 'parts' must be an object, not list"),
        ({"completion": None}, "no column 'completion'"),
        ({"masked": "why"}, "'why' is not one of '', 'verdict', 'truncated', 'part'"),
        ({"shadow": "right"}, "'right' is not a valid Status"),
    ],
)
def test_a_damaged_row_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^rollouts.jsonl:9: {message}"):
        rollout_from_row({**rollout_to_row(ROLLOUT), **change}, "rollouts.jsonl:9")


@pytest.mark.parametrize("column", ["step", "group", "gold", "prompt", "completion", "status", "reward", "advantage"])
def test_a_missing_column_is_named(column: str) -> None:
    row = rollout_to_row(ROLLOUT)
    del row[column]
    with pytest.raises(ConfigError, match=f"^rollouts.jsonl:9: no column '{column}'"):
        rollout_from_row(row, "rollouts.jsonl:9")
