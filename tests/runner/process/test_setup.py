"""What is chosen for the whole process gives way to what the user has set."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, logging, os, warnings
from rlvr.runner.process.setup import prepare_vllm, prepare_libraries
filters = list(warnings.filters)
prepare_libraries()
prepare_vllm()
names = ["TOKENIZERS_PARALLELISM", "OMP_WAIT_POLICY", "TQDM_DISABLE", "TRANSFORMERS_VERBOSITY", "VLLM_CPU_KVCACHE_SPACE"]
print(json.dumps({name: os.environ.get(name) for name in names} | {
    "silent": warnings.filters != filters, "trl": logging.getLogger("trl").level,
}))
"""


def state(**environment: str) -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_libraries_are_quiet() -> None:
    assert state() == {
        "TOKENIZERS_PARALLELISM": "false", "OMP_WAIT_POLICY": "PASSIVE", "TQDM_DISABLE": "1", "TRANSFORMERS_VERBOSITY": "error",
        "VLLM_CPU_KVCACHE_SPACE": "2", "silent": True, "trl": 40,
    }  # fmt: skip


def test_what_the_user_has_set_is_kept() -> None:
    given = {
        "TOKENIZERS_PARALLELISM": "true",
        "OMP_WAIT_POLICY": "ACTIVE",
        "TRANSFORMERS_VERBOSITY": "info",
        "VLLM_CPU_KVCACHE_SPACE": "8",
    }
    after = state(**given)
    assert {name: after[name] for name in given} == given
    assert after["TQDM_DISABLE"] == "1"


def test_debugging_shows_what_libraries_print() -> None:
    after = state(RLVR_DEBUG="1")
    assert (after["TQDM_DISABLE"], after["TRANSFORMERS_VERBOSITY"]) == (None, None)
    assert (after["silent"], after["trl"]) == (False, 0)


@pytest.mark.train
@pytest.mark.parametrize("tiny", [True, False])
def test_a_tiny_model_gets_one_thread(monkeypatch: pytest.MonkeyPatch, tiny: bool) -> None:
    torch = pytest.importorskip("torch")
    from rlvr.runner.process.setup import prepare_threads

    chosen: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    prepare_threads(tiny)
    assert chosen == [1] * tiny


@pytest.mark.train
@pytest.mark.parametrize(
    ("backend", "gpu", "kept"), [("vllm", False, 1), ("vllm", True, 0), ("transformers", False, 0)]
)
def test_memory_is_kept_only_beside_vllm_on_a_processor(
    monkeypatch: pytest.MonkeyPatch, backend: str, gpu: bool, kept: int
) -> None:
    torch = pytest.importorskip("torch")
    from rlvr.runner.process import setup

    calls: list[None] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(setup, "keep_memory", lambda: calls.append(None))
    setup.prepare_memory(backend)
    assert len(calls) == kept
