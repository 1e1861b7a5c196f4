"""The rollouts as a page holds them: which are chosen, and that texts, numbers and nothing come back as they were."""

import base64
import gzip
import json
import math
from typing import Any

import pytest

from rlvr.runner.report import rollout_viewer
from rlvr.runner.report.rollout_viewer import NUMBERS, TEXTS, chosen, embedded


def unpacked(text: str) -> list[dict[str, Any]]:
    """What the page's script makes of it."""
    page = json.loads(gzip.decompress(base64.b64decode(text)), parse_constant=pytest.fail)
    texts = page["texts"]
    assert len(texts) == len(set(texts))  # each text is there once
    columns = {
        name: [texts[value] if column["text"] and value is not None else value for value in column["values"]]
        for name, column in page["columns"].items()
    }
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def row(**fields: Any) -> dict[str, Any]:
    return {**dict.fromkeys(TEXTS, "same"), **dict.fromkeys(NUMBERS[2:], 1), "step": 3, **fields}


def test_a_rollout() -> None:
    (shown,) = unpacked(
        embedded([row(parts={"format": 1}, extracted=None, reward=0.123456, question="</script>")], [7])
    )
    assert set(shown) == {*TEXTS, *NUMBERS}
    assert (shown["step"], shown["index"], shown["reward"]) == (3, 7, 0.1235)
    assert (shown["parts"], shown["extracted"], shown["question"]) == ('{"format": 1}', None, "</script>")


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_what_is_no_number_is_null(value: float | None) -> None:
    (shown,) = unpacked(embedded([row(advantage=value)], [0]))
    assert shown["advantage"] is None


def test_nothing_that_a_model_wrote_is_markup() -> None:
    text = embedded([row(completion="</script><b>\ud83d")], [0])
    assert "<" not in text
    assert unpacked(text)[0]["completion"] == "</script><b>?"


def test_no_rollouts() -> None:
    assert unpacked(embedded([], [])) == []


def test_the_newest_and_those_that_alarms_name_are_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout_viewer, "MAX_ROLLOUTS", 3)
    steps = [1, 1, 1, 2, 2, 3, 3]
    assert chosen(steps) == ([4, 5, 6], [1, 0, 1])
    assert chosen(steps, [(1, 1), (3, 0), (9, 9)]) == ([1, 4, 5, 6], [1, 1, 0, 1])
    assert chosen([]) == ([], [])
