"""A step's rollouts as TRL takes them: lists of tokens on the way in, masks and advantages in its tensors on the way out."""

from typing import Any

import torch
from accelerate import Accelerator
from torch.nn.utils.rnn import pad_sequence

from rlvr.runner.training.rollouts import RolloutBatch

BATCH = "rollout_batch"  # TRL hands the columns of a rollout function on, in its rows and to reward functions


def to_rollout_output(batch: RolloutBatch) -> dict[str, Any]:
    """What TRL's `rollout_func` returns: a row for each completion, and the batch itself as a column of our own."""
    return {
        "prompt_ids": [group.prompt.tokens for group in batch.groups for _ in group.completions],
        "completion_ids": [list(scored.completion.tokens) for scored in batch.completions],
        "logprobs": None
        if batch.groups[0].logprobs is None
        else [row for group in batch.groups for row in group.logprobs or []],
        BATCH: batch,
    }


def apply_masks_and_advantages(tensors: dict[str, torch.Tensor], batch: RolloutBatch, accelerator: Accelerator) -> None:
    """Take masked completions out of the loss, and replace TRL's advantages by the batch's, if it has its own.

    In `tensors`, TRL's generation batch of B completions of up to T tokens, this changes `completion_mask` (B, T),
    `num_items_in_batch` () and `advantages` (B,).
    """
    rewards = [scored.reward.value for scored in batch.completions]
    masked = torch.tensor([reward is None for reward in rewards], device=accelerator.device)
    if masked.any():
        tensors["completion_mask"] = tensors["completion_mask"] * (~masked).unsqueeze(1)
    # The loss's normalizer counts tokens: those of masked completions are none. Never 0, so that 0 / 0 is no NaN.
    tensors["num_items_in_batch"] = accelerator.gather(tensors["completion_mask"].sum()).sum().clamp(min=1)
    if batch.advantages is not None:
        tensors["advantages"] = torch.tensor(batch.advantages).to(tensors["advantages"])


def pad(
    tensors: list[torch.Tensor],
    padding_value: int = 0,
    padding_side: str = "right",
    pad_to_multiple_of: int | None = None,
) -> torch.Tensor:
    """B rows of up to T values as one tensor (B, T), as TRL's `pad` does it.

    Without a turn of Python for each row: for a tiny model these were a tenth of a step.
    """
    padded = pad_sequence(tensors, True, padding_value, padding_side)
    if pad_to_multiple_of and (missing := -padded.shape[1] % pad_to_multiple_of):
        sides = (missing, 0) if padding_side == "left" else (0, missing)
        padded = torch.nn.functional.pad(padded, sides, value=padding_value)
    return padded
