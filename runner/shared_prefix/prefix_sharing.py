"""Training on few-shot prompts without paying for them: what prompts share goes through the model once a step.

TRL runs the whole prompt for each completion. `PrefixSharing` runs the prefix that all prompts of an optimizer step have in
common, then each question, once: the prefix tree (token_tree.py). Completions attend to the tree's keys and values
(tree_attention.py), which are leaves of each micro-batch's graph but the last; there they are joined to the tree, so
that one backward carries the gradients of all micro-batches through it. The loss, its normalizers and what it logs stay
TRL's: only per-token log-probabilities and entropies are computed here, and they are the same.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, cast

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from transformers import PreTrainedModel
from trl.trainer.utils import split_tensor_dict

from rlvr.runner.shared_prefix.adapters import adds_virtual_tokens, base_model
from rlvr.runner.shared_prefix.generation import prompts_run_once
from rlvr.runner.shared_prefix.token_tree import PackedSequence, PrefixTree, TokenRow, token_rows
from rlvr.runner.shared_prefix.tree_attention import KEYWORD, AttentionTree, KeyValues, attention_over_trees

TensorBatch = dict[str, Any]  # a micro-batch of TRL's: tensors by name, and None
Scores = tuple[Tensor, Tensor | None]  # log-probabilities and entropies of completions, (B, width) each
NOT_ASKED_FOR = "shared_prefix = false"


@dataclass(frozen=True, slots=True)
class StepPosition:
    """Where training is: `step` counts micro-batches, `batches` are all those of the last generation, if there are any.

    The generation's micro-batches are trained in order, again and again; `accumulation` of them make an optimizer step.
    """

    step: int
    batches: Sequence[TensorBatch] | None
    steps_per_generation: int
    accumulation: int

    @property
    def index(self) -> int:
        """Of the micro-batch in `batches`."""
        return self.step % self.steps_per_generation


@dataclass(slots=True)
class MicroBatchWindow:
    """The micro-batches of one optimizer step that use one prefix tree: those of `batches` up to index `last`."""

    batches: Sequence[TensorBatch]
    last: int
    next_step: int  # of the micro-batch that may use it
    tree: PrefixTree
    device: torch.device
    key_values: KeyValues  # of the tree, with its graph
    leaves: KeyValues = field(default_factory=dict)  # the same, cut off from it; they gather gradients
    run_tokens: int = 0
    trl_tokens: int = 0  # that TRL would have run


class PrefixSharing:
    """Scores completions, with what their prompts share computed once; owns the window of the current optimizer step.

    `record` gets the metrics `shared_prefix/…` by name. `obstacle` says why prompts are not shared in training, in a few words;
    it is empty if they are (compatibility.py finds out).
    """

    def __init__(
        self,
        model: nn.Module,
        accelerator: Accelerator,
        record: Callable[[str, float], None],
        *,
        enabled: bool = True,
    ) -> None:
        self.obstacle = "" if enabled else NOT_ASKED_FOR
        self._model, self._accelerator, self._record, self._enabled = model, accelerator, record, enabled
        self._window: MicroBatchWindow | None = None

    @property
    def on(self) -> bool:
        """Whether training shares prompts."""
        return not self.obstacle

    @property
    def summary(self) -> str:
        """A line for the run's record: on, or why not."""
        if self.on:
            return "shared prefixes: on"
        return f"shared prefixes: off, prompts are computed once per completion: {self.obstacle}"

    def generating(self) -> AbstractContextManager[None]:
        """Inside, generation by transformers runs a prompt once for all of its completions; needs no exact training."""
        if not self._enabled or adds_virtual_tokens(self._model):
            return nullcontext()
        return prompts_run_once(self._base(self._model))

    def attention(self) -> AbstractContextManager[None]:
        """The context in which forward and backward passes of a training step must run."""
        return self.attention_of(self._model) if self.on else nullcontext()

    def attention_of(self, model: nn.Module) -> AbstractContextManager[None]:
        """The context in which trees run through `model`, forward and backward."""
        return attention_over_trees(str(self._base(model).config.get_text_config()._attn_implementation))

    def score(
        self,
        model: nn.Module,
        input_ids: Tensor,
        attention_mask: Tensor,
        width: int,
        batch_size: int | None = None,
        position: StepPosition | None = None,
    ) -> Scores | None:
        """(B, `width`) log-probabilities and entropies of completions; None for rows that no tree holds: TRL must score them.

        `input_ids` and `attention_mask` are (B, P + `width`): prompts padded on the left to P tokens, completions on the right.
        `batch_size` completions run at once, by default all. In training, `position` tells which micro-batch this is, so
        that those of one optimizer step share a tree.
        """
        rows = token_rows(input_ids, attention_mask, width)
        if rows is None:
            return None
        device = input_ids.device
        with self.attention_of(model):
            if position and torch.is_grad_enabled() and model.training:
                window = self._window_at(position, model, rows, device)
                if window is not None:
                    window.trl_tokens += input_ids.numel()
                    last = self._accelerator.sync_gradients or position.index == window.last
                    return self._score_in_window(window, model, rows, width, last=last)
            return self._score_alone(model, rows, width, batch_size or len(rows), device)

    # ---- log-probabilities

    def _base(self, model: nn.Module) -> PreTrainedModel:
        return base_model(self._accelerator.unwrap_model(model))

    def _score_alone(
        self, model: nn.Module, rows: Sequence[TokenRow], width: int, batch_size: int, device: torch.device
    ) -> Scores:
        """Scores of any rows, `batch_size` at once, those of the same prompt together."""
        tree = PrefixTree(row.prompt for row in rows)
        key_values = self._run_tree(model, tree, device, waits=len(rows) > batch_size)
        order = sorted(range(len(rows)), key=lambda i: (rows[i].prompt, len(rows[i].completion)))
        parts = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
        scores = []
        for part in parts:
            members = [rows[i] for i in part]
            packed, destinations = tree.pack_completions(members, width, device)
            scores.append(self._run_completions(model, packed, destinations, key_values, (len(members), width)))
        back = torch.empty(len(rows), dtype=torch.long, device=device)
        back[torch.tensor(order, device=device)] = torch.arange(len(rows), device=device)
        entropies = [entropy for _, entropy in scores if entropy is not None]
        return torch.cat([logps for logps, _ in scores])[back], torch.cat(entropies)[back] if entropies else None

    def _score_in_window(
        self, window: MicroBatchWindow, model: nn.Module, rows: Sequence[TokenRow], width: int, *, last: bool
    ) -> Scores:
        """Scores of one micro-batch of a window; the window's `last` is joined to the tree."""
        if not window.leaves and not last:
            window.leaves = {
                layer: (key.detach().requires_grad_(), value.detach().requires_grad_())
                for layer, (key, value) in window.key_values.items()
            }
        key_values = _join(window.key_values, window.leaves) if last else window.leaves
        packed, destinations = window.tree.pack_completions(rows, width, window.device)
        logps, entropies = self._run_completions(model, packed, destinations, key_values, (len(rows), width))
        window.run_tokens += packed.ids.numel()
        padding = packed.layout.padding
        self._record("shared_prefix/padding", padding / (packed.ids.numel() + padding))
        if last:
            if key_values:  # a zero, so that backward reaches the tree even if no row of this micro-batch attends to it
                logps = logps + 0 * sum(key[:, :, :1].sum() for key in next(iter(key_values.values())))
            self._record("shared_prefix/token_ratio", window.trl_tokens / window.run_tokens)
            self._window = None
        return logps, entropies

    def _run_tree(self, model: nn.Module, tree: PrefixTree, device: torch.device, *, waits: bool) -> KeyValues:
        """Keys and values of the tree's tokens, by layer.

        If its backward `waits` for that of other micro-batches, its activations are computed again then: they would lie
        in memory all along.
        """
        if not tree.tokens:
            return {}
        base = self._base(model)
        packed = tree.pack_prefix(device)
        key_values: KeyValues = {}
        attention = AttentionTree(packed.layout, record=key_values)
        with self._accelerator.autocast(), _checkpointing(base) if waits else nullcontext():
            base.base_model(
                input_ids=packed.ids, attention_mask=_no_mask(device), position_ids=packed.positions, use_cache=False,
                **{KEYWORD: attention},
            )  # fmt: skip
        attention.record = None  # nothing is recorded when backward runs the layers again
        return key_values

    def _run_completions(
        self,
        model: nn.Module,
        packed: PackedSequence,
        destinations: Tensor,
        key_values: KeyValues,
        shape: tuple[int, int],
    ) -> Scores:
        """Scores of `shape` (B, width): those of N packed tokens, each at its index (N,) in the flattened result."""
        attention = AttentionTree(packed.layout, ancestors=key_values or None)
        with self._accelerator.autocast():
            outputs = model(
                input_ids=packed.ids, attention_mask=_no_mask(packed.ids.device), position_ids=packed.positions,
                shift_labels=packed.labels, fused_lm_head=True, **{KEYWORD: attention},
            )  # fmt: skip

        def place(values: Tensor) -> Tensor:
            return values.new_zeros(shape[0] * shape[1]).index_add(0, destinations, values[0]).view(shape)

        return place(outputs.log_probs), None if outputs.entropy is None else place(outputs.entropy)

    # ---- windows

    def _window_at(
        self, position: StepPosition, model: nn.Module, rows: Sequence[TokenRow], device: torch.device
    ) -> MicroBatchWindow | None:
        """The window that holds these rows: the open one, or a new one; None if they are not of the position's batches."""
        window, self._window = self._window, None
        is_open = window is not None and window.batches is position.batches and window.next_step == position.step
        if not is_open or window is None or not all(map(window.tree.holds, rows)):
            window = self._open_window(position, model, rows, device)
        if window is not None:
            window.next_step = position.step + 1
        self._window = window
        return window

    def _open_window(
        self, position: StepPosition, model: nn.Module, rows: Sequence[TokenRow], device: torch.device
    ) -> MicroBatchWindow | None:
        """A window from here to the end of the optimizer step, or of the generation's batches if those end before."""
        batches, accumulation = position.batches, position.accumulation
        if not batches:
            return None
        last = min(position.index + accumulation - position.step % accumulation, len(batches)) - 1
        window_rows = _rows_of_all(batches[position.index : last + 1])
        if window_rows is None:
            return None
        tree = PrefixTree(row.prompt for row in window_rows)
        if not all(map(tree.holds, rows)):
            return None
        key_values = self._run_tree(model, tree, device, waits=last > position.index)
        return MicroBatchWindow(batches, last, position.step, tree, device, key_values, run_tokens=len(tree.tokens))


