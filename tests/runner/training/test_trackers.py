"""Trackers: unknown and missing ones are named before anything is made; one that fails is told apart from a bug."""

import sys
from types import SimpleNamespace

import pytest

from rlvr.runner.training import trackers


def error_of(module: str) -> Exception:
    made: Exception = type("UsageError", (Exception,), {"__module__": module})("no login")
    return made


@pytest.mark.parametrize(
    ("module", "names", "expected"),
    [
        ("wandb.errors", ["wandb"], "wandb"),
        ("mlflow.exceptions", ["tensorboard", "mlflow"], "mlflow"),
        ("wandb.errors", [], ""),
        ("wandbx", ["wandb"], ""),
        ("builtins", ["wandb"], ""),
    ],
)
def test_the_tracker_behind_an_error(module: str, names: list[str], expected: str) -> None:
    assert trackers.behind(error_of(module), names) == expected


@pytest.mark.parametrize(("names", "times"), [(["wandb"], 1), (["mlflow"], 0), ([], 0)])
def test_wandb_is_closed_before_the_run_ends(monkeypatch: pytest.MonkeyPatch, names: list[str], times: int) -> None:
    calls: list[int] = []
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(finish=lambda: calls.append(1)))
    trackers.finish(names)
    assert len(calls) == times
