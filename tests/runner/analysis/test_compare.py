"""`rlvr compare`: gains with intervals, paired where the same questions were asked, and clear words on what can't be said."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rlvr.errors import ConfigError
from rlvr.runner.analysis.compare import between_gains, gain, in_words
from rlvr.runner.analysis.differences import independent
from rlvr.runner.analysis.run_record import open_runs
from rlvr.runner.cli import main
from rlvr.runner.evaluation.answers import Answered
from rlvr.runner.evaluation.summary import save, summarize
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.settings.run_config import RunConfig
from rlvr.verifiers.types import Completion, Example, Status, Verdict

QUESTIONS = 200


def run(
    tmp_path: Path,
    before: float | None = 0.2,
    after: float | None = 0.6,
    *,
    seed: int = 0,
    first: int = 0,
    pack: str = "sums",
    steps: int = 10,
    name: str = "after",
    lenient: bool = True,
    error: float = 0.0,
    **config: Any,
) -> Path:
    """A run folder with evaluations of some accuracies. A question that was right stays right: that is what pairing uses."""
    folder = RunFolder.create(
        tmp_path, pack, "tiny", RunConfig(steps=10, seed=seed, **config), {"model": {"name": "tiny"}}
    )
    for step in range(1, steps + 1):
        folder.add_metrics({"step": step, "reward": step / 10, "verdicts/correct": step / 10, "time/step": 1.0})
    draw = random.Random(seed)
    hard = [draw.random() for _ in range(QUESTIONS)]
    for when, step, share in (("before", 0, before), (name, steps, after)):
        if share is None:
            continue
        answered = []
        for i, difficulty in enumerate(hard, first):
            example = Example(f"test-{i}", f"{i} + 1?", str(i + 1), "<b>even" if i % 2 == 0 else "odd")
            verdict = Verdict.of(difficulty < share, str(i))
            if draw.random() < error:
                verdict = Verdict(Status.ERROR)
            answered.append(Answered(example, [Completion("x")], [verdict], [verdict] if lenient else []))
        save(folder.eval, when, replace(summarize(answered), step=step), answered)
    return folder.path


def shown(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["compare", *map(str, arguments)])
    return int(stopped.value.code or 0)


def test_a_real_gain_is_significantly_larger_than_a_control_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real, control = run(tmp_path, 0.2, 0.6), run(tmp_path, 0.2, 0.22, reward="random", seed=1)
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


def test_equal_gains_do_not_differ(tmp_path: Path) -> None:
    runs = open_runs([run(tmp_path, 0.2, 0.5), run(tmp_path, 0.2, 0.5, reward="random", seed=2)])
    both = between_gains(*runs, "strict")
    assert both is not None
    assert not both.apart
    assert in_words(*runs).endswith("the gains don't differ significantly: the verifier may have taught nothing.")


def test_pairing_makes_the_interval_narrower(tmp_path: Path) -> None:
    (both, _) = open_runs([run(tmp_path), run(tmp_path, seed=1)])
    found = gain(both, "strict")
    assert found is not None
    assert found.paired
    before, after = both.before, both.last
    assert before is not None
    assert after is not None
    assert after.strict.accuracy is not None
    assert before.strict.accuracy is not None
    alone = independent(
        after.strict.accuracy, after.strict.interval, before.strict.accuracy, before.strict.interval, QUESTIONS
    )
    assert found.value == pytest.approx(alone.value)
    assert found.high - found.low < alone.high - alone.low


def test_other_questions_are_compared_as_independent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(run(tmp_path), run(tmp_path, first=150), "--json") == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert not found["differences"][0]["gains"]["strict"]["paired"]
    assert "A and B asked different questions before training (50 shared): compared as independent" in found["warnings"]


def test_verdicts_of_ours_that_failed_leave_the_rest_paired(tmp_path: Path) -> None:
    runs = open_runs([run(tmp_path, error=0.02), run(tmp_path, seed=1, error=0.02)])
    both = between_gains(*runs, "strict")
    assert both is not None
    assert both.paired
    assert 0.85 * QUESTIONS < both.questions < QUESTIONS


def test_three_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [run(tmp_path, after=after, seed=seed) for seed, after in enumerate((0.6, 0.4, 0.2))]
    assert shown(*paths, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(d["of"], d["from"]) for d in found["differences"]] == [("A", "B"), ("A", "C")]
    assert len(found["verdicts"]) == 2


# ---- runs that lack something


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
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], warning: str, words: str
) -> None:
    page = tmp_path / "page.html"
    assert shown(run(tmp_path), run(tmp_path, seed=1, **changes), "--html", page, "--json") == 0
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
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: Callable[..., list[Any]], message: str
) -> None:
    paths = run(tmp_path / "a"), run(tmp_path / "a", seed=1)
    assert shown(*arguments(*paths, tmp_path)) == 2
    assert message in capsys.readouterr().err


def test_a_changed_file_of_answers(tmp_path: Path) -> None:
    path = run(tmp_path)
    (path / "eval" / "after.jsonl").write_text('{"nothing": 1}\n')
    runs = open_runs([path, run(tmp_path, seed=1)])
    with pytest.raises(ConfigError, match=r"after\.jsonl:1: no verdict of a question"):
        gain(runs[0], "strict")


def test_answers_that_were_not_kept(tmp_path: Path) -> None:
    path = run(tmp_path)
    (path / "eval" / "after.jsonl").unlink()
    found = gain(open_runs([path, run(tmp_path, seed=1)])[0], "strict")
    assert found is not None
    assert not found.paired


# ---- the page


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not {name for name, _ in attributes} & {"src", "href", "onclick"}, "the page stands alone"

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert shown(run(tmp_path), run(tmp_path, 0.2, 0.2, seed=1, reward="constant"), "--html", page) == 0
    found = Page(page.read_text())
    assert "b" not in found.tags  # a category is text
    assert "<b>even" in found.words
    assert found.tags.count("svg") == 4  # accuracy, correct, reward, seconds
    assert "the gain of A is significantly larger than that of B" in found.words
