"""TRL's vLLM: TRL is imported without it, which saves seconds, and gets it when a run needs it. (Its generation: test_vllm_backend.py)"""

import subprocess
import sys

import pytest

pytest.importorskip("trl")
pytest.importorskip("vllm")
pytestmark = [pytest.mark.train, pytest.mark.vllm]

SCRIPT = """
import sys
from rlvr.runner.generation.trl_patches import complete_trl, trl_without_vllm
with trl_without_vllm():
    import rlvr.runner.training.trainer
assert "vllm" not in sys.modules
from trl.generation import vllm_generation
from trl.import_utils import is_vllm_available
assert is_vllm_available() and not hasattr(vllm_generation, "SamplingParams")
complete_trl()
assert vllm_generation.SamplingParams is sys.modules["vllm"].SamplingParams
assert rlvr.runner.generation.trl_vllm.Vllm._init_vllm.__globals__ is not vllm_generation.__dict__
assert rlvr.runner.generation.trl_vllm.Vllm.generate.__globals__ is vllm_generation.__dict__  # so it finds what came later
before = vllm_generation.VLLMGeneration
complete_trl()
assert vllm_generation.VLLMGeneration is before  # once is enough
"""


def test_trl_is_imported_without_vllm_and_completed_later() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
