"""A run's configuration: defaults < the pack < its profile < the file < flags, and what may not be set."""

import re
from pathlib import Path
from typing import Any

import pytest

from rlvr.errors import ConfigError
from rlvr.runner.settings.resolve import resolve
from rlvr.runner.settings.run_config import OWNED, RunConfig
from rlvr.tasks.pack import Pack, load_pack, own_packs
from rlvr.tasks.shots import ShotSchedule

TASK = """
name = "sums"
description = "Sums"
license = "CC0-1.0"
[data.generator]
sizes = { train = 3 }
[verifier]
name = "exact"
[prompt]
shots = 2
[run]
"""


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    return make(tmp_path, "steps = 2\nseed = 2\ngroup_size = 2\n[run.profiles.quick]\nsteps = 3\nseed = 3\n")


def make(folder: Path, run: str) -> Pack:
    (folder / "task.toml").write_text(TASK + run)
    return load_pack(str(folder))


def toml(folder: Path, text: str) -> Path:
    (folder / "run.toml").write_text(text)
    return folder / "run.toml"


def test_precedence(pack: Pack, tmp_path: Path) -> None:
    file = toml(tmp_path, "steps = 4")
    for profile, given, flags, steps, seed in [
        ("", None, {}, 2, 2), ("quick", None, {}, 3, 3), ("quick", file, {}, 4, 3), ("", file, {}, 4, 2),
        ("quick", file, {"steps": 5}, 5, 3), ("quick", file, {"steps": None, "seed": 0}, 4, 0),
    ]:  # fmt: skip
        config = resolve(pack, profile, given, flags)
        assert (config.steps, config.seed, config.group_size) == (steps, seed, 2)
    assert resolve(pack, "", None, {}).prompts_per_step == RunConfig().prompts_per_step


def test_shots_and_lengths_follow_from_each_other(pack: Pack) -> None:
    def shots(**flags: int) -> tuple[int | str, int | None]:
        config = resolve(pack, "", None, flags)
        assert config.shots is not None
        return config.shots.as_setting(), config.eval_shots

    assert (shots(), shots(shots=0), shots(eval_shots=1), shots(shots=5, eval_shots=0)) == (
        (2, 2),
        (0, 0),
        (2, 1),
        (5, 0),
    )
    assert resolve(pack, "", None, {"max_completion_length": 7}).eval_max_tokens == 7
    assert resolve(pack, "", None, {"max_completion_length": 7, "eval_max_tokens": 9}).eval_max_tokens == 9


