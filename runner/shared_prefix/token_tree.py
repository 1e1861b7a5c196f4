"""A batch of prompts and completions as a tree of tokens, each token once: prefix -> suffixes -> completions.

The prefix is what all prompts begin with; a suffix is what one prompt adds to it, its question. A prompt's last token
heads each of its completions instead, so that every token there predicts one token of the completion, and so that no
question needs the language model's head.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import torch

Tokens = tuple[int, ...]
Span = tuple[int, int]  # [start, stop), in tokens
Device = torch.device | str
MIN_FILL = 0.8  # segments of one batch have at least this share of its longest segment's tokens


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A prompt and the tokens of its completion that count; none if the completion is masked."""

    prompt: Tokens
    completion: Tokens


def token_rows(input_ids: torch.Tensor, attention_mask: torch.Tensor, width: int) -> list[TokenRow] | None:
    """The B rows of TRL's tensors, without padding.

    `input_ids` and `attention_mask` are (B, P + `width`): prompts padded on the left to P tokens, completions on the right to
    `width`. None if a mask has holes or a prompt has no token: no tree holds those.
    """
    prompt_mask, completion_mask = attention_mask[:, :-width].long(), attention_mask[:, -width:].long()
    if (prompt_mask.diff(dim=1) < 0).any() or (completion_mask.diff(dim=1) > 0).any() or not prompt_mask.any(1).all():
        return None
    starts, lengths = (1 - prompt_mask).sum(1).tolist(), completion_mask.sum(1).tolist()
    stop = input_ids.shape[1] - width
    return [
        TokenRow(tuple(ids[start:stop]), tuple(ids[stop : stop + length]))
        for ids, start, length in zip(input_ids.tolist(), starts, lengths, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class SegmentBatch:
    """R segments of similar length, each of which attends causally to itself: R rows of T positions, padded on the right.

    `gather` (R * T) gives the token at each position, `real` (n) the positions that are not padding, and `tokens` (n) the
    tokens at those.
    """

    rows: int
    gather: torch.Tensor
    real: torch.Tensor
    tokens: torch.Tensor


@dataclass(frozen=True, slots=True)
class CrossAttentionSpan:
    """Spans of queries that see whole spans of keys: R rows of T queries, and as many of S keys.

    `queries` (R * T) and `keys` (R * S) are indices of tokens. For one row they are slices, so that nothing is copied.
    """

    rows: int
    queries: torch.Tensor | slice
    keys: torch.Tensor | slice


@dataclass(frozen=True, slots=True)
class AttentionLayout:
    """Which of N packed tokens attend to which: each segment causally to itself, and queries to whole spans of keys.

    The keys of `spans` are the prefix tree's tokens: other tokens than these, unless these are the prefix tree.
    """

    segments: list[SegmentBatch]
    spans: list[CrossAttentionSpan]

    @property
    def padding(self) -> int:
        """Positions that attention computes for nothing."""
        return sum(len(batch.gather) - len(batch.real) for batch in self.segments)


@dataclass(frozen=True, slots=True)
class PackedSequence:
    """N tokens that run through the model as one row: `ids`, `positions` and `labels` are (1, N); label -100 is not scored."""

    ids: torch.Tensor
    positions: torch.Tensor
    labels: torch.Tensor
    layout: AttentionLayout


class PrefixTree:
    """What completions share: the prefix of all prompts, then each prompt's suffix, without the prompts' last tokens.

    `tokens` holds the prefix (its first `prefix` tokens) and the suffixes one after another; `suffixes` maps a prompt
    without its last token to the span of its suffix.
    """

    def __init__(self, prompts: Iterable[Tokens]) -> None:
        contexts = sorted({prompt[:-1] for prompt in prompts})
        self.prefix = _common_length(contexts[0], contexts[-1])
        self.tokens = list(contexts[0][: self.prefix])
        self.suffixes: dict[Tokens, Span] = {}
        for context in contexts:
            start = len(self.tokens)
            self.tokens += context[self.prefix :]
            self.suffixes[context] = (start, len(self.tokens))

    def holds(self, row: TokenRow) -> bool:
        """Whether the row's prompt is in the tree."""
        return row.prompt[:-1] in self.suffixes

    def pack_prefix(self, device: Device) -> PackedSequence:
        """The tree's own tokens; none of them is scored."""
        segments = [(0, self.prefix), *self.suffixes.values()]
        positions = [*range(self.prefix)]
        for start, stop in segments[1:]:
            positions += range(self.prefix, self.prefix + stop - start)
        size = len(self.tokens)
        spans = [((self.prefix, size), (0, self.prefix))] if 0 < self.prefix < size else []
        layout = AttentionLayout(_segment_batches(segments, device), _cross_attention(spans, device))
        return _packed(self.tokens, positions, [-100] * size, layout, device)

    def pack_completions(
        self, rows: Sequence[TokenRow], width: int, device: Device
    ) -> tuple[PackedSequence, torch.Tensor]:
        """The completions of B `rows`, whose prompts the tree holds, and where each token's log-probability belongs.

        The second is (N,): indices into the flattened (B, `width`).
        """
        order = sorted((i for i, row in enumerate(rows) if row.completion), key=lambda i: rows[i].prompt)
        if not order:
            return self._pack_unscored(rows[0], device), torch.zeros(1, dtype=torch.long, device=device)
        ids: list[int] = []
        positions: list[int] = []
        labels: list[int] = []
        destinations: list[int] = []
        segments: list[Span] = []
        groups: list[tuple[Span, Span]] = []  # (completions of one prompt, its suffix)
        for prompt, members in groupby(order, key=lambda i: rows[i].prompt):
            first = len(ids)
            for i in members:
                completion = rows[i].completion
                segments.append((len(ids), len(ids) + len(completion)))
                ids += [prompt[-1], *completion[:-1]]
                labels += completion
                positions += range(len(prompt) - 1, len(prompt) - 1 + len(completion))
                destinations += range(i * width, i * width + len(completion))
            groups.append(((first, len(ids)), self.suffixes[prompt[:-1]]))
        layout = AttentionLayout(_segment_batches(segments, device), self._ancestors(groups, len(ids), device))
        return _packed(ids, positions, labels, layout, device), torch.tensor(destinations, device=device)

    def _pack_unscored(self, row: TokenRow, device: Device) -> PackedSequence:
        """The last token of a masked row's prompt, not scored: it keeps the loss of a masked batch differentiable."""
        *context, last = row.prompt
        groups = [((0, 1), self.suffixes[tuple(context)])]
        layout = AttentionLayout(_segment_batches([(0, 1)], device), self._ancestors(groups, 1, device))
        return _packed([last], [len(context)], [-100], layout, device)

    def _ancestors(self, groups: list[tuple[Span, Span]], size: int, device: Device) -> list[CrossAttentionSpan]:
        """What completions attend to: all `size` tokens to the prefix, each group to its suffix, in separate calls.

        Each query is in a call only once, so that results can be added up.
        """
        prefix = [((0, size), (0, self.prefix))] if self.prefix else []
        suffixes = [(queries, suffix) for queries, suffix in groups if suffix[0] < suffix[1]]
        return _cross_attention(prefix, device) + _cross_attention(suffixes, device)


def _packed(
    ids: list[int], positions: list[int], labels: list[int], layout: AttentionLayout, device: Device
) -> PackedSequence:
    as_row = partial(torch.tensor, device=device)
    return PackedSequence(as_row([ids]), as_row([positions]), as_row([labels]), layout)


def _common_length(first: Tokens, last: Tokens) -> int:
    """Length of the common start of the first and last of sorted sequences, and so of them all."""
    for i, (a, b) in enumerate(zip(first, last, strict=False)):
        if a != b:
            return i
    return min(len(first), len(last))


def _segment_batches(segments: Iterable[Span], device: Device) -> list[SegmentBatch]:
    """Segments sorted by length, in batches that are not padded too much."""
    batches: list[list[Span]] = []
    for segment in sorted((s for s in segments if s[0] < s[1]), key=lambda s: s[0] - s[1]):
        longest = batches[-1][0] if batches else (0, 0)
        if segment[1] - segment[0] >= MIN_FILL * (longest[1] - longest[0]) and batches:
            batches[-1].append(segment)
        else:
            batches.append([segment])
    return [_segment_batch(batch, device) for batch in batches]


def _segment_batch(segments: Sequence[Span], device: Device) -> SegmentBatch:
    width = segments[0][1] - segments[0][0]
    gather: list[int] = []
    real: list[int] = []
    for row, (start, stop) in enumerate(segments):
        real += range(row * width, row * width + stop - start)
        gather += [*range(start, stop), *[start] * (width - (stop - start))]
    gathered = torch.tensor(gather, device=device)
    kept = torch.tensor(real, device=device)
    return SegmentBatch(len(segments), gathered, kept, gathered[kept])


def _cross_attention(pairs: Iterable[tuple[Span, Span]], device: Device) -> list[CrossAttentionSpan]:
    """Pairs of equal shape together: for short ones, the call costs more than the arithmetic."""
    by_shape: dict[tuple[int, int], list[tuple[Span, Span]]] = {}
    for queries, keys in pairs:
        by_shape.setdefault((queries[1] - queries[0], keys[1] - keys[0]), []).append((queries, keys))
    return [
        CrossAttentionSpan(len(alike), _indices([q for q, _ in alike], device), _indices([k for _, k in alike], device))
        for alike in by_shape.values()
    ]


def _indices(spans: Sequence[Span], device: Device) -> torch.Tensor | slice:
    if len(spans) == 1:
        return slice(*spans[0])
    return torch.tensor([token for span in spans for token in range(*span)], device=device)
