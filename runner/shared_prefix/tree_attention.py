"""Attention over a tree of tokens: every query sees its own segment causally and whole spans of its ancestors.

Softmax over several spans of keys is the sum of the spans' own softmaxes, weighted by exp(lse of the span - lse of
all); and a span's gradients need no more of the others than the output and lse of all (Dao et al., FlashAttention,
2022, section 3.1 and appendix B; the same step as in Liu et al., Ring Attention, 2023). So no key is copied
for a query, no mask is made, and the result is the attention that the padded batch has, up to rounding.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from rlvr.runner.shared_prefix.token_tree import Batch, Layout

KEYWORD = "token_tree"  # of the model's forward; transformers hands it down to the attention function
HALF = {torch.float16, torch.bfloat16}
SMALL, SMALL_CAUSAL = 160_000, 40_000  # attention weights of a head, below which _is_small
Keys = dict[int, tuple[torch.Tensor, torch.Tensor]]  # layer -> keys and values, (1, heads, tokens, size)


@dataclass
class TokenTree:
    """One forward's tree. `trunk` are the ancestors' keys; None: they are among the tokens. `record` gathers our own."""

    layout: Layout
    trunk: Keys | None = None
    record: Keys | None = None


class Unsupported(Exception):
    """This model's attention is not the plain one that a tree computes."""