def regroup(batches: list[TensorBatch], accumulation: int) -> list[TensorBatch]:
    """Each optimizer step's rows in order of prompt and length, so that a micro-batch holds few groups.

    `batches` are the micro-batches of a generation, (B, …) tensors; `accumulation` of them make an optimizer step. TRL
    shuffled their rows, so which of them share a micro-batch is chance; don't regroup them if the loss depends on it.
    They are returned as they are if optimizer steps and generations overlap, or if a value is neither tensor nor None.
    """
    whole = len(batches) % accumulation == 0 or accumulation % len(batches) == 0
    plain = all(value is None or isinstance(value, Tensor) for batch in batches for value in batch.values())
    if not whole or not plain:
        return batches
    grouped: list[TensorBatch] = []
    for start in range(0, len(batches), accumulation):
        step_batches = batches[start : start + accumulation]
        rows = _rows_of_all(step_batches)
        if rows is None:
            return batches
        keys = [(row.prompt, len(row.completion)) for row in rows]
        order = sorted(range(len(rows)), key=keys.__getitem__)
        merged = {name: _merge([batch[name] for batch in step_batches], order) for name in step_batches[0]}
        grouped += split_tensor_dict(merged, len(step_batches))
    return grouped


def _merge(values: list[Tensor | None], order: list[int]) -> Tensor | None:
    tensors = [value for value in values if value is not None]
    if len(tensors) < len(values):
        return None
    first = tensors[0]
    return first if first.ndim == 0 else torch.cat(tensors)[torch.tensor(order, device=first.device)]


