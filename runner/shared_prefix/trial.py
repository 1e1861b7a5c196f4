"""A trial of sharing on a small copy of the model that will be trained: architectures differ in ways that no list foresees.

The copy has a few of the model's layers and only the tokens of a short text, so that it is small whatever the model's size.
What decides is float32: there, log-probabilities and gradients must be TRL's, up to rounding. Sixteen bits can't decide:
gradients that nearly cancel out, such as those of keys' biases, are rounding noise. If training runs in 16 bits, a second
comparison asks only that ours are not much further from float32 than TRL's own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain
from math import isnan

import torch
from accelerate import Accelerator
from accelerate.utils import AutocastKwargs
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedTokenizerBase

from rlvr.runner.generation.backend import seeded
from rlvr.runner.shared_prefix.adapters import base_model
from rlvr.runner.shared_prefix.prefix_sharing import PrefixSharing
from rlvr.runner.shared_prefix.tree_attention import HALF, Unsupported

Score = Callable[[nn.Module, Tensor, Tensor, int], Tensor]
Outcome = list[Tensor | None]  # log-probabilities, then gradients

TEXT = (
    "Question: Ann picks 12 apples on Monday and twice as many on Tuesday. She gives 9 of them to her neighbor. "
    "How many apples does she have left?\nAnswer: On Tuesday she picks 2 * 12 = 24 apples. She has 12 + 24 - 9 = 27 left."
)
TEXT_TOKENS = 40
# Tokens of the text: four rows with a common prefix, two different questions, and completions of different lengths.
PROMPTS = [[*range(12), *range(12, 18)]] * 2 + [[*range(12), *range(18, 21)]] * 2
COMPLETIONS = [[*range(21, 26)], [*range(26, 29)], [*range(29, 33)], [33]]
FIRST_LAYERS, LAST_LAYERS = 1, 1  # that the copy keeps
MAX_GRADIENTS = 4_000_000  # elements; the smallest weights first, at least MIN_WEIGHTS of them
MIN_WEIGHTS = 8

# In float32, as a share of a gradient's norm, and as a multiple of what another order of the rows changes in TRL's.
EXACT, NOISE = 3e-3, 100.0
# In 16 bits: the same share, and a multiple of TRL's distance from float32.
ROUGH, ROUNDING = 0.1, 5.0
NEGLIGIBLE = 1e-6  # of the largest gradient's norm; in 16 bits a thousand times that


@dataclass(frozen=True, slots=True)
class Batch:
    """TRL's tensors for B rows: `ids` and `mask` are (B, P + `width`), prompts padded on the left; `order` is the rows' order."""

    ids: Tensor
    mask: Tensor
    width: int
    order: Tensor


@seeded(0)
def find_difference(
    sharing: PrefixSharing,
    model: nn.Module,
    accelerator: Accelerator,
    tokenizer: PreTrainedTokenizerBase,
    reference: Score,
) -> str:
    """How scores of `sharing` differ from `reference`, TRL's own, for `model`; empty if they don't.

    `reference(model, input_ids, attention_mask, width)` takes (B, P + `width`) ids and mask, and returns (B, `width`)
    log-probabilities. The model, its gradients and the state of random numbers stay as they were.
    """
    base = base_model(model)
    name = type(base).__name__

    def shared(model: nn.Module, ids: Tensor, mask: Tensor, width: int) -> Tensor:
        scores = sharing.score(model, ids, mask, width)
        assert scores is not None
        return scores[0]

    try:
        tokens = _text_tokens(tokenizer, base.config.get_text_config().vocab_size)
        small, tokens = small_copy(model, tokens)
        batch, other_order = _batch(tokens, [0, 1, 2, 3], base.device), _batch(tokens, [3, 1, 2, 0], base.device)
        exact = deepcopy(small).float()
        base_model(exact).set_attn_implementation("sdpa")  # FlashAttention knows only 16 bits
        with _without_autocast(accelerator):
            ours, theirs = (_outcome(sharing, score, exact, batch) for score in (shared, reference))
            theirs_again = _outcome(sharing, reference, exact, other_order)
        if worst := _excess(ours, theirs_again, theirs, (EXACT, NOISE, NEGLIGIBLE)):
            return f"{name} gives other log-probabilities or gradients with it (relative difference {worst:.2g})"
        if accelerator.mixed_precision not in {"bf16", "fp16"} and base.dtype not in HALF:
            return ""
        ours, theirs_in_half = (_outcome(sharing, score, small, batch) for score in (shared, reference))
        if worst := _excess(ours, theirs_in_half, theirs, (ROUGH, ROUNDING, 1000 * NEGLIGIBLE)):
            return f"{name} is less exact with it in 16 bits than without (relative difference {worst:.2g})"
    except (Unsupported, AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return f"{name} can't run it ({reason})"
    return ""


def small_copy(model: nn.Module, token_ids: list[int]) -> tuple[nn.Module, list[int]]:
    """A copy of `model` with few layers and, if its embedding and head are plain, only `token_ids` as its vocabulary.

    The second value is what `token_ids` are called there.
    """
    base = base_model(model)
    memo: dict[int, object] = {}  # what deepcopy takes for a copy
    for module in base.modules():  # handles of hooks can't be copied
        values = chain.from_iterable(v if isinstance(v, list) else [v] for v in vars(module).values())
        memo |= {id(value): None for value in values if isinstance(value, RemovableHandle)}
    count = base.config.get_text_config().num_hidden_layers

    def is_stack(module: nn.Module) -> bool:
        return isinstance(module, nn.ModuleList) and len(module) == count > FIRST_LAYERS + LAST_LAYERS

    left_out = slice(FIRST_LAYERS, count - LAST_LAYERS)
    for stack in filter(is_stack, base.modules()):
        memo |= {id(layer): None for layer in list(stack.children())[left_out]}

    embedding, head = base.get_input_embeddings(), base.get_output_embeddings()
    if type(embedding) is nn.Embedding and type(head) is nn.Linear:
        vocabulary = sorted(set(token_ids))
        rows = torch.tensor(vocabulary, device=embedding.weight.device)
        small_embedding = nn.Embedding(len(rows), embedding.embedding_dim, _weight=_rows_of(embedding.weight, rows))
        small_embedding.weight.requires_grad_(embedding.weight.requires_grad)
        small_head = nn.Linear(head.in_features, len(rows), bias=False)
        small_head.weight = small_embedding.weight
        if head.weight is not embedding.weight:
            small_head.weight = nn.Parameter(_rows_of(head.weight, rows), head.weight.requires_grad)
        if head.bias is not None:
            small_head.bias = nn.Parameter(_rows_of(head.bias, rows), head.bias.requires_grad)
        memo |= {id(embedding): small_embedding, id(head): small_head}
        token_ids = [vocabulary.index(token) for token in token_ids]

    small = deepcopy(model, memo)
    for stack in filter(is_stack, base_model(small).modules()):
        del stack[left_out]  # type: ignore[attr-defined, unused-ignore]
    return small.train(), token_ids


def _rows_of(weight: Tensor, rows: Tensor) -> Tensor:
    return weight.detach()[rows].clone()


def _text_tokens(tokenizer: PreTrainedTokenizerBase, vocabulary: int) -> list[int]:
    """TEXT_TOKENS ids of a text, or of no text if the tokenizer knows too few of its characters."""
    ids: list[int] = [token for token in tokenizer(TEXT, verbose=False)["input_ids"] if token < vocabulary]
    return [*ids, *((3 + 7 * i) % vocabulary for i in range(TEXT_TOKENS))][:TEXT_TOKENS]


def _batch(tokens: list[int], order: list[int], device: torch.device) -> Batch:
    """The rows in this order. Their padding is the same in all: models that depend on it can't share prompts."""
    left, width = max(map(len, PROMPTS)), max(map(len, COMPLETIONS))
    ids, mask = torch.zeros(2, len(order), left + width, dtype=torch.long)
    for row, i in enumerate(order):
        real = slice(left - len(PROMPTS[i]), left + len(COMPLETIONS[i]))
        ids[row, real] = torch.tensor([tokens[place] for place in PROMPTS[i] + COMPLETIONS[i]])
        mask[row, real] = 1
    return Batch(ids.to(device), mask.to(device), width, torch.tensor(order, device=device))


