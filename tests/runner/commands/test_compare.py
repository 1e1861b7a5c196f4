"""`rlvr compare`: what it shows of runs, whole and unfinished ones, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlvr.runner.cli import main

QUESTIONS = 200


def shown(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["compare", *map(str, arguments)])
    return int(stopped.value.code or 0)


def test_a_real_gain_is_significantly_larger_than_a_control_runs(
    evaluated_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    real, control = evaluated_run(before=0.2, after=0.6), evaluated_run(before=0.2, after=0.22, reward="random", seed=1)
    assert shown(real, control, "--json") == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    (difference,) = found["differences"]
    assert difference["gains"]["strict"]["apart"]
    assert difference["gains"]["strict"]["paired"]
    assert difference["gains"]["strict"]["questions"] == QUESTIONS
    assert set(difference["categories"]) == {"<b>even", "odd"}
    (words,) = found["verdicts"]
    assert "B, whose reward was random, gained" in words
    assert words.endswith("the gain of A is significantly larger than that of B, and no artifact of training as such.")
    assert found["runs"][1]["reward"] == "random"
    assert difference["settings"] == {"seed": [0, 1], "reward": ["verifier", "random"]}
    assert "settings that differ" in captured.err
    assert "significant" in captured.err


def test_other_questions_are_compared_as_independent(
    evaluated_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(evaluated_run(), evaluated_run(first=150), "--json") == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert not found["differences"][0]["gains"]["strict"]["paired"]
    assert "A and B asked different questions before training (50 shared): compared as independent" in found["warnings"]


def test_three_runs(evaluated_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    paths = [evaluated_run(after=after, seed=seed) for seed, after in enumerate((0.6, 0.4, 0.2))]
    assert shown(*paths, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(d["of"], d["from"]) for d in found["differences"]] == [("A", "B"), ("A", "C")]
    assert len(found["verdicts"]) == 2


@pytest.mark.parametrize(
    ("changes", "warning", "words"),
    [
        (
            {"after": None, "steps": 4},
            "B has no evaluation after training began",
            "nothing can be said of A against B: B lacks accuracy before or after",
        ),
        ({"before": None, "after": None}, "B has no evaluation after", "nothing can be said"),
        ({"before": None}, "", "nothing can be said of A against B"),
        ({"steps": 0, "before": None, "after": None}, "B has no evaluation", "nothing can be said"),
        ({"steps": 5, "name": "step-000005"}, "B has made 5 of 10 steps", "B gained"),
        ({"pack": "other"}, "A and B trained on different packs (sums, other)", "B gained"),
        ({"lenient": False}, "", "B gained"),
    ],
)
def test_what_there_is_is_compared(
    evaluated_run: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    warning: str,
    words: str,
) -> None:
    page = tmp_path / "page.html"
    assert shown(evaluated_run(), evaluated_run(seed=1, **changes), "--html", page, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert any(warning in text for text in found["warnings"]) or not warning
    assert words in found["verdicts"][0]
    assert "<svg" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda a, b, tmp: [a], "name at least two run folders"),
        (lambda a, b, tmp: [], "name at least two run folders"),
        (lambda a, b, tmp: [a, b, a], "named twice"),
        (lambda a, b, tmp: [a, tmp], "no config.toml in this folder, so it is no run folder"),
        (lambda a, b, tmp: [a, tmp / "nowhere"], "no such folder"),
        (lambda a, b, tmp: [a, a / "config.toml"], "no such folder"),
        (lambda a, b, tmp: [a, b, "--html", tmp / "no" / "page.html"], "can't write there: No such file or directory"),
    ],
)
def test_bad_arguments(
    evaluated_run: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: Callable[..., list[Any]],
    message: str,
) -> None:
    paths = evaluated_run(tmp_path / "a"), evaluated_run(tmp_path / "a", seed=1)
    assert shown(*arguments(*paths, tmp_path)) == 2
    assert message in capsys.readouterr().err
