"""Summaries of evaluations: figures from verdicts, and JSON that is read back as it was written."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rlvr.intervals import wilson
from rlvr.runner.evaluation.answers import Answered
from rlvr.runner.evaluation.summary import (
    Accuracies,
    Accuracy,
    SampledAccuracies,
    Summary,
    accuracy_of,
    save,
    summarize,
)
from rlvr.verifiers.types import Completion, Example, Status, Verdict

RIGHT, WRONG, BROKEN = Verdict.of(True), Verdict.of(False), Verdict.error("broken")


def answered(category: str, *verdicts: Verdict, lenient: bool = False) -> Answered:
    completions = [Completion("4", (1, 2), (), "length" if verdict is WRONG else "stop") for verdict in verdicts]
    return Answered(
        Example("1", "2+2?", "4", category), completions, [*verdicts], [RIGHT] * len(verdicts) if lenient else []
    )


WHOLE = replace(
    summarize([answered("a", RIGHT, WRONG, lenient=True), answered("b", BROKEN, WRONG, lenient=True)]),
    shots=2, temperature=1.0, max_tokens=64, backend="vllm", verifier={"name": "number"}, longest_prompt_tokens=9,
    completion_tokens=8, tokens_per_second=12.5, seconds=0.5, step=3, model="tiny", split="test",
    origin={"source": "generator"}, sampled=SampledAccuracies(2, 0.7, Accuracies(accuracy_of([[RIGHT, WRONG]]))),
)  # fmt: skip


@pytest.mark.parametrize(
    "summary",
    [WHOLE, replace(summarize([answered("a", RIGHT)]), step=0), replace(summarize([answered("a", BROKEN)]), step=0),
     replace(summarize([]), step=0)],
)  # fmt: skip
def test_json_is_read_back_as_it_was_written(summary: Summary) -> None:
    assert Summary.from_json(json.loads(json.dumps(summary.as_json()))) == summary


def test_the_keys_of_the_file() -> None:
    table = WHOLE.as_json()
    assert list(table) == [
        "questions", "samples", "strict", "lenient", "categories", "statuses", "truncated", "shots", "temperature",
        "max_tokens", "backend", "verifier", "longest_prompt_tokens", "completion_tokens", "tokens_per_second", "seconds",
        "step", "model", "split", "origin", "sampled",
    ]  # fmt: skip
    assert table["strict"]["pass_at_k"]["1"] == {
        "value": 0.25,
        "interval": table["strict"]["pass_at_k"]["1"]["interval"],
    }
    assert table["statuses"]["error"] == 1
    assert set(table["sampled"]) == {"samples", "temperature", "strict"}


def test_what_an_evaluation_outside_a_run_lacks() -> None:
    table = summarize([answered("a", RIGHT)]).as_json()
    assert "step" not in table
    assert "lenient" not in table
    assert "pass_at_k" not in table["strict"]


def test_figures() -> None:
    assert (WHOLE.questions, WHOLE.samples, WHOLE.truncated) == (2, 2, 0.5)
    assert WHOLE.statuses[Status.INCORRECT] == 2
    assert WHOLE.kinds == ["strict", "lenient"]
    assert WHOLE.of("lenient") == WHOLE.lenient
    assert WHOLE.of("strict", "a") == WHOLE.categories["a"].strict
    assert WHOLE.of("strict", "nowhere") is None
    assert (WHOLE.at_step, summarize([]).at_step) == (3, 0)


def test_accuracies_as_people_read_them() -> None:
    assert str(Accuracy(4, 0.5, wilson(2, 4), "wilson")) == "50.0% [15.0%, 85.0%]"
    assert str(accuracy_of([[BROKEN]])) == "no verdict"


def test_save(tmp_path: Path) -> None:
    path = save(tmp_path / "eval", "before", WHOLE, [answered("a", RIGHT, WRONG)])
    assert json.loads(path.read_text()) == json.loads(json.dumps(WHOLE.as_json()))
    assert len(path.with_suffix(".jsonl").read_text().splitlines()) == 2
    assert sorted(file.name for file in path.parent.iterdir()) == ["before.json", "before.jsonl"]
