"""report.html: one page of an empty, a stopped and a full run, whatever the completions hold."""

import base64
import gzip
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rlvr.runner.alarms import Alarm, Severity
from rlvr.runner.report import run_page as report
from rlvr.runner.report.rollout_viewer import MAX_ROLLOUTS
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.run_folder.result import result
from rlvr.runner.settings.run_config import RunConfig
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
        self.links: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        assert self.tags.count("script") == 2  # the data and the code: nothing that a completion holds adds one

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            assert name not in ("onclick", "onload", "src"), "the page stands alone"
            if name == "href":
                assert value is not None
                assert value.startswith("#")
                self.links.append(value)

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script" and len(self.scripts) < self.tags.count("script"):
            self.scripts.append(data)
        else:
            self.text += data

    @property
    def rollouts(self) -> dict[str, Any]:
        def refuse(name: str) -> None:
            raise AssertionError(f"{name} is not JSON")

        found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(self.scripts[0])), parse_constant=refuse)
        return found

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rollouts as the page's script makes them of its columns."""
        texts, columns = self.rollouts["texts"], self.rollouts["columns"]
        values = {
            name: [texts[v] if column["text"] and v is not None else v for v in column["values"]]
            for name, column in columns.items()
        }
        return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


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
    assert page.rows == []
    assert "0 of 3 steps" in page.text
    assert "steps = 3" in page.text
    assert result(folder).as_json() == {"accuracy": {}}


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
    assert len(page.rows) == 1
    assert result(folder).seconds_per_step == 2.0


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
    assert page.tags.count("svg") == 4  # accuracy, reward, its parts, entropy
    assert [row["reward"] for row in page.rows] == [1.0, None] * 3
    assert [(row["step"], row["index"]) for row in page.rows] == [(s, i) for s in (1, 2, 3) for i in (0, 1)]
    assert len(page.rollouts["texts"]) == len(set(page.rollouts["texts"]))  # each text stands once
    found = result(folder).as_json()
    assert found["accuracy"]["strict"]["after"]["accuracy"] == 0.75
    assert found["reward"] == {"first": 1 / 3, "last": 1.0}


def test_hostile_text(folder: RunFolder) -> None:
    folder.add_rollouts([rollout(1, text, category=text) for text in HOSTILE])
    page = Page(report.write(folder))
    rows = page.rows
    assert [row["completion"] for row in rows] == [text.replace("\ud83d", "?") for text in HOSTILE]
    assert page.text.count("steps = 3") == 1  # `{{config}}` in a completion is no template
    assert [row["category"] for row in rows] == [row["completion"] for row in rows]
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", page.scripts[0])  # nothing that a model wrote stands in the page as it is


def test_figures_that_are_no_numbers(folder: RunFolder) -> None:
    nan, inf = float("nan"), float("inf")
    folder.add_metrics({"step": 1, "reward": nan, "entropy": inf, "verdicts/correct": 0.5})
    folder.add_metrics({"step": 2, "reward": None, "verdicts/correct": 0.5})
    folder.add_rollouts([rollout(1, "4", advantage=nan)])
    page = Page(report.write(folder))
    assert page.rows[0]["advantage"] is None
    assert page.tags.count("svg") == 2  # the share of correct ones, and the verdicts
    assert "nan" not in re.sub(r"<script.*", "", page.source, flags=re.DOTALL)


def test_ten_thousand_rollouts(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.add_rollouts([rollout(step, f"{step} " + "x" * 200) for step in range(MAX_ROLLOUTS + 50)])
    folder.finish()
    page = Page(report.write(folder))
    steps = [row["step"] for row in page.rows]
    assert steps == list(range(50, MAX_ROLLOUTS + 50))
    assert "10,050 rollouts, 10,000 of them below" in page.text


def test_a_substitute_is_said(folder: RunFolder) -> None:
    origin = {"source": "substitute", "dataset": "reasoning_gym:x", "instead_of": "openai/<gsm8k>"}
    folder.write_json("environment.json", dict(folder.environment().table) | {"data": {"train": origin}})
    page = Page(report.write(folder))
    assert "The data is a substitute (reasoning_gym:x) for openai/<gsm8k>" in page.text


def test_alarms_link_to_their_rollouts(folder: RunFolder) -> None:
    folder.add_rollouts([rollout(1, "first"), rollout(1, "second")])
    folder.add_rollouts([rollout(step, "later") for step in range(2, MAX_ROLLOUTS + 20)])
    folder.add_alarm(Alarm(1, "echo", Severity.WARNING, "30% <b>repeat</b>", ((1, 1),)))
    folder.add_alarm(Alarm(3, "entropy", Severity.CRITICAL, "exploration ends"))
    page = Page(report.write(folder))
    assert page.links == ["#r-1-1"]
    assert "echo at step 1: 30% <b>repeat</b>" in page.text
    assert page.text.index("echo at step 1") < page.text.index("entropy at step 3")
    old = [row for row in page.rows if row["step"] == 1]
    assert [(row["index"], row["completion"]) for row in old] == [(1, "second")]  # kept for the link, though it is old
    assert len(page.rows) == MAX_ROLLOUTS + 1
    assert result(folder).as_json()["alarms"][1] == {"step": 3, "name": "entropy", "severity": "critical"}


def test_evaluations_during_training_and_categories(folder: RunFolder) -> None:
    folder.eval.mkdir()
    for name, step, accuracy in (("before", 0, 0.2), ("step-000002", 2, 0.4), ("after", 3, 0.6)):
        summary = evaluation(accuracy, "<i>small") | {"step": step}
        summary["categories"]["large"] = summary["categories"]["<i>small"]
        (folder.eval / f"{name}.json").write_text(json.dumps(summary))
    for step in (1, 2, 3):
        row = {"step": step, "reward": 0.5, "time/step": 2.0, "time/generate": 1.5, "time/wait": 0.5}
        for category in ("<i>small", "a/b"):
            row |= {f"category/{category}/{name}": 0.5 for name in ("share", "pass_rate", "reward", "no_variance")}
            row |= {f"category/{category}/length": 12.0 * step, f"category/{category}/verdicts/correct": 0.5}
        folder.add_metrics(row)
    page = Page(report.write(folder))
    assert "i" not in page.tags
    for text in (
        "<i>small",
        "a/b",
        "large",
        "strict after",
        "generate 75.0% (1.5 s a step)",
        "wait 25.0% (0.5 s a step)",
    ):
        assert text in page.text
    assert "correct 50%" in page.text
    assert page.source.count('class="dot') == 2 * 3  # strict and lenient, each evaluation with its interval


@pytest.mark.parametrize(
    ("config", "environment", "text"),
    [
        ({"reward": "random"}, {}, "A control run: the reward was random, not the verifier's."),
        ({}, {"contamination": {"questions": 9, "equal": ["a", "b"]}}, "2 of 9 evaluation questions are in the training"),
        ({}, {"verifier": {"name": "number", "version": "2", "options": {"mode": "<b>"}}}, "number version 2 (mode='<b>')"),
        ({}, {"verifier": {"x": {"name": "exact", "version": "1"}, "y": {"name": "math", "version": "3"}}},
         "x: exact version 1, y: math version 3"),
    ],
)  # fmt: skip
def test_what_a_reader_must_know(
    tmp_path: Path, config: dict[str, Any], environment: dict[str, Any], text: str
) -> None:
    made = RunFolder.create(tmp_path, "sums", "tiny", RunConfig(**config), environment)
    assert text in Page(report.write(made)).text