def _rows_of_all(batches: Sequence[TensorBatch]) -> list[TokenRow] | None:
    """The rows of all batches, in order; None if no tree holds one of them."""
    rows: list[TokenRow] = []
    for batch in batches:
        ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
        mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
        batch_rows = token_rows(ids, mask, batch["completion_ids"].shape[1])
        if batch_rows is None:
            return None
        rows += batch_rows
    return rows


def _no_mask(device: torch.device) -> Tensor:
    """(1, 1, 1, 1): transformers leaves a mask with four dimensions alone, and tree attention needs none."""
    return torch.zeros(1, 1, 1, 1, dtype=torch.bool, device=device)


@contextmanager
def _checkpointing(base: PreTrainedModel) -> Iterator[None]:
    """Keep no activations of what runs inside."""
    if not torch.is_grad_enabled() or base.is_gradient_checkpointing or not base.supports_gradient_checkpointing:
        yield
        return
    base.gradient_checkpointing_enable({"use_reentrant": False})
    try:
        yield
    finally:
        cast(Any, base).gradient_checkpointing_disable()


class _Join(torch.autograd.Function):
    """The identity, whose gradient is that of the last micro-batch plus that of those before, which the leaves hold."""

    @staticmethod
    def forward(ctx: Any, leaves: list[Tensor], *tensors: Tensor) -> Any:
        ctx.leaves = leaves
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        pairs = zip(grads, ctx.leaves, strict=True)
        return None, *(grad if leaf.grad is None else grad + leaf.grad for grad, leaf in pairs)


_join_tensors = cast(Callable[..., tuple[Tensor, ...]], _Join.apply)


def _join(key_values: KeyValues, leaves: KeyValues) -> KeyValues:
    if not leaves:
        return key_values
    joined = _join_tensors([*chain.from_iterable(leaves.values())], *chain.from_iterable(key_values.values()))
    return dict(zip(key_values, zip(joined[::2], joined[1::2], strict=True), strict=True))
