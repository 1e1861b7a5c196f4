"""Training on few-shot prompts without paying for them: what prompts share goes through the model once a step.

TRL runs the whole prompt for each completion. `SharedPrefix`, mixed into its trainer, runs the prefix that all prompts of
an optimizer step have in common, then each question, once: the trunk (packing.py). Completions attend to the trunk's
keys and values (tree_attention.py), which are leaves of each micro-batch's graph but the last; there they are joined
to the trunk, so that one backward carries the gradients of all micro-batches through it. The loss, its normalisers and
what it logs stay TRL's: only per-token log-probabilities and entropies are computed here, and they are the same.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

import torch
from trl import GRPOTrainer
from trl.trainer.utils import split_tensor_dict

from rlvr.runner.shared_prefix import tree_attention
from rlvr.runner.shared_prefix.compatibility import adds_virtual_tokens, base_model, obstacle_to
from rlvr.runner.shared_prefix.generation import generate_from_shared_prompts
from rlvr.runner.shared_prefix.token_tree import Row, Trunk, rows_of
from rlvr.runner.shared_prefix.tree_attention import Keys, TokenTree

Scores = tuple[
    torch.Tensor, torch.Tensor | None, None
]  # log-probabilities, entropies; TRL's third, of experts, is none


@dataclass
class Window:
    """The trunk of one optimizer step's micro-batches: `last` is the index of the last one that it covers."""

    trunk: Trunk
    keys: Keys
    step: int  # of the trainer, that may use it next
    last: int
    leaves: Keys = field(default_factory=dict)
    tokens: int = 0  # that were run
    plain: int = 0  # that TRL would have run


class SharedPrefix(GRPOTrainer):  # type: ignore[misc]
    """Mixed into a GRPOTrainer. Where sharing would not be exact, `say` gets one line why, and TRL's path is taken."""

    def __init__(
        self, *args: Any, shared_prefix: bool = True, say: Callable[[str], None] = print, **kwargs: Any
    ) -> None:
        self._shares_prefix = False  # while TRL sets itself up
        self._window: Window | None = None
        super().__init__(*args, **kwargs)
        if not shared_prefix:
            return
        if not adds_virtual_tokens(self.model):
            model = base_model(self.accelerator.unwrap_model(self.model))
            model.generate = partial(generate_from_shared_prompts, model.generate, model)
        obstacle = obstacle_to(self, _score)
        if obstacle and self.accelerator.is_main_process:
            say(f"shared_prefix is off, prompts are computed once per completion: {obstacle}")
        self._shares_prefix = not obstacle

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        before = self._buffered_inputs
        inputs = super()._prepare_inputs(generation_batch)
        if not self._shares_prefix or not self.model.training or self._buffered_inputs is before:
            return inputs
        self._buffered_inputs = _regroup(self, self._buffered_inputs)
        return self._buffered_inputs[self._step % self.args.steps_per_generation]

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
    ) -> Scores:
        rows = None
        if self._shares_prefix and not compute_aux_loss and all(value is None for value in inputs.values()):
            rows = rows_of(input_ids, attention_mask, logits_to_keep)
        if rows is None:
            scores: Scores = super()._get_per_token_logps_and_entropies(
                model,
                input_ids,
                attention_mask,
                logits_to_keep,
                batch_size,
                compute_entropy,
                compute_aux_loss,
                **inputs,
            )
            return scores
        if torch.is_grad_enabled() and model.training and (window := _window_of(self, model, rows)):
            logps, entropies = _score_in(self, window, model, rows, input_ids, logits_to_keep)
        else:
            logps, entropies = _score(self, model, rows, logits_to_keep, batch_size or len(rows), input_ids.device)
        return logps, entropies if compute_entropy else None, None


# ---- log-probabilities


