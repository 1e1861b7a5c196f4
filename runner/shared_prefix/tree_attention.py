"""Attention over a tree of tokens: every query sees its own segment causally and whole spans of its ancestors.

Softmax over several spans of keys is the sum of the spans' own softmaxes, weighted by exp(lse of the span - lse of
all); and a span's gradients need no more of the others than the output and lse of all (Dao et al., FlashAttention,
2022, section 3.1 and appendix B; the same step as in Liu et al., Ring Attention, 2023). So no key is copied
for a query, no mask is made, and the result is the attention that the padded batch has, up to rounding.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from rlvr.runner.shared_prefix.token_tree import AttentionLayout, SegmentBatch

KEYWORD = "attention_tree"  # of the model's forward; transformers hands it down to the attention function
HALF = {torch.float16, torch.bfloat16}
SMALL, SMALL_CAUSAL = 160_000, 40_000  # attention weights of a head, below which _is_small
KeyValues = dict[int, tuple[Tensor, Tensor]]  # layer -> keys and values, (1, heads, tokens, size) each


@dataclass(slots=True)
class AttentionTree:
    """What attention needs for one forward pass of N packed tokens, given to the model as its keyword `KEYWORD`.

    `ancestors` are the keys and values of the prefix tree; None if its tokens are the packed ones. `record`, if there is one,
    receives the packed tokens' own keys and values.
    """

    layout: AttentionLayout
    ancestors: KeyValues | None = None
    record: KeyValues | None = None


class Unsupported(Exception):
    """This model's attention is not the plain one that a tree computes."""


@contextmanager
def attention_over_trees(implementation: str) -> Iterator[None]:
    """Inside, transformers' attention function `implementation` ("sdpa", …) computes trees; it is unchanged without one.

    Backward needs it too, since gradient checkpointing runs layers again. Contexts may be nested.
    """
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    plain = ALL_ATTENTION_FUNCTIONS[implementation]

    def attention(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Any, **kwargs: Any) -> Any:
        tree = kwargs.pop(KEYWORD, None)
        if tree is None:
            return plain(module, query, key, value, mask, **kwargs)
        return tree_attention(module, query, key, value, tree, **kwargs), None

    ALL_ATTENTION_FUNCTIONS.register(implementation, attention)
    try:
        yield
    finally:
        ALL_ATTENTION_FUNCTIONS.register(implementation, plain)


def tree_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    tree: AttentionTree,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> Tensor:
    """The output (1, N, H, D) of `module`, a layer's attention, for the N packed tokens of `tree`.

    `query` is (1, H, N, D), for H heads of size D; `key` and `value` are (1, K, N, D), where K divides H (grouped-query
    attention). Scores are multiplied by `scaling`, by default 1 / sqrt(D). Raises Unsupported if the layer wants dropout or
    one of the keywords that change plain attention.
    """
    odd = [name for name in ("sliding_window", "softcap", "s_aux", "position_bias") if kwargs.get(name) is not None]
    if odd or dropout:
        raise Unsupported(f"its attention has {', '.join(odd) or 'dropout'}")
    device = query.device.type
    if torch.is_autocast_enabled(device):
        query, key, value = (x.to(torch.get_autocast_dtype(device)) for x in (query, key, value))
    layer = cast(int, module.layer_idx)
    if tree.record is not None:
        tree.record[layer] = key, value
    ancestors = tree.ancestors[layer] if tree.ancestors is not None else (None, None)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    out: Tensor = _apply(query, key, value, *ancestors, tree.layout, scale)
    return out.transpose(1, 2).contiguous()