def install(name: str) -> None:
    """Make transformers' attention function `name` understand trees. Without one it is what it was."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    plain = ALL_ATTENTION_FUNCTIONS[name]
    if getattr(plain, "understands_trees", False):
        return

    def attention(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **kwargs: Any) -> Any:
        tree = kwargs.pop(KEYWORD, None)
        if tree is None:
            return plain(module, query, key, value, attention_mask, **kwargs)
        return tree_attention(module, query, key, value, tree, **kwargs), None

    attention.understands_trees = True  # type: ignore[attr-defined]
    ALL_ATTENTION_FUNCTIONS.register(name, attention)


def tree_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    tree: TokenTree,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> torch.Tensor:
    """(1, H, N, D) queries, (1, K, N, D) keys and values -> (1, N, H, D). Raises Unsupported."""
    odd = [name for name in ("sliding_window", "softcap", "s_aux", "position_bias") if kwargs.get(name) is not None]
    if odd or dropout:
        raise Unsupported(f"its attention has {', '.join(odd) or 'dropout'}")
    device = query.device.type
    if torch.is_autocast_enabled(device):
        query, key, value = (x.to(torch.get_autocast_dtype(device)) for x in (query, key, value))
    layer = module.layer_idx
    if tree.record is not None:
        tree.record[layer] = key, value
    trunk = tree.trunk[layer] if tree.trunk is not None else (None, None)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    out: torch.Tensor = _TreeAttention.apply(query, key, value, *trunk, tree.layout, scale)
    return out.transpose(1, 2).contiguous()


class _TreeAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Any, k: Any, v: Any, trunk_k: Any, trunk_v: Any, layout: Layout, scale: float) -> Any:
        forward, _ = kernels(q)
        shared_k, shared_v = (k, v) if trunk_k is None else (trunk_k, trunk_v)
        heads = q.shape[1] // k.shape[1]
        high = torch.promote_types(q.dtype, torch.float32)
        out = torch.empty(q.shape, dtype=high, device=q.device)
        lse = torch.empty(q.shape[:3], dtype=high, device=q.device)
        with torch.autocast(q.device.type, enabled=False):
            for batch in layout.batches:
                part, part_lse = forward(
                    _pick(q, batch), _repeat(_pick(k, batch), heads), _repeat(_pick(v, batch), heads), True, scale
                )
                out[0, :, batch.where] = _unpick(part, batch).to(high)
                lse[0, :, batch.where] = _unpick(part_lse.unsqueeze(-1), batch).squeeze(-1).to(high)
            for shared in layout.shared:
                rows, queries = shared.rows, shared.queries
                k_rows, v_rows = (_repeat(_rows(x, shared.keys, rows), heads) for x in (shared_k, shared_v))
                part, part_lse = map(_flat, forward(_rows(q, queries, rows), k_rows, v_rows, False, scale))
                own_lse = lse[0, :, queries]
                both = torch.logaddexp(own_lse, part_lse)
                out[0, :, queries] *= (own_lse - both).exp_().unsqueeze(-1)
                out[0, :, queries] += part * (part_lse - both).exp_().unsqueeze(-1)
                lse[0, :, queries] = both
        out = out.to(q.dtype)
        ctx.save_for_backward(q, k, v, trunk_k, trunk_v, out, lse)
        ctx.layout, ctx.scale = layout, scale
        return out

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:  # type: ignore[override]
        q, k, v, trunk_k, trunk_v, out, lse = ctx.saved_tensors
        _, backward = kernels(q)
        heads = q.shape[1] // k.shape[1]
        dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        own = trunk_k is None
        shared_k, shared_v = (k, v) if own else (trunk_k, trunk_v)
        shared_dk, shared_dv = (dk, dv) if own else (torch.zeros_like(trunk_k), torch.zeros_like(trunk_v))
        with torch.autocast(q.device.type, enabled=False):
            for batch in ctx.layout.batches:
                # A padded query has no gradient, and an lse that makes its weights 0.
                parts = backward(
                    _pick(grad, batch, 0.0), _pick(q, batch), _repeat(_pick(k, batch), heads),
                    _repeat(_pick(v, batch), heads), _pick(out, batch),
                    _pick(lse.unsqueeze(-1), batch, torch.inf).squeeze(-1), True, ctx.scale,
                )  # fmt: skip
                dq[0, :, batch.where] = _unpick(parts[0], batch)
                dk[0, :, batch.where] = _unpick(_fold(parts[1], heads), batch)
                dv[0, :, batch.where] = _unpick(_fold(parts[2], heads), batch)
            for shared in ctx.layout.shared:  # no token stands twice among a shared's queries, nor among its keys
                rows, queries, keys = shared.rows, shared.queries, shared.keys
                parts = backward(
                    _rows(grad, queries, rows), _rows(q, queries, rows), _repeat(_rows(shared_k, keys, rows), heads),
                    _repeat(_rows(shared_v, keys, rows), heads), _rows(out, queries, rows),
                    _rows(lse.unsqueeze(-1), queries, rows).squeeze(-1), False, ctx.scale,
                )  # fmt: skip
                dq[0, :, queries] += _flat(parts[0])
                shared_dk[0, :, keys] += _flat(_fold(parts[1], heads))
                shared_dv[0, :, keys] += _flat(_fold(parts[2], heads))
        trunk = (None, None) if own else (shared_dk, shared_dv)
        return dq, dk, dv, *trunk, None, None


def _rows(x: torch.Tensor, tokens: torch.Tensor | slice, rows: int) -> torch.Tensor:
    """(1, H, N, D) -> (R, H, T, D): those tokens, in rows of equal length; a view where they are a slice."""
    return x[0, :, tokens].unflatten(1, (rows, -1)).transpose(0, 1)


def _flat(x: torch.Tensor) -> torch.Tensor:
    """The inverse: (R, H, T, ...) -> (H, R * T, ...)."""
    return x.transpose(0, 1).flatten(1, 2)


def _pick(x: torch.Tensor, batch: Batch, padding: float | None = None) -> torch.Tensor:
    """(1, H, N, D) -> (R, H, T, D): the batch's rows; padding repeats a token, or is `padding`."""
    picked = x[0, :, batch.take]
    if padding is not None and len(batch.real) < len(batch.take):
        real = torch.zeros(len(batch.take), dtype=torch.bool, device=x.device).index_fill_(0, batch.real, True)
        picked = picked.masked_fill(~real[:, None], padding)
    return picked.unflatten(1, (batch.rows, -1)).transpose(0, 1)


def _unpick(x: torch.Tensor, batch: Batch) -> torch.Tensor:
    """(R, H, T, D) -> (H, n, D): without padding, in the order of `batch.where`."""
    return _flat(x)[:, batch.real]


