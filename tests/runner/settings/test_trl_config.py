"""What may stand in [trl]: a mistake is told before anything is made, by its field and with what was expected."""

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

from rlvr.errors import ConfigError, PrerequisiteError, RlvrError
from rlvr.runner.process.processes import Processes
from rlvr.runner.settings.run_config import RunConfig
from rlvr.runner.settings.trl_config import CHOICES, check_fields, grpo_config

pytestmark = pytest.mark.train


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"beta": 0.04, "num_iterations": 2, "max_grad_norm": 1, "bf16": True, "warmup_steps": 0.1},
        {"loss_type": "dr_grpo", "optim": "adamw_torch_fused", "lr_scheduler_type": "cosine", "scale_rewards": "batch"},
        {"scale_rewards": False, "importance_sampling_level": "sequence", "vllm_mode": "server"},
        {
            "lr_scheduler_kwargs": {"num_cycles": 2},
            "generation_kwargs": {"do_sample": True},
            "debug": "underflow_overflow",
        },
        {
            "model_init_kwargs": {"attn_implementation": "eager"},
            "epsilon_high": None,
            "optim_target_modules": ["a", "b"],
        },
    ],
)
def test_what_trl_takes_passes(table: dict[str, Any]) -> None:
    check_fields(table)


@pytest.mark.parametrize(
    ("table", "kind", "message"),
    [
        ({"betta": 0.1}, ConfigError, "[trl] betta: TRL's GRPOConfig has no such field; did you mean 'beta'?"),
        ({"frob": 1}, ConfigError, "[trl] frob: TRL's GRPOConfig has no such field"),
        ({"beta": "x"}, ConfigError, "[trl] beta = 'x': Input should be a valid number"),
        ({"num_iterations": 1.5}, ConfigError, "[trl] num_iterations = 1.5: Input should be a valid integer"),
        ({"bf16": "yes"}, ConfigError, "[trl] bf16 = 'yes': Input should be a valid boolean"),
        ({"generation_kwargs": 3}, ConfigError,
         "[trl] generation_kwargs = 3: Input should be a valid dictionary; or Input should be a valid string"),
        ({"scale_rewards": "grup"}, ConfigError,
         "[trl] scale_rewards = 'grup': expected one of 'group', 'batch', 'none'"),
        ({"loss_type": "ppo"}, ConfigError, "[trl] loss_type = 'ppo': expected one of 'grpo', 'bnpo', 'dr_grpo'"),
        ({"optim": "adam"}, ConfigError, "[trl] optim = 'adam': expected one of 'adamw_torch', 'adamw_torch_fused'"),
        ({"deepspeed": "zero3.json"}, PrerequisiteError,
         "[trl] deepspeed: DeepSpeed is not installed: pip install deepspeed"),
    ],
)  # fmt: skip
def test_mistakes(monkeypatch: pytest.MonkeyPatch, table: dict[str, Any], kind: type[RlvrError], message: str) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(kind) as error:
        check_fields(table)
    assert str(error.value).startswith(message)


def test_the_choices_are_those_that_trl_compares_with() -> None:
    import trl.trainer.grpo_config
    import trl.trainer.grpo_trainer

    found: dict[str, set[Any]] = {name: set() for name in CHOICES}
    for module in (trl.trainer.grpo_config, trl.trainer.grpo_trainer):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Compare) and getattr(node.left, "attr", "") in CHOICES:
                words = [
                    part.value for one in node.comparators for part in ast.walk(one) if isinstance(part, ast.Constant)
                ]
                found[node.left.attr] |= {word for word in words if isinstance(word, str)}
    assert found == {name: {word for word in words if isinstance(word, str)} for name, words in CHOICES.items()}


def test_fields_of_trl_reach_it(tmp_path: Path) -> None:
    """Those for several processes and a vLLM server among them."""
    wanted = {
        "vllm_mode": "server", "vllm_server_host": "10.0.0.5", "vllm_server_port": 8123, "vllm_server_timeout": 600.0,
        "beta": 0.04, "num_iterations": 2, "loss_type": "dr_grpo", "gradient_checkpointing": True, "optim": "sgd",
        "ddp_find_unused_parameters": False, "bf16": False,
    }  # fmt: skip
    config = RunConfig(prompts_per_step=8, group_size=4, trl=wanted)
    args = grpo_config(config, tmp_path, backend="vllm", context=1024)
    assert {name: getattr(args, name) for name in wanted} == wanted
    assert (args.per_device_train_batch_size, args.gradient_accumulation_steps, args.steps_per_generation) == (4, 8, 8)
    config = config.model_copy(update={"trl": {}})
    for tiny, sizes in ((False, (4, 4, 4)), (True, (16, 1, 1))):
        args = grpo_config(config, tmp_path, backend="vllm", context=1024, tiny=tiny, processes=Processes(2, 0))
        assert (
            args.per_device_train_batch_size, args.gradient_accumulation_steps, args.steps_per_generation,
        ) == sizes  # fmt: skip
