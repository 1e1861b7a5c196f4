"""What TRL gets of a step's rollouts, and what becomes of its tensors."""

import pytest

pytest.importorskip("trl")

import torch
from accelerate import Accelerator
from hypothesis import given
from hypothesis import strategies as st
from trl.trainer.utils import pad as trl_pad

from rlvr.runner.generation.prompts import EncodedPrompt
from rlvr.runner.training.rollouts import Group, RolloutBatch, ScoredCompletion
from rlvr.runner.training.trl_batch import BATCH, apply_masks_and_advantages, pad, to_rollout_output
from rlvr.verifiers.types import Completion, Example, Reward, Status, Verdict

pytestmark = pytest.mark.train


def batch(*rewards: float | None, advantages: list[float] | None = None, logprobs: bool = False) -> RolloutBatch:
    """Groups of two; completion i has i + 1 tokens."""
    scored = [
        ScoredCompletion(Completion("", (7,) * (i + 1)), Verdict(Status.CORRECT), Reward(reward), None)
        for i, reward in enumerate(rewards)
    ]
    groups = [
        Group(
            0, Example("", "", ""), EncodedPrompt("", [start]), scored[start : start + 2],
            [[-1.0] * (i + 1) for i in (start, start + 1)] if logprobs else None,
        )
        for start in range(0, len(rewards), 2)
    ]  # fmt: skip
    return RolloutBatch(groups, advantages, 0, 0)


def tensors(rows: int) -> dict[str, torch.Tensor]:
    mask = torch.tensor([[1] * (i + 1) + [0] * (rows - i - 1) for i in range(rows)])
    return {"completion_mask": mask, "advantages": torch.arange(rows, dtype=torch.float32)}


@pytest.mark.parametrize("logprobs", [True, False])
def test_a_row_for_each_completion(logprobs: bool) -> None:
    given = batch(1.0, 0.0, 1.0, None, logprobs=logprobs)
    output = to_rollout_output(given)
    assert output["prompt_ids"] == [[0], [0], [2], [2]]
    assert output["completion_ids"] == [[7], [7, 7], [7, 7, 7], [7, 7, 7, 7]]
    assert output["logprobs"] == ([[-1.0] * (i + 1) for i in range(4)] if logprobs else None)
    assert output[BATCH] is given
    assert len(repr(given)) < 100  # TRL logs it


def test_masked_completions_have_no_tokens_and_count_for_nothing() -> None:
    outputs = tensors(4)
    apply_masks_and_advantages(outputs, batch(1.0, None, 0.0, None), Accelerator(cpu=True))
    assert outputs["completion_mask"].sum(1).tolist() == [1, 0, 3, 0]
    assert outputs["num_items_in_batch"] == 4
    assert outputs["advantages"].tolist() == [0.0, 1.0, 2.0, 3.0]  # TRL's


def test_a_batch_of_masked_completions_has_no_zero_for_a_normalizer() -> None:
    outputs = tensors(2)
    apply_masks_and_advantages(outputs, batch(None, None), Accelerator(cpu=True))
    assert outputs["num_items_in_batch"] == 1


def test_advantages_of_the_batch_replace_trls() -> None:
    outputs = tensors(2)
    apply_masks_and_advantages(outputs, batch(1.0, 0.0, advantages=[0.5, -0.5]), Accelerator(cpu=True))
    assert outputs["advantages"].tolist() == [0.5, -0.5]
    assert outputs["advantages"].dtype == torch.float32


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=5), st.sampled_from(["left", "right"]),
    st.sampled_from([None, 4]), st.sampled_from([torch.long, torch.float32]),
)  # fmt: skip
def test_rows_are_padded_as_trl_pads_them(lengths, side, multiple, dtype) -> None:
    rows = [torch.arange(1, length + 1, dtype=dtype) for length in lengths]
    settings = {"padding_value": 7, "padding_side": side, "pad_to_multiple_of": multiple}
    ours, theirs = pad(rows, **settings), trl_pad(rows, **settings)
    assert ours.dtype == theirs.dtype
    assert torch.equal(ours, theirs)
