"""Flags come from the fields of a model: every one that a flag can hold, with its text, default and group."""

import inspect
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest
from cyclopts import App
from pydantic import BaseModel, Field

from rlvr.runner.commands.run import run
from rlvr.runner.settings.flags import flag_type, with_flags
from rlvr.runner.settings.run_config import RunConfig, Schedule

TABLES = {"alarms", "shadow_verifier", "trl"}


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (int, int),
        (Annotated[float, Field(gt=0)], float),
        (Annotated[str, Field(min_length=1)] | None, str),
        (Literal["a", "b"] | dict[str, float], Literal["a", "b"]),
        (list[str], list[str]),
        (tuple[Annotated[float, Field(ge=0)], float] | None, tuple[float, float]),
        (Schedule | None, str),  # a class of our own parses text
        (dict[str, Any], None),
        (list[dict[str, int]], None),
        (RunConfig, None),
    ],
)
def test_the_type_of_a_flag(annotation: Any, kind: Any) -> None:
    assert flag_type(annotation) == kind


def test_every_setting_but_tables_is_a_flag_of_run() -> None:
    flags = set(inspect.signature(run).parameters) - {
        "pack",
        "profile",
        "config",
        "resume",
        "dry_run",
        "force",
        "json_",
    }
    assert flags == set(RunConfig.model_fields) - TABLES


class Model(BaseModel):
    size: int = 3
    name: str | None = None
    wide: bool = False
    table: dict[str, int] = {}


def test_a_command_gets_what_was_given() -> None:
    seen: dict[str, Any] = {}

    @with_flags(Model, lambda _: "Things")
    def command(pack: str = "", /, *, flags: Mapping[str, Any], dry_run: bool = False) -> int:
        seen.update(pack=pack, flags=flags, dry_run=dry_run)
        return 7

    app = App(result_action="return_value")
    app.default(command)
    assert app(["p", "--size", "0", "--no-wide", "--dry-run"], exit_on_error=False) == 7
    assert seen == {"pack": "p", "flags": {"size": 0, "wide": False}, "dry_run": True}
    app([], exit_on_error=False)
    assert seen == {"pack": "", "flags": {}, "dry_run": False}


def test_a_name_has_one_meaning() -> None:
    def command(*, flags: Mapping[str, Any], size: int = 0) -> int:
        return size

    with pytest.raises(TypeError, match="command has a parameter of its own with a field's name: size"):
        with_flags(Model, lambda _: "Things")(command)