def _score(
    trainer: Any, model: Any, rows: Sequence[Row], width: int, batch_size: int, device: Any
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """(B, `width`) log-probabilities and entropies of any rows, `batch_size` at once, alike ones together."""
    trunk = Trunk(row.prompt for row in rows)
    keys = _run_trunk(trainer, model, trunk, device, waits=len(rows) > batch_size)
    order = sorted(range(len(rows)), key=lambda i: (rows[i].prompt, len(rows[i].completion)))
    parts = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    found = [_run_pack(trainer, model, trunk, keys, [rows[i] for i in part], width, device)[:2] for part in parts]
    back = torch.empty(len(rows), dtype=torch.long, device=device)
    back[torch.tensor(order, device=device)] = torch.arange(len(rows), device=device)
    logps = torch.cat([part[0] for part in found])[back]
    entropies = [part[1] for part in found if part[1] is not None]
    return logps, torch.cat(entropies)[back] if entropies else None


def _score_in(
    trainer: Any, window: Window, model: Any, rows: Sequence[Row], input_ids: torch.Tensor, width: int
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The same for one micro-batch of a window; the window's last is joined to the trunk."""
    last = trainer.accelerator.sync_gradients or trainer._step % trainer.args.steps_per_generation == window.last
    if not window.leaves and not last:
        window.leaves = {
            layer: (key.detach().requires_grad_(), value.detach().requires_grad_())
            for layer, (key, value) in window.keys.items()
        }
    keys = _join(window.keys, window.leaves) if last else window.leaves
    logps, entropies, flat = _run_pack(trainer, model, window.trunk, keys, rows, width, input_ids.device)
    window.tokens += flat.ids.numel()
    window.plain += input_ids.numel()
    window.step = trainer._step + 1
    metrics = trainer._metrics["train"]
    computed = flat.ids.numel() + flat.layout.padding
    metrics["shared_prefix/padding"].append(flat.layout.padding / computed)
    if last:
        if keys:  # a zero, so that the trunk is reached even if no row of this micro-batch attends to it
            logps = logps + 0 * sum(key[:, :, :1].sum() for key in next(iter(keys.values())))
        metrics["shared_prefix/token_ratio"].append(window.plain / window.tokens)
        trainer._window = None
    return logps, entropies


def _run_trunk(trainer: Any, model: Any, trunk: Trunk, device: Any, waits: bool) -> Keys:
    """Keys and values of the trunk's tokens, layer by layer.

    Where its backward `waits` for that of other micro-batches, its activations are computed again then: they would lie
    in memory all along.
    """
    if not trunk.tokens:
        return {}
    base = base_model(trainer.accelerator.unwrap_model(model))
    flat = trunk.flat(device)
    keys: Keys = {}
    tree = TokenTree(flat.layout, record=keys)
    with trainer.accelerator.autocast(), _checkpointing(base) if waits else nullcontext():
        base.base_model(
            input_ids=flat.ids, attention_mask=_no_mask(device), position_ids=flat.positions, use_cache=False,
            **{tree_attention.KEYWORD: tree},
        )  # fmt: skip
    tree.record = None  # the second time, in backward, nothing is kept
    return keys


def _run_pack(
    trainer: Any, model: Any, trunk: Trunk, keys: Keys, rows: Sequence[Row], width: int, device: Any
) -> tuple[torch.Tensor, torch.Tensor | None, Any]:
    flat, where = trunk.pack(rows, width, device)
    tree = TokenTree(flat.layout, trunk=keys or None)
    with trainer.accelerator.autocast():
        outputs = model(
            input_ids=flat.ids, attention_mask=_no_mask(device), position_ids=flat.positions,
            shift_labels=flat.labels, fused_lm_head=True, **{tree_attention.KEYWORD: tree},
        )  # fmt: skip

    def placed(values: torch.Tensor) -> torch.Tensor:
        return values.new_zeros(len(rows) * width).index_add(0, where, values[0]).view(len(rows), width)

    entropies = None if outputs.entropy is None else placed(outputs.entropy)
    return placed(outputs.log_probs), entropies, flat


def _no_mask(device: Any) -> torch.Tensor:
    """Of a mask with four dimensions transformers makes nothing more; tree attention needs none."""
    return torch.zeros(1, 1, 1, 1, dtype=torch.bool, device=device)


@contextmanager
def _checkpointing(base: Any) -> Iterator[None]:
    """Keep no activations of what runs inside."""
    if not torch.is_grad_enabled() or base.is_gradient_checkpointing or not base.supports_gradient_checkpointing:
        yield
        return
    base.gradient_checkpointing_enable({"use_reentrant": False})
    try:
        yield
    finally:
        base.gradient_checkpointing_disable()


# ---- windows


def _window_of(trainer: Any, model: Any, rows: Sequence[Row]) -> Window | None:
    """The window that holds these rows: the open one, or a new one; None if they aren't the trainer's own."""
    window = trainer._window
    if window is not None and window.step == trainer._step and all(map(window.trunk.holds, rows)):
        return window  # type: ignore[no-any-return]
    trainer._window = None
    batches = trainer._buffered_inputs
    if not batches:
        return None
    index = trainer._step % trainer.args.steps_per_generation
    accumulation = trainer.current_gradient_accumulation_steps
    last = min(index + accumulation - trainer._step % accumulation, len(batches)) - 1
    found = [_rows_of_batch(batch) for batch in batches[index : last + 1]]
    if None in found:
        return None
    trunk = Trunk(row.prompt for row in chain.from_iterable(found))
    if not all(map(trunk.holds, rows)):
        return None
    device = batches[index]["prompt_ids"].device
    keys = _run_trunk(trainer, model, trunk, device, waits=last > index)
    trainer._window = Window(trunk, keys, trainer._step, last, tokens=len(trunk.tokens))
    return trainer._window


def _rows_of_batch(batch: dict[str, Any]) -> list[Row] | None:
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
    return rows_of(ids, mask, batch["completion_ids"].shape[1])


def _regroup(trainer: Any, batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each optimizer step's rows in order of prompt and length, so that a micro-batch holds few groups.

    TRL shuffled them: which rows share a micro-batch is chance, and where the loss depends on it, it stays so.
    """
    accumulation = trainer.current_gradient_accumulation_steps
    whole = len(batches) % accumulation == 0 or accumulation % len(batches) == 0
    depends = trainer.loss_type == "bnpo" or trainer.top_entropy_quantile < 1 or trainer._entropy_bonus_enabled
    plain = all(value is None or isinstance(value, torch.Tensor) for batch in batches for value in batch.values())
    if not whole or depends or not plain:
        return batches
    grouped: list[dict[str, Any]] = []
    for start in range(0, len(batches), accumulation):
        part = batches[start : start + accumulation]
        rows = [_rows_of_batch(batch) for batch in part]
        if None in rows:
            return batches
        every: list[Row] = [*chain.from_iterable(rows)]  # type: ignore[arg-type]
        order = sorted(range(len(every)), key=lambda i: (every[i].prompt, len(every[i].completion)))
        merged = {name: _merge([batch[name] for batch in part], order) for name in part[0]}
        grouped += split_tensor_dict(merged, len(part))
    return grouped


def _merge(values: list[Any], order: list[int]) -> Any:
    first = values[0]
    return first if first is None or first.ndim == 0 else torch.cat(values)[torch.tensor(order, device=first.device)]


class _Join(torch.autograd.Function):
    """The identity, whose gradient is that of the last micro-batch and, in the leaves, that of those before."""

    @staticmethod
    def forward(ctx: Any, leaves: list[torch.Tensor], *tensors: torch.Tensor) -> Any:
        ctx.leaves = leaves
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        pairs = zip(grads, ctx.leaves, strict=True)
        return None, *(grad if leaf.grad is None else grad + leaf.grad for grad, leaf in pairs)


def _join(keys: Keys, leaves: Keys) -> Keys:
    if not leaves:
        return keys
    joined = _Join.apply([*chain.from_iterable(leaves.values())], *chain.from_iterable(keys.values()))
    return dict(zip(keys, zip(joined[::2], joined[1::2], strict=True), strict=True))