def _outcome(sharing: PrefixSharing, score: Score, model: nn.Module, batch: Batch) -> Outcome:
    """Log-probabilities (B, width), in the order of PROMPTS, and gradients of a weighted sum of them."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    weights: list[Tensor] = []
    for parameter in sorted(trained, key=Tensor.numel):
        if len(weights) >= MIN_WEIGHTS and sum(map(Tensor.numel, weights)) + parameter.numel() > MAX_GRADIENTS:
            break
        weights.append(parameter)
    with torch.enable_grad(), sharing.attention_of(model):
        logps = score(model, batch.ids, batch.mask, batch.width)[batch.order.argsort()]
        signs = torch.arange(logps.numel(), device=logps.device).cos().view(logps.shape)
        gradients = torch.autograd.grad((logps * signs).sum(), weights, allow_unused=True)
    return [logps.detach(), *gradients]


@contextmanager
def _without_autocast(accelerator: Accelerator) -> Iterator[None]:
    handler = accelerator.autocast_handler
    accelerator.autocast_handler = AutocastKwargs(enabled=False)
    try:
        yield
    finally:
        accelerator.autocast_handler = handler


def _excess(ours: Outcome, noisy: Outcome, exact: Outcome, tolerance: tuple[float, float, float]) -> float:
    """The largest relative difference between `ours` and `exact` that is out of tolerance; 0 if none is.

    The tolerance is a share of the norm, a multiple of the distance of `noisy`, and a share of the largest gradient's norm.
    """
    of_norm, of_noise, of_largest = tolerance
    largest = max((_norm(gradient) for gradient in exact[1:]), default=0.0)
    worst = 0.0
    for a, b, c in zip(ours, noisy, exact, strict=True):
        if a is None or b is None or c is None:
            worst = max(worst, 0.0 if a is b is c else float("inf"))
            continue
        error, noise, norm = _norm(a - c), _norm(b - c), _norm(c)
        if not error <= of_norm * norm + of_noise * noise + of_largest * largest:  # nor if it isn't a number
            worst = max(worst, float("inf") if isnan(error) else error / max(norm, 1e-12))
    return worst


def _norm(x: Tensor | None) -> float:
    return 0.0 if x is None else float(x.detach().float().norm())
