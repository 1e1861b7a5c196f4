"""A run in figures: of an empty folder, of one without an evaluation after, of a whole one."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlvr.runner.alarms import Alarm, Severity
from rlvr.runner.run_folder.folder import RunFolder
from rlvr.runner.run_folder.result import result
from rlvr.runner.settings.run_config import RunConfig


def evaluated(
    folder: RunFolder, name: str, accuracy: float | None, kinds: tuple[str, ...] = ("strict",)
) -> dict[str, Any]:
    figures = {"questions": 4, "accuracy": accuracy, "interval": [0.1, 0.9], "method": "wilson"}
    folder.eval.mkdir(exist_ok=True)
    (folder.eval / f"{name}.json").write_text(json.dumps(dict.fromkeys(kinds, figures)))
    return figures


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "sums", "tiny", RunConfig(steps=3), {})


def test_nothing_yet(folder: RunFolder) -> None:
    assert result(folder).as_json() == {"accuracy": {}}


def test_a_whole_run(folder: RunFolder) -> None:
    before = evaluated(folder, "before", 0.25, ("strict", "lenient"))
    after = evaluated(folder, "after", 0.75)
    for step in (1, 2):
        folder.add_metrics({"step": step, "reward": step / 4, "time/step": 2.0 * step})
    folder.add_alarm(Alarm(2, "echo", Severity.WARNING, "30% repeat", ((2, 0),)))
    assert result(folder).as_json() == {
        "accuracy": {"strict": {"before": before, "after": after}, "lenient": {"before": before}},
        "steps": 2,
        "reward": {"first": 0.25, "last": 0.5},
        "seconds_per_step": 3.0,
        "alarms": [{"step": 2, "name": "echo", "severity": "warning"}],
    }


def test_an_accuracy_that_infrastructure_errors_left_out(folder: RunFolder) -> None:
    evaluated(folder, "before", None)
    folder.add_metrics({"step": 1, "reward": None})
    figures = result(folder)
    assert figures.accuracy["strict"].before is not None
    assert str(figures.accuracy["strict"].before) == "no verdict"
    assert (figures.first_reward, figures.seconds_per_step) == (None, 0.0)
