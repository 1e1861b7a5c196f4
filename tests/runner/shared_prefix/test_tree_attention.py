"""The kernels of tree attention agree with the definition, whichever of them is taken."""

import pytest

pytest.importorskip("torch")

import torch

from rlvr.runner.shared_prefix.tree_attention import kernels

HEADS, SIZE, SCALE = 3, 64, 0.125


def defined(q, k, v, causal: bool):
    scores = q @ k.transpose(-1, -2) * SCALE
    if causal:
        scores = scores.masked_fill(torch.ones(scores.shape[-2:]).triu(1).bool(), -torch.inf)
    return scores.softmax(-1) @ v, scores.logsumexp(-1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.02), (torch.float32, 1e-4)])
@pytest.mark.parametrize(
    ("rows", "queries", "keys", "causal"),
    [(2, 5, 5, True), (2, 150, 150, True), (1, 260, 260, True), (1, 40, 300, False), (1, 700, 300, False)],
)
def test_output_and_gradients_are_those_of_softmax_attention(dtype, tolerance, rows, queries, keys, causal) -> None:
    torch.manual_seed(0)
    q, grad = (torch.randn(rows, HEADS, queries, SIZE).to(dtype) for _ in range(2))
    k, v = (torch.randn(rows, HEADS, keys, SIZE).to(dtype) for _ in range(2))
    exact = [x.double().requires_grad_() for x in (q, k, v)]
    wanted, wanted_lse = defined(*exact, causal)
    gradients = torch.autograd.grad(wanted, exact, grad.double())

    forward, backward = kernels(q)
    out, lse = forward(q, k, v, causal, SCALE)
    found = backward(grad, q, k, v, out, lse, causal, SCALE)
    for mine, right in zip((out, lse, *found), (wanted, wanted_lse, *gradients), strict=True):
        assert float((mine.double() - right).norm().detach() / right.norm().detach()) < tolerance


@pytest.mark.parametrize("causal", [True, False])
def test_gradients_are_right_where_scores_are_large(causal) -> None:
    """Keys of the first layer of Qwen2.5 share a large bias: scores are in the thousands, and differ by little.

    Rounding the output to 16 bits costs something here; ours lose no more than PyTorch's kernel does.
    """
    torch.manual_seed(0)
    common = torch.randn(SIZE)
    q, grad = torch.randn(1, HEADS, 40, SIZE) + 20 * common, torch.randn(1, HEADS, 40, SIZE)
    k, v = torch.randn(1, HEADS, 40, SIZE) / 20 + 20 * common, torch.randn(1, HEADS, 40, SIZE)
    q, k, v, grad = (x.to(torch.bfloat16) for x in (q, k, v, grad))
    exact = [x.double().requires_grad_() for x in (q, k, v)]
    wanted, _ = defined(*exact, causal)
    assert float((exact[0] @ exact[1].mT).max().detach() * SCALE) > 2000
    gradients = torch.autograd.grad(wanted, exact, grad.double())

    forward, backward = kernels(q)
    out, lse = forward(q, k, v, causal, SCALE)
    ours = backward(grad, q, k, v, out, lse, causal, SCALE)
    pytorch = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
        grad, q, k, v, out, lse, 0.0, causal, scale=SCALE
    )
    for computed, theirs, right in zip(ours, pytorch, gradients, strict=True):
        assert (computed.double() - right).norm() <= 1.5 * (theirs.double() - right).norm() + 0.01 * right.norm()
