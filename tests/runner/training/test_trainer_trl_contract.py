"""Fails when TRL changes what the trainer stands on: read TRL's change, adapt runner/training/trainer.py, then this table."""

import hashlib
import inspect

import pytest

pytest.importorskip("trl")

import trl
from trl import GRPOTrainer
from trl.generation.vllm_generation import VLLMGeneration

pytestmark = pytest.mark.train

OVERRIDDEN = {  # method -> the start of its source's SHA-256
    "GRPOTrainer._generate_and_score_completions": "1fa48922792dcd5c",
    "GRPOTrainer.training_step": "9e18632f7dd8e8d8",
    "GRPOTrainer._prepare_inputs": "f824e7fb07147956",
    "GRPOTrainer._get_per_token_logps_and_entropies": "ea73c3909275851d",
    "GRPOTrainer._save_checkpoint": "ec91bde123649111",
    "GRPOTrainer.log": "1e7772819cc8cf09",
    "VLLMGeneration._init_vllm": "0e584002e0f6a9c0",
    "VLLMGeneration._iter_named_params": "baab615d5c7bc3e1",
    "VLLMGeneration.sync_weights": "63d669fb32304ff5",
}

RELIED_ON = {
    "GRPOTrainer._generate": "2a27fdf8f5e6f356",  # syncs vLLM's weights, then calls our rollout_func
    "GRPOTrainer._generate_single_turn": "e0f02e4fc094cefd",  # generates with num_return_sequences, pad and the like
    "GRPOTrainer._calculate_rewards": "736ae29b083840b5",  # passes the columns of rollout_func to pack_reward
}


def digest(method) -> str:
    return hashlib.sha256(inspect.getsource(method).encode()).hexdigest()[:16]


def test_the_pinned_version_is_installed() -> None:
    assert trl.__version__ == "1.16.0"


@pytest.mark.parametrize(("name", "expected"), (OVERRIDDEN | RELIED_ON).items())
def test_a_method_is_the_one_we_know(name: str, expected: str) -> None:
    owner, method = name.split(".")
    assert digest(getattr({"GRPOTrainer": GRPOTrainer, "VLLMGeneration": VLLMGeneration}[owner], method)) == expected


def test_we_override_the_methods_that_we_say() -> None:
    from rlvr.runner.generation.trl_vllm import Vllm
    from rlvr.runner.shared_prefix.sharing_trainer import PrefixSharingTrainer
    from rlvr.runner.training.trainer import Trainer

    own = vars(Trainer) | vars(PrefixSharingTrainer)
    ours = {f"GRPOTrainer.{n}" for n in own if n in dir(GRPOTrainer) and not n.startswith("__")}
    ours |= {f"VLLMGeneration.{n}" for n in vars(Vllm) if n in dir(VLLMGeneration) and not n.startswith("__")}
    assert ours - {"GRPOTrainer._abc_impl"} == set(OVERRIDDEN)


def test_what_is_replaced_is_there() -> None:
    from trl import import_utils
    from trl.generation import vllm_client, vllm_generation
    from trl.trainer import grpo_trainer, utils

    assert grpo_trainer.pad is utils.pad
    assert grpo_trainer.VLLMGeneration is VLLMGeneration
    assert list(inspect.signature(import_utils._is_package_available).parameters) == ["pkg_name", "return_version"]
    for module, imported in ((vllm_client, "import get_ip"), (vllm_generation, "SamplingParams")):
        assert imported in inspect.getsource(module)  # how trl_patches.py knows that a module has its vLLM
