"""The fields of a run's settings: each says what it means, and what is left out is None."""

from itertools import pairwise

import pytest
from pydantic import ValidationError

from rlvr.errors import ConfigError
from rlvr.runner.settings.run_config import OWNED, RunConfig, subject_of
from rlvr.tasks.shots import ShotSchedule


def test_every_setting_says_what_it_means_and_has_a_subject() -> None:
    for name, field in RunConfig.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert subject_of(name) not in ("", RunConfig.__doc__), name
    subjects = [subject_of(name) for name in RunConfig.model_fields]
    assert subjects[0] == "Model"
    assert len({*subjects}) == 1 + sum(one != other for one, other in pairwise(subjects))


def test_what_is_named_instead_is_a_field() -> None:
    assert {ours for ours in OWNED.values() if ours} <= set(RunConfig.model_fields)


def test_a_default_that_follows_from_elsewhere_is_none_and_off_is_0() -> None:
    for name, field in RunConfig.model_fields.items():
        assert field.default != "", name
        text = " ".join(str(field.description).split())
        assert ("Left out:" in text) is (field.default is None), name
        if name.startswith("eval_") and isinstance(field.default, int) and not isinstance(field.default, bool):
            assert "0" in text, name


@pytest.mark.parametrize("name", [name for name, field in RunConfig.model_fields.items() if field.default is None])
def test_an_empty_value_is_not_a_way_to_leave_a_setting_out(name: str) -> None:
    assert getattr(RunConfig.model_validate({name: None}), name) is None
    with pytest.raises((ValidationError, ConfigError)):
        RunConfig.model_validate({name: ""})


@pytest.mark.parametrize(("given", "written"), [(4, 4), ("4", 4), ("8 -> 0", "8->0"), (ShotSchedule(2, 1), "2->1")])
def test_a_schedule_is_parsed_once_and_written_as_files_have_it(given: object, written: object) -> None:
    config = RunConfig.model_validate({"shots": given})
    assert config.model_dump()["shots"] == written
    assert RunConfig.model_validate(config.model_dump()) == config


def test_the_length_of_evaluations_follows_from_that_of_training() -> None:
    assert RunConfig(max_completion_length=7).evaluation_tokens == 7
    assert RunConfig(max_completion_length=7, eval_max_tokens=9).evaluation_tokens == 9
