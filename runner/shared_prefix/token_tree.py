"""A batch of prompts and completions as a tree of tokens, each token once: prefix -> questions -> completions.

The last token of a prompt stands at the head of each of its completions, so that every token there predicts one
token of the completion, and so that no question needs the language model's head.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch

Tokens = tuple[int, ...]
Span = tuple[int, int]  # [start, stop)
LOOSEST = 0.8  # rows of one attention batch are at least this share of its longest


@dataclass(frozen=True)
class Row:
    """A prompt and the tokens of its completion that count; none where the completion is masked."""

    prompt: Tokens
    completion: Tokens


def rows_of(input_ids: torch.Tensor, attention_mask: torch.Tensor, width: int) -> list[Row] | None:
    """The rows of TRL's tensors (B, P + `width`): prompts padded on the left, completions on the right.

    None where a mask has holes, or a prompt no token: no tree holds those.
    """
    prompt_mask, completion_mask = attention_mask[:, :-width].long(), attention_mask[:, -width:].long()
    if (prompt_mask.diff(dim=1) < 0).any() or (completion_mask.diff(dim=1) > 0).any() or not prompt_mask.any(1).all():
        return None
    starts, lengths = (1 - prompt_mask).sum(1).tolist(), completion_mask.sum(1).tolist()
    stop = input_ids.shape[1] - width
    return [
        Row(tuple(ids[start:stop]), tuple(ids[stop : stop + length]))
        for ids, start, length in zip(input_ids.tolist(), starts, lengths, strict=True)
    ]


@dataclass(frozen=True)
class Batch:
    """Rows of like length that attend to themselves at once: R rows of T positions, padded on the right.

    `take` (R * T) says which token stands at each position; `real` which positions are no padding, `where` their tokens.
    """

    rows: int
    take: torch.Tensor
    real: torch.Tensor
    where: torch.Tensor


@dataclass(frozen=True)
class Shared:
    """Spans of queries that see whole spans of keys: R rows of T queries, and as many of S keys, as indices of tokens.

    One row is two slices, so that nothing is copied for it.
    """

    rows: int
    queries: torch.Tensor | slice
    keys: torch.Tensor | slice


@dataclass(frozen=True)
class Layout:
    """Who attends to whom among N tokens in one row: each segment causally to itself, and queries to whole spans.

    The keys of `shared` are of the trunk, or of these tokens where these are the trunk.
    """

    batches: list[Batch]
    shared: list[Shared]

    @property
    def padding(self) -> int:
        return sum(len(batch.take) - len(batch.real) for batch in self.batches)


@dataclass(frozen=True)
class Flat:
    """Tokens to run as one row: `ids`, `positions` and `labels` are (1, N); label -100 is not scored."""

    ids: torch.Tensor
    positions: torch.Tensor
    labels: torch.Tensor
    layout: Layout


class Trunk:
    """What completions share: the prefix of all prompts, then what each question adds, each prompt's last token left out."""

    def __init__(self, prompts: Iterable[Tokens]) -> None:
        stems = sorted({prompt[:-1] for prompt in prompts})
        self.prefix = _common(stems[0], stems[-1])
        self.tokens = list(stems[0][: self.prefix])
        self.questions: dict[Tokens, Span] = {}
        for stem in stems:
            start = len(self.tokens)
            self.tokens += stem[self.prefix :]
            self.questions[stem] = (start, len(self.tokens))

    def holds(self, row: Row) -> bool:
        return row.prompt[:-1] in self.questions

    def flat(self, device: Any) -> Flat:
        """The trunk's own tokens."""
        spans = [(0, self.prefix), *self.questions.values()]
        positions = [*range(self.prefix)]
        for start, stop in spans[1:]:
            positions += range(self.prefix, self.prefix + stop - start)
        size = len(self.tokens)
        shared = [((self.prefix, size), (0, self.prefix))] if 0 < self.prefix < size else []
        layout = Layout(_batches(spans, device), _shared(shared, device))
        labels = [-100] * size
        return Flat(*(torch.tensor([values], device=device) for values in (self.tokens, positions, labels)), layout)

    def pack(self, rows: Sequence[Row], width: int, device: Any) -> tuple[Flat, torch.Tensor]:
        """Completions of prompts in this trunk as one row, and where each token's log-probability belongs.

        The second is (N,): indices into the flattened (len(rows), `width`).
        """
        order = sorted((i for i, row in enumerate(rows) if row.completion), key=lambda i: rows[i].prompt)
        if not order:  # all are masked: one token, not scored, keeps the loss differentiable
            last = rows[0].prompt[-1]
            span = self.questions[rows[0].prompt[:-1]]
            layout = Layout(_batches([(0, 1)], device), self._ancestors([(span, (0, 1))], 1, device))
            ids, positions, labels = ([value] for value in (last, len(rows[0].prompt) - 1, -100))
            flat = Flat(*(torch.tensor([values], device=device) for values in (ids, positions, labels)), layout)
            return flat, torch.zeros(1, dtype=torch.long, device=device)
        ids, positions, labels, where = [], [], [], []
        spans: list[Span] = []
        groups: list[tuple[Span, Span]] = []  # (question, its completions)
        for prompt, members in groupby(order, key=lambda i: rows[i].prompt):
            first = len(ids)
            for i in members:
                completion = rows[i].completion
                spans.append((len(ids), len(ids) + len(completion)))
                ids += [prompt[-1], *completion[:-1]]
                labels += completion
                positions += range(len(prompt) - 1, len(prompt) - 1 + len(completion))
                where += range(i * width, i * width + len(completion))
            groups.append((self.questions[prompt[:-1]], (first, len(ids))))
        layout = Layout(_batches(spans, device), self._ancestors(groups, len(ids), device))
        flat = Flat(*(torch.tensor([values], device=device) for values in (ids, positions, labels)), layout)
        return flat, torch.tensor(where, device=device)

    def _ancestors(self, groups: list[tuple[Span, Span]], size: int, device: Any) -> list[Shared]:
        """What completions attend to: all `size` tokens to the prefix, each group to its question, in calls of their own.

        Each query stands once in a call, so that results can be added up.
        """
        prefix = [((0, size), (0, self.prefix))] if self.prefix else []
        questions = [(queries, question) for question, queries in groups if question[0] < question[1]]
        return _shared(prefix, device) + _shared(questions, device)


