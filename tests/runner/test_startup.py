"""A quick start leaves everything as it was."""

import contextlib
import gc
import importlib.util
import subprocess
import sys

import pytest

from rlvr.runner.startup import long_lived, without_collection


def test_garbage_is_collected_again_after_a_quick_start() -> None:
    with contextlib.suppress(ZeroDivisionError), without_collection():
        assert not gc.isenabled()
        1 / 0  # noqa: B018
    assert gc.isenabled()
    gc.disable()
    try:
        with without_collection():
            pass
        assert not gc.isenabled()  # whoever turned it off turns it on
    finally:
        gc.enable()


def test_what_lived_before_is_looked_at_again_afterwards() -> None:
    with contextlib.suppress(ZeroDivisionError), long_lived():
        assert gc.get_freeze_count() > 1000
        1 / 0  # noqa: B018
    assert gc.get_freeze_count() == 0


SCRIPT = """
import sys
from rlvr.runner.startup import complete_trl, trl_without_vllm
with trl_without_vllm():
    import rlvr.runner.trainer
assert "vllm" not in sys.modules
from trl.generation import vllm_generation
from trl.import_utils import is_vllm_available
assert is_vllm_available() and not hasattr(vllm_generation, "SamplingParams")
complete_trl()
assert vllm_generation.SamplingParams is sys.modules["vllm"].SamplingParams
assert rlvr.runner.trainer.Vllm._init_vllm.__globals__ is not vllm_generation.__dict__
assert rlvr.runner.trainer.Vllm.generate.__globals__ is vllm_generation.__dict__  # so it finds what came later
before = vllm_generation.VLLMGeneration
complete_trl()
assert vllm_generation.VLLMGeneration is before  # once is enough
"""


@pytest.mark.train
@pytest.mark.vllm
@pytest.mark.timeout(200)
@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="needs vLLM")
def test_trl_is_imported_without_vllm_and_completed_later() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