def _repeat(x: torch.Tensor, times: int) -> torch.Tensor:
    """Keys' heads, each for its group of queries' heads (grouped-query attention)."""
    return x if times == 1 else x.repeat_interleave(times, dim=1)


def _fold(x: torch.Tensor, times: int) -> torch.Tensor:
    """The gradient of `_repeat`."""
    return x if times == 1 else x.unflatten(1, (-1, times)).sum(2)


# ---- kernels: forward(q, k, v, causal, scale) -> output, lse; backward(grad, q, k, v, output, lse, causal, scale)

Kernels = tuple[Callable[..., Any], Callable[..., Any]]


def kernels(q: torch.Tensor) -> Kernels:
    """PyTorch's flash attention where it has one for these queries, else plain matrix products."""
    if q.device.type == "cpu":
        return _cpu_forward, _cpu_backward
    half = q.dtype in HALF and q.shape[-1] % 8 == 0 and q.shape[-1] <= 256
    if q.device.type == "cuda" and half and torch.cuda.get_device_capability(q.device) >= (8, 0):
        return _cuda_forward, _cuda_backward
    return _plain_forward, _plain_backward


def _cpu_forward(q: Any, k: Any, v: Any, causal: bool, scale: float) -> Any:
    return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, causal, scale=scale)


def _cpu_backward(grad: Any, q: Any, k: Any, v: Any, out: Any, lse: Any, causal: bool, scale: float) -> Any:
    if _is_small(q, k, causal):
        return _plain_backward(grad, q, k, v, out, lse, causal, scale)
    backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
    return backward(grad, q, k, v, out, lse, 0.0, causal, scale=scale)


def _is_small(q: Any, k: Any, causal: bool) -> bool:
    """Where matrix products are faster: PyTorch's kernel for the CPU has a high price for each head in 16 bits."""
    weights = q.shape[2] * k.shape[2]
    return q.dtype in HALF and weights <= (SMALL_CAUSAL if causal else SMALL)


def _cuda_forward(q: Any, k: Any, v: Any, causal: bool, scale: float) -> Any:
    return torch.ops.aten._scaled_dot_product_flash_attention(q, k, v, 0.0, causal, False, scale=scale)[:2]


def _cuda_backward(grad: Any, q: Any, k: Any, v: Any, out: Any, lse: Any, causal: bool, scale: float) -> Any:
    seed = torch.empty(2, dtype=torch.uint64, device=q.device)  # of dropout: none here
    return torch.ops.aten._scaled_dot_product_flash_attention_backward(
        grad, q, k, v, out, lse.contiguous(), None, None, q.shape[2], k.shape[2], 0.0, causal, seed, seed, scale=scale
    )


def _scores(q: torch.Tensor, k: torch.Tensor, causal: bool, scale: float) -> torch.Tensor:
    scores = (q @ k.transpose(-1, -2)).to(torch.promote_types(q.dtype, torch.float32)) * scale
    if causal:
        scores = scores.masked_fill(torch.ones(scores.shape[-2:], device=q.device).triu(1).bool(), -torch.inf)
    return scores


def _plain_forward(q: Any, k: Any, v: Any, causal: bool, scale: float) -> Any:
    scores = _scores(q, k, causal, scale)
    lse = scores.logsumexp(-1)
    return (scores - lse.unsqueeze(-1)).exp().to(v.dtype) @ v, lse


def _plain_backward(grad: Any, q: Any, k: Any, v: Any, out: Any, lse: Any, causal: bool, scale: float) -> Any:
    weights = (_scores(q, k, causal, scale) - lse.unsqueeze(-1)).exp()
    delta = (grad * out).to(weights.dtype).sum(-1, keepdim=True)
    d_scores = ((weights * ((grad @ v.transpose(-1, -2)).to(weights.dtype) - delta)) * scale).to(q.dtype)
    return d_scores @ k, d_scores.transpose(-1, -2) @ q, weights.to(v.dtype).transpose(-1, -2) @ grad