class _TreeAttention(torch.autograd.Function):
    """(1, H, N, D) queries, (1, K, N, D) keys and values, (1, K, M, D) of the M tokens of the prefix tree or None -> (1, H, N, D)."""

    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        tree_k: Tensor | None,
        tree_v: Tensor | None,
        layout: AttentionLayout,
        scale: float,
    ) -> Tensor:
        forward, _ = kernels(q)
        span_k, span_v = (k, v) if tree_k is None or tree_v is None else (tree_k, tree_v)
        heads = q.shape[1] // k.shape[1]
        high = torch.promote_types(q.dtype, torch.float32)
        out = torch.empty(q.shape, dtype=high, device=q.device)
        lse = torch.empty(q.shape[:3], dtype=high, device=q.device)
        with torch.autocast(q.device.type, enabled=False):
            for batch in layout.segments:
                part, part_lse = forward(
                    _gather(q, batch), _repeat(_gather(k, batch), heads), _repeat(_gather(v, batch), heads), True, scale
                )
                out[0, :, batch.tokens] = _scatter(part, batch).to(high)
                lse[0, :, batch.tokens] = _scatter(part_lse.unsqueeze(-1), batch).squeeze(-1).to(high)
            for span in layout.spans:
                rows, queries = span.rows, span.queries
                k_rows, v_rows = (_repeat(_rows(x, span.keys, rows), heads) for x in (span_k, span_v))
                part, part_lse = map(_flatten, forward(_rows(q, queries, rows), k_rows, v_rows, False, scale))
                own_lse = lse[0, :, queries]
                both = torch.logaddexp(own_lse, part_lse)
                out[0, :, queries] *= (own_lse - both).exp_().unsqueeze(-1)
                out[0, :, queries] += part * (part_lse - both).exp_().unsqueeze(-1)
                lse[0, :, queries] = both
        out = out.to(q.dtype)
        ctx.save_for_backward(q, k, v, tree_k, tree_v, out, lse)
        ctx.layout, ctx.scale = layout, scale
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:  # type: ignore[override, unused-ignore]
        q, k, v, tree_k, tree_v, out, lse = ctx.saved_tensors
        _, backward = kernels(q)
        heads = q.shape[1] // k.shape[1]
        high = lse.dtype  # gradients are summed up in it
        dq, dk, dv = (torch.empty_like(x, dtype=high) for x in (q, k, v))
        own = tree_k is None
        span_k, span_v = (k, v) if own else (tree_k, tree_v)
        span_dk, span_dv = (dk, dv) if own else tuple(torch.zeros_like(x, dtype=high) for x in (tree_k, tree_v))
        with torch.autocast(q.device.type, enabled=False):
            for batch in ctx.layout.segments:
                # A padded query has no gradient, and an lse that makes its weights 0.
                parts = backward(
                    _gather(grad, batch, 0.0), _gather(q, batch), _repeat(_gather(k, batch), heads),
                    _repeat(_gather(v, batch), heads), _gather(out, batch),
                    _gather(lse.unsqueeze(-1), batch, torch.inf).squeeze(-1), True, ctx.scale,
                )  # fmt: skip
                dq[0, :, batch.tokens] = _scatter(parts[0], batch).to(high)
                dk[0, :, batch.tokens] = _scatter(_fold(parts[1], heads), batch).to(high)
                dv[0, :, batch.tokens] = _scatter(_fold(parts[2], heads), batch).to(high)
            for span in ctx.layout.spans:  # no token is twice among a span's queries, nor among its keys
                rows, queries, keys = span.rows, span.queries, span.keys
                parts = backward(
                    _rows(grad, queries, rows), _rows(q, queries, rows), _repeat(_rows(span_k, keys, rows), heads),
                    _repeat(_rows(span_v, keys, rows), heads), _rows(out, queries, rows),
                    _rows(lse.unsqueeze(-1), queries, rows).squeeze(-1), False, ctx.scale,
                )  # fmt: skip
                dq[0, :, queries] += _flatten(parts[0])
                span_dk[0, :, keys] += _flatten(_fold(parts[1], heads))
                span_dv[0, :, keys] += _flatten(_fold(parts[2], heads))
        ancestors = (None, None) if own else (span_dk.to(k.dtype), span_dv.to(v.dtype))
        return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype), *ancestors, None, None


_apply = cast(Callable[..., Tensor], _TreeAttention.apply)


def _split(x: Tensor, rows: int) -> Tensor:
    """(H, R * T, D) -> (R, H, T, D)"""
    return x.view(x.shape[0], rows, -1, x.shape[-1]).transpose(0, 1)


def _flatten(x: Tensor) -> Tensor:
    """(R, H, T, ...) -> (H, R * T, ...)"""
    return x.transpose(0, 1).flatten(1, 2)


def _rows(x: Tensor, tokens: Tensor | slice, rows: int) -> Tensor:
    """(1, H, N, D) -> (R, H, T, D): those tokens, in rows of equal length; a view if they are a slice."""
    return _split(x[0, :, tokens], rows)


def _gather(x: Tensor, batch: SegmentBatch, padding: float | None = None) -> Tensor:
    """(1, H, N, D) -> (R, H, T, D): the batch's rows; padding repeats a token, or is `padding`."""
    gathered = x[0, :, batch.gather]
    if padding is not None and len(batch.real) < len(batch.gather):
        real = torch.zeros(len(batch.gather), dtype=torch.bool, device=x.device).index_fill_(0, batch.real, True)
        gathered = gathered.masked_fill(~real[:, None], padding)
    return _split(gathered, batch.rows)


