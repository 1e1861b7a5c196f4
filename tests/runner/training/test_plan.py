"""A plan holds what was found and checked; whatever is wrong is said before a model is built or a folder created."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlvr.errors import ConfigError, PrerequisiteError
from rlvr.runner.display.terminal_view import View
from rlvr.runner.process.processes import ALONE, Processes
from rlvr.runner.settings.resolve import resolve
from rlvr.runner.training import plan as planning
from rlvr.runner.training.plan import Plan, choose_backend, make_plan
from rlvr.tasks.pack import load_pack


def made(processes: Processes = ALONE, **flags: Any) -> Plan:
    pytest.importorskip("trl")
    pack = load_pack("addition")
    flags = {"model": "tiny", "prompts_per_step": 4, "group_size": 4, **flags}
    return make_plan(pack, resolve(pack, "", None, flags), View(quiet=True), processes)


@pytest.mark.train
def test_it_holds_what_a_run_needs() -> None:
    plan = made(shots="2->0", eval_examples=5, shadow_verifier={"name": "number"})
    assert (plan.model.name, plan.backend, plan.context) == ("tiny", "transformers", 128)
    assert [plan.shots.count(step) for step in (1, plan.config.steps)] == [2, 0]
    assert plan.eval_shots.count(1) == 0
    assert plan.shadow is not None
    assert plan.shadow.name == "number"
    assert len(plan.eval_examples) == 5
    assert plan.test is not None
    assert all(example in plan.test.examples for example in plan.eval_examples)
    assert plan.eval_examples == made(eval_examples=5).eval_examples != made(eval_examples=5, seed=1).eval_examples
    assert len(plan.sampler.draw(8)) == 8
    record = json.loads(json.dumps(plan.record()))
    assert record["contamination"] == {"questions": 5, "equal": [], "similar": {}}
    assert record["verifier"]["name"] == "exact"


@pytest.mark.train
def test_the_default_model_is_chosen_once_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trl")
    pack = load_pack("addition")
    config = resolve(pack, "", None, {"eval_examples": 0}).model_copy(update={"model": None})
    chosen = iter(["tiny", "smollm2-135m"])  # as if memory ran short after the first time
    monkeypatch.setattr(planning.models, "default_model", lambda *, trains_all_weights: next(chosen))
    plan = make_plan(pack, config, View(quiet=True))
    assert (plan.config.model, plan.backend) == ("tiny", "transformers")
    assert make_plan(pack, plan.config, View(quiet=True)).model.name == "tiny"


@pytest.mark.train
def test_without_evaluations_there_is_no_test_split() -> None:
    plan = made(eval_examples=0)
    assert (plan.test, plan.eval_examples, plan.record()["data"]["test"]) == (None, [], None)


@pytest.mark.train
@pytest.mark.parametrize(
    ("flags", "processes", "message"),
    [
        ({"shots": 9}, 1, "9 shots asked for, but pack 'addition' has 8"),
        ({"eval_shots": 9}, 1, "9 shots asked for, but pack 'addition' has 8"),
        ({"shots": "0->9"}, 1, "9 shots asked for, but pack 'addition' has 8"),
        ({"shadow_verifier": {"name": "numbr"}}, 1, "no verifier is called 'numbr'; did you mean 'number'?"),
        ({"category_weights": {"two": 1, "eleven": 1}}, 1, "category_weights: no example has the category 'eleven'"),
        ({"prompts_per_step": 5000}, 1, "prompts_per_step = 5000, but the training split has 4000 examples"),
        ({"prompts_per_step": 3}, 2, "prompts_per_step = 3: expected a multiple of the 2 processes"),
        ({"micro_batch": 16}, 2, "micro_batch = 16: expected a divisor of the 8 completions of each process"),
        ({"trl": {"betta": 1}}, 1, "[trl] betta: TRL's GRPOConfig has no such field; did you mean 'beta'?"),
        ({"trl": {"num_iterations": 0.5}}, 1, "[trl] num_iterations = 0.5: Input should be a valid integer"),
        ({"max_completion_length": 127}, 1, "the longest prompt has "),
        ({"eval_max_tokens": 127}, 1, "the longest prompt has "),
        ({"model": "./nothing"}, 1, "--model ./nothing: no such folder"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: dict[str, Any], processes: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as error:
        made(Processes(processes, 0), **flags)
    assert str(error.value).startswith(message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wanted", "model", "installed", "chosen"),
    [
        ("auto", None, True, "vllm"),
        ("auto", "tiny", True, "transformers"),
        ("auto", None, False, "transformers"),
        ("vllm", "tiny", True, "vllm"),
        ("transformers", None, True, "transformers"),
    ],
)
def test_the_back_end(
    monkeypatch: pytest.MonkeyPatch, wanted: str, model: str | None, installed: bool, chosen: str
) -> None:
    monkeypatch.setattr(planning.vllm_backend, "available", lambda: installed)
    assert choose_backend(wanted, model) == chosen


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning.vllm_backend, "available", lambda: False)
    with pytest.raises(PrerequisiteError, match="backend = vllm, but vLLM is not installed"):
        choose_backend("vllm", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "trl" else object())
    with pytest.raises(PrerequisiteError, match=r"^training needs trl: pip install 'rlvr\[train\]'"):
        planning.require_training_stack()