def _common(first: Tokens, last: Tokens) -> int:
    """Length of the common start of the first and last of sorted sequences: of them all, then."""
    for i, (a, b) in enumerate(zip(first, last, strict=False)):
        if a != b:
            return i
    return min(len(first), len(last))


def _batches(spans: Iterable[Span], device: Any) -> list[Batch]:
    """Segments sorted by length and cut where padding would be too large a share."""
    batches: list[list[Span]] = []
    for span in sorted((s for s in spans if s[0] < s[1]), key=lambda s: s[0] - s[1]):
        longest = batches[-1][0] if batches else (0, 0)
        if span[1] - span[0] >= LOOSEST * (longest[1] - longest[0]) and batches:
            batches[-1].append(span)
        else:
            batches.append([span])
    return [_batch(batch, device) for batch in batches]


def _batch(spans: Sequence[Span], device: Any) -> Batch:
    width = spans[0][1] - spans[0][0]
    take: list[int] = []
    real: list[int] = []
    for row, (start, stop) in enumerate(spans):
        real += range(row * width, row * width + stop - start)
        take += [*range(start, stop), *[start] * (width - (stop - start))]
    taken = torch.tensor(take, device=device)
    kept = torch.tensor(real, device=device)
    return Batch(len(spans), taken, kept, taken[kept])


def _shared(pairs: Iterable[tuple[Span, Span]], device: Any) -> list[Shared]:
    """Pairs of equal shape together: short ones cost the call, not the work."""
    alike: dict[tuple[int, int], list[tuple[Span, Span]]] = {}
    for queries, keys in pairs:
        alike.setdefault((queries[1] - queries[0], keys[1] - keys[0]), []).append((queries, keys))
    return [
        Shared(len(found), _indices([q for q, _ in found], device), _indices([k for _, k in found], device))
        for found in alike.values()
    ]


def _indices(spans: Sequence[Span], device: Any) -> torch.Tensor | slice:
    if len(spans) == 1:
        return slice(*spans[0])
    return torch.tensor([token for span in spans for token in range(*span)], device=device)
