"""TRL's GRPOTrainer with shared prefixes: the methods of TRL that `PrefixSharing` needs to see, overridden for nothing else.

tests/runner/training/test_trainer_trl_contract.py fails when TRL changes them.
"""

from typing import Any

import torch
from trl import GRPOTrainer

from rlvr.runner.shared_prefix.compatibility import Training, obstacle_to
from rlvr.runner.shared_prefix.prefix_sharing import PrefixSharing, StepPosition, TensorBatch, regroup


class PrefixSharingTrainer(GRPOTrainer):  # type: ignore[misc]
    """Trains as TRL does until `share_prefixes` is called."""

    prefix_sharing: PrefixSharing
    _buffered_inputs: list[TensorBatch] | None  # TRL's: the micro-batches of the last generation
    _step: int  # TRL's: counts micro-batches

    def share_prefixes(self, enabled: bool) -> None:
        """Share prompts' prefixes from now on if that is exact; `prefix_sharing.summary` says whether, or why not."""

        def reference(model: Any, ids: torch.Tensor, mask: torch.Tensor, width: int) -> torch.Tensor:
            logps: torch.Tensor = super(PrefixSharingTrainer, self)._get_per_token_logps_and_entropies(
                model, ids, mask, width
            )[0]
            return logps

        def record(name: str, value: float) -> None:
            self._metrics["train"][name].append(value)

        self.prefix_sharing = PrefixSharing(self.model, self.accelerator, record, enabled=enabled)
        if not enabled:
            return
        training = Training(
            self.model,
            self.args,
            self.accelerator,
            self._tokenizer,
            reference,
            self._is_vlm,
            bool(self.aux_loss_enabled),
        )
        self.prefix_sharing.obstacle = obstacle_to(self.prefix_sharing, training)

    def _step_position(self) -> StepPosition:
        accumulation = self.current_gradient_accumulation_steps
        return StepPosition(self._step, self._buffered_inputs, self.args.steps_per_generation, accumulation)

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """As TRL's, which gives the loss of a micro-batch, a scalar (); the attention of shared prefixes is on inside."""
        with self.prefix_sharing.attention():
            loss: torch.Tensor = super().training_step(*args, **kwargs)
            return loss

    def _prepare_inputs(self, generation_batch: TensorBatch) -> TensorBatch:
        before = self._buffered_inputs
        inputs: TensorBatch = super()._prepare_inputs(generation_batch)
        batches = self._buffered_inputs
        loss_depends_on_micro_batch = (
            self.loss_type == "bnpo" or self.top_entropy_quantile < 1 or self._entropy_bonus_enabled
        )
        is_new = self.model.training and batches is not before
        if batches is None or not is_new or not self.prefix_sharing.on or loss_depends_on_micro_batch:
            return inputs
        self._buffered_inputs = batches = regroup(batches, self.current_gradient_accumulation_steps)
        index: int = self._step % self.args.steps_per_generation
        return batches[index]

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **inputs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """As TRL's: log-probabilities and entropies (B, `logits_to_keep`) of completions, and the experts' auxiliary loss."""
        scores = None
        if self.prefix_sharing.on and not compute_aux_loss and all(value is None for value in inputs.values()):
            position = self._step_position() if torch.is_grad_enabled() else None
            scores = self.prefix_sharing.score(model, input_ids, attention_mask, logits_to_keep, batch_size, position)
        if scores is None:
            theirs: tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]
            theirs = super()._get_per_token_logps_and_entropies(
                model,
                input_ids,
                attention_mask,
                logits_to_keep,
                batch_size,
                compute_entropy,
                compute_aux_loss,
                **inputs,
            )
            return theirs
        return scores[0], scores[1] if compute_entropy else None, None
