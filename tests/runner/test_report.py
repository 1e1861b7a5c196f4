"""report.html: one page of an empty, a stopped and a full run, whatever the completions hold."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rlvr.runner import report
from rlvr.runner.config import RunConfig
from rlvr.runner.run_folder import RunFolder
from rlvr.verifiers.types import Completion, Example, Reward, Rollout, Status, Verdict

HOSTILE = [
    "</script><script>alert(1)</script>", "<!--<script>", "{{config}} {{rollouts}} {{nothing}}", r"\1 \g<0> \\",
    "\u2028\u2029\x00\x1b[31m ü \U0001f600 \u202e", "half a pair \ud83d", '"; alert(1); "', "&lt;b&gt; <b>",
]  # fmt: skip


class Page(HTMLParser):
    """The page as a browser sees it: its text, its scripts, and the tags."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.text = ""
        self.tags: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        assert self.tags.count("script") == 2  # the data and the code: nothing that a completion holds adds one

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            assert not (name in ("src", "href") and value), "the page stands alone"

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script" and len(self.scripts) < self.tags.count("script"):
            self.scripts.append(data)
        else:
            self.text += data

    @property
    def rollouts(self) -> dict[str, Any]:
        def refuse(name: str) -> None:
            raise AssertionError(f"{name} is not JSON")

        found: dict[str, Any] = json.loads(self.scripts[0], parse_constant=refuse)
        return found


def rollout(step: int, text: str, status: str = "correct", **changes: Any) -> Rollout:
    verdict = Verdict(Status(status), float(status == "correct"), text[:20], f"because {text}")
    fields = {"reward": Reward(1.0), "advantage": 0.5, "category": "small", **changes}
    example = Example(f"train-{step}", text, text, fields.pop("category"))
    return Rollout(example, text, Completion(text, (1,)), verdict, group=0, step=step, **fields)


def evaluation(accuracy: float | None, category: str = "small") -> dict[str, Any]:
    figures = {"questions": 3, "accuracy": accuracy, "interval": [0.1, 0.9]}
    return {"strict": figures, "lenient": figures, "categories": {category: {"strict": figures, "lenient": figures}}}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    extra = {"model": {"name": "tiny", "origin": "here"}, "backend": "transformers",
             "data": {"train": {"source": "generator"}, "test": None}}  # fmt: skip
    return RunFolder.create(tmp_path, "sums", "tiny", RunConfig(steps=3), extra)


def test_an_empty_run(folder: RunFolder) -> None:
    page = Page(report.write(folder))
    assert page.rollouts == {"prompts": [], "rows": []}
    assert "0 of 3 steps" in page.text
    assert "steps = 3" in page.text
    assert report.result(folder) == {"accuracy": {}}


def test_a_stopped_run(folder: RunFolder) -> None:
    (folder.eval).mkdir()
    (folder.eval / "before.json").write_text(json.dumps(evaluation(0.25)))
    folder.add_metrics({"step": 1, "reward": 0.5, "time/step": 2.0})
    folder.add_rollouts([rollout(1, "4")])
    with (folder.path / "rollouts" / "rollouts.jsonl").open("a") as file:
        file.write('{"step": 2, "comp')
    page = Page(report.write(folder))
    assert "1 of 3 steps" in page.text
    assert "25.0%" in page.text
    assert "–" in page.text  # no accuracy after
    assert len(page.rollouts["rows"]) == 1
    assert report.result(folder)["seconds_per_step"] == 2.0


def test_a_full_run(folder: RunFolder) -> None:
    (folder.eval).mkdir()
    for when, accuracy in (("before", 0.25), ("after", 0.75)):
        (folder.eval / f"{when}.json").write_text(json.dumps(evaluation(accuracy, "<i>small")))
    for step in (1, 2, 3):
        folder.add_metrics({"step": step, "reward": step / 3, "entropy": 1.0, "reward_parts/<b>": 0.5})
        folder.add_rollouts([rollout(step, "4"), rollout(step, "5", "error", reward=Reward(None), advantage=None)])
    folder.finish()
    page = Page(report.write(folder))
    assert "25.0%" in page.text
    assert "75.0%" in page.text
    assert "i" not in page.tags
    assert "b" not in page.tags
    assert page.tags.count("svg") == 3
    assert [row["reward"] for row in page.rollouts["rows"]] == [1.0, None] * 3
    assert page.rollouts["prompts"] == ["4", "5"]  # each prompt stands once
    found = report.result(folder)
    assert found["accuracy"]["strict"]["after"]["accuracy"] == 0.75
    assert found["reward"] == {"first": 1 / 3, "last": 1.0}


def test_hostile_text(folder: RunFolder) -> None:
    folder.add_rollouts([rollout(1, text, category=text) for text in HOSTILE])
    page = Page(report.write(folder))
    rows = page.rollouts["rows"]
    assert [row["completion"] for row in rows] == [text.replace("\ud83d", "?") for text in HOSTILE]
    assert page.text.count("steps = 3") == 1  # `{{config}}` in a completion is no template
    assert not re.search("[\u2028\u2029]", page.scripts[0])


def test_figures_that_are_no_numbers(folder: RunFolder) -> None:
    nan, inf = float("nan"), float("inf")
    folder.add_metrics({"step": 1, "reward": nan, "entropy": inf, "verdicts/correct": 0.5})
    folder.add_metrics({"step": 2, "reward": None, "verdicts/correct": 0.5})
    folder.add_rollouts([rollout(1, "4", advantage=nan)])
    page = Page(report.write(folder))
    assert page.rollouts["rows"][0]["advantage"] is None
    assert page.tags.count("svg") == 1
    assert "nan" not in re.sub(r"<script.*", "", page.source, flags=re.DOTALL)


def test_ten_thousand_rollouts(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.add_rollouts([rollout(step, f"{step} " + "x" * 200) for step in range(10_050)])
    folder.finish()
    page = Page(report.write(folder))
    steps = [row["step"] for row in page.rollouts["rows"]]
    assert steps == list(range(50, 10_050))
    assert "10050 rollouts, the last 10000 below" in page.text


def test_a_substitute_is_said(folder: RunFolder) -> None:
    origin = {"source": "substitute", "dataset": "reasoning_gym:x", "instead_of": "openai/<gsm8k>"}
    folder.write_json("environment.json", folder.environment() | {"data": {"train": origin}})
    page = Page(report.write(folder))
    assert "The data is a substitute (reasoning_gym:x) for openai/<gsm8k>" in page.text