def _scatter(x: Tensor, batch: SegmentBatch) -> Tensor:
    """(R, H, T, D) -> (H, n, D): without padding, in the order of `batch.tokens`."""
    return _flatten(x)[:, batch.real]


def _repeat(x: Tensor, times: int) -> Tensor:
    """(R, K, T, D) -> (R, K * `times`, T, D): keys' heads, each for its group of queries' heads (grouped-query attention)."""
    return x if times == 1 else x.repeat_interleave(times, dim=1)


def _fold(x: Tensor, times: int) -> Tensor:
    """(R, K * `times`, T, D) -> (R, K, T, D): the gradient of `_repeat`."""
    return x if times == 1 else x.view(x.shape[0], -1, times, *x.shape[2:]).sum(2)


# ---- kernels: forward(q, k, v, causal, scale) -> output, lse; backward(grad, q, k, v, output, lse, causal, scale) -> dq, dk, dv

Kernels = tuple[Callable[..., Any], Callable[..., Any]]


def kernels(q: Tensor) -> Kernels:
    """Attention's (forward, backward) for queries `q` (R, H, T, D): PyTorch's flash attention if it has one, else matrix products.

    forward(q, k, v, causal, scale) takes keys and values (R, H, S, D); it returns the output (R, H, T, D) and the logarithm of
    the sum of exponentials of the scores, lse (R, H, T). backward(grad, q, k, v, out, lse, causal, scale) returns the
    gradients of q, k and v; `lse` and `out` may be those of attention over more keys than these.
    """
    if q.device.type == "cpu":
        return _cpu_forward, _cpu_backward
    half = q.dtype in HALF and q.shape[-1] % 8 == 0 and q.shape[-1] <= 256
    if q.device.type == "cuda" and half and torch.cuda.get_device_capability(q.device) >= (8, 0):
        return _cuda_forward, _cuda_backward
    return _plain_forward, _plain_backward


def _cpu_forward(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float) -> Any:
    return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, causal, scale=scale)


def _cpu_backward(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, causal: bool, scale: float
) -> Any:
    if _is_small(q, k, causal):
        return _plain_backward(grad, q, k, v, out, lse, causal, scale)
    backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
    return backward(grad, q, k, v, out, lse, 0.0, causal, scale=scale)


def _is_small(q: Tensor, k: Tensor, causal: bool) -> bool:
    """Whether matrix products are faster: in 16 bits, PyTorch's kernel for the CPU has a high cost per head."""
    weights = q.shape[2] * k.shape[2]
    return q.dtype in HALF and weights <= (SMALL_CAUSAL if causal else SMALL)


def _cuda_forward(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float) -> Any:
    return torch.ops.aten._scaled_dot_product_flash_attention(q, k, v, 0.0, causal, False, scale=scale)[:2]


def _cuda_backward(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, causal: bool, scale: float
) -> Any:
    seed = torch.empty(2, dtype=torch.uint64, device=q.device)  # of dropout, which there isn't
    return torch.ops.aten._scaled_dot_product_flash_attention_backward(
        grad, q, k, v, out, lse.contiguous(), None, None, q.shape[2], k.shape[2], 0.0, causal, seed, seed, scale=scale
    )


def _scores(q: Tensor, k: Tensor, causal: bool, scale: float) -> Tensor:
    """(R, H, T, S), never in 16 bits: Qwen2.5's first layer has scores of thousands, which bfloat16 rounds to multiples of 8."""
    high = torch.promote_types(q.dtype, torch.float32)
    scores = q.to(high) @ k.to(high).transpose(-1, -2) * scale
    if causal:
        scores = scores.masked_fill(torch.ones(scores.shape[-2:], device=q.device).triu(1).bool(), -torch.inf)
    return scores


def _plain_forward(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float) -> Any:
    scores = _scores(q, k, causal, scale)
    lse = scores.logsumexp(-1)
    return (scores - lse.unsqueeze(-1)).exp().to(v.dtype) @ v, lse


def _plain_backward(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, causal: bool, scale: float
) -> Any:
    weights = (_scores(q, k, causal, scale) - lse.unsqueeze(-1)).exp()
    delta = (grad.to(weights.dtype) * out).sum(-1, keepdim=True)
    d_scores = ((weights * ((grad @ v.transpose(-1, -2)).to(weights.dtype) - delta)) * scale).to(q.dtype)
    return d_scores @ k, d_scores.transpose(-1, -2) @ q, weights.to(v.dtype).transpose(-1, -2) @ grad