@pytest.mark.parametrize(
    ("run", "profile", "file", "flags", "message"),
    [
        ("stepz = 2", "", None, {}, "TASK: [run]: stepz: unknown field; did you mean 'steps'?"),
        ("[run.profiles.a]\nstepz = 2", "a", None, {}, "TASK: [run.profiles.a]: stepz: unknown field; did you mean 'steps'?"),
        ("profiles = 3", "", None, {}, "TASK: [run] profiles: expected tables [run.profiles.NAME]"),
        ("profiles = { a = 3 }", "a", None, {}, "TASK: [run] profiles: expected tables [run.profiles.NAME]"),
        ("[run.profiles.quick]", "quik", None, {},
         "--profile quik: pack 'sums' has no such profile; did you mean 'quick'? (quick)"),
        ("", "quick", None, {}, "--profile quick: pack 'sums' has no such profile (none)"),
        ("", "", "stepz = 2", {}, "FILE: stepz: unknown field; did you mean 'steps'?"),
        ("", "", "steps = [", {}, "FILE: not valid TOML: Invalid value (at end of document)"),
        ("", "", "steps = 'x'", {}, "FILE: steps: Input should be a valid integer, unable to parse string as an integer, found 'x'"),
        ("", "", None, {"steps": 0}, "command line: steps: Input should be greater than 0, found 0"),
        ("", "", None, {"group_size": 1}, "command line: group_size: Input should be greater than or equal to 2, found 1"),
        ("", "", None, {"temperature": 0.0}, "command line: temperature: Input should be greater than 0, found 0.0"),
        ("", "", None, {"learning_rate": float("inf")}, "command line: learning_rate: Input should be a finite number, found inf"),
        ("", "", None, {"max_error_rate": 1.5}, "command line: max_error_rate: Input should be less than or equal to 1, found 1.5"),
        ("", "", None, {"backend": "vlm"},
         "command line: backend: Input should be 'auto', 'vllm' or 'transformers', found 'vlm'"),
        ("pass_rate_band = [0.5]", "", None, {}, "TASK: [run]: pass_rate_band: expected two pass rates [low, high], found [0.5]"),
        ("pass_rate_band = [0.8, 0.2]", "", None, {}, "TASK: [run]: pass_rate_band: expected two pass rates [low, high], found [0.8, 0.2]"),
        ("pass_rate_band = [0.2, 1.8]", "", None, {},
         "TASK: [run]: pass_rate_band.1: Input should be less than or equal to 1, found 1.8"),
        ("", "", None, {"category_boost_below": -0.1},
         "command line: category_boost_below: Input should be greater than or equal to 0, found -0.1"),
        ("", "", None, {"reward": "randm"},
         "command line: reward: Input should be 'verifier', 'random', 'format-only' or 'constant', found 'randm'"),
        ("", "", "normalize_parts = true\ncategory_baseline = 0.5", {},
         "normalize_parts doesn't go with category_baseline or category_scale: choose one"),
        ("normalize_parts = true", "", None, {"category_scale": True},
         "normalize_parts doesn't go with category_baseline or category_scale: choose one"),
        ("", "", None, {"dtype": "bfloat16"},
         "dtype = bfloat16 needs lora_rank: all weights are trained otherwise, and AdamW's updates of bfloat16 weights would be "
         "rounded away"),
        ("", "", None, {"dtype": "float16"}, "command line: dtype: Input should be 'auto', 'float32' or 'bfloat16', found 'float16'"),
        ("", "", None, {"early_stop": 2}, "early_stop needs evaluations: set eval_every and eval_examples"),
        ("", "", None, {"early_stop": 2, "eval_every": 5, "eval_examples": 0},
         "early_stop needs evaluations: set eval_every and eval_examples"),
        ("shadow_verifier = { rel_tol = 1 }", "", None, {},
         "shadow_verifier: expected a table with the verifier's name, and its options"),
        ("", "", None, {"shots": "8->"}, "shots = '8->': expected a number, or a schedule such as '8->0'"),
        ("", "", "shots = -1", {}, "shots = -1: expected a number, or a schedule such as '8->0'"),
        ("", "", None, {"seed": -1}, "command line: seed: Input should be greater than or equal to 0, found -1"),
        ("", "", None, {"seed": 2**32}, "command line: seed: Input should be less than 4294967296, found 4294967296"),
        ("", "", None, {"shots": "many"}, "shots = 'many': expected a number, or a schedule such as '8->0'"),
        ("micro_batch = 0", "", None, {},
         "TASK: [run]: micro_batch: expected a value, found 0. Left out: one group."),
        ("", "", "model = ''", {},
         "FILE: model: expected a value, found ''. Left out: qwen2.5-1.5b with a GPU; else qwen2.5-coder-0.5b if there are "
         "8 GiB of memory free (20 without LoRA), or smollm2-135m."),
        ("", "", None, {"eval_max_tokens": 0},
         "command line: eval_max_tokens: expected a value, found 0. Left out: max_completion_length."),
        ("", "", None, {"shots": "8->0", "eval_shots": -1},
         "command line: eval_shots: Input should be greater than or equal to 0, found -1"),
        ("micro_batch = 3", "", None, {},
         "micro_batch = 3: expected a divisor of prompts_per_step * group_size = 64"),
    ],
)  # fmt: skip
def test_mistakes(
    tmp_path: Path, run: str, profile: str, file: str | None, flags: dict[str, Any], message: str
) -> None:
    given = None if file is None else toml(tmp_path, file)
    with pytest.raises(ConfigError) as error:
        resolve(make(tmp_path, run), profile, given, flags)
    said = str(error.value).replace(str(tmp_path / "task.toml"), "TASK").replace(str(tmp_path / "run.toml"), "FILE")
    assert said == message


@pytest.mark.parametrize("field", OWNED)
def test_fields_of_trl_that_a_run_sets_itself(pack: Pack, tmp_path: Path, field: str) -> None:
    hint = f"; set '{OWNED[field]}' instead" if OWNED[field] else ""
    with pytest.raises(ConfigError, match=re.escape(f"[trl] {field}: rlvr sets this itself{hint}") + "$"):
        resolve(pack, "", toml(tmp_path, f"[trl]\n{field} = 1"), {})


def test_shots_on_a_schedule(pack: Pack) -> None:
    config = resolve(pack, "", None, {"shots": "8->1"})
    assert (config.shots, config.eval_shots) == (ShotSchedule(8, 1), 1)  # evaluated as it will stand
    assert resolve(pack, "", None, {"shots": "8->1", "eval_shots": 0}).eval_shots == 0


def test_quotas(pack: Pack, tmp_path: Path) -> None:
    assert resolve(pack, "", None, {"category_weights": "balanced"}).category_weights == "balanced"
    assert resolve(pack, "", toml(tmp_path, "category_weights = { easy = 1, hard = 3.5 }"), {}).category_weights == {
        "easy": 1,
        "hard": 3.5,
    }
    words = "expected none, balanced, proportional or a table of shares, found"
    for value, says in (
        ("'blanced'", f"{words} 'blanced'"), ("3", f"{words} 3"), ("[1]", f"{words} [1]"),
        ("{ easy = nan }", "easy: expected a finite number, found nan"),
        ("{ easy = true }", "easy: expected a finite number, found True"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=re.escape(f"run.toml: category_weights: {says}") + "$"):
            resolve(pack, "", toml(tmp_path, f"category_weights = {value}"), {})


def test_other_fields_of_trl_pass(pack: Pack, tmp_path: Path) -> None:
    assert resolve(pack, "", toml(tmp_path, "[trl]\nbeta = 0.04"), {}).trl == {"beta": 0.04}


@pytest.mark.parametrize("name", own_packs())
def test_our_packs_and_their_profiles(name: str) -> None:
    pack = load_pack(name)
    for profile in ("", *pack.task.run.get("profiles", {})):
        assert resolve(pack, profile, None, {}).steps > 0
