"""Which spans of tokens attend to which others, and how they are put together."""

import pytest

pytest.importorskip("torch")

import torch

from rlvr.runner.shared_prefix.token_tree import CrossAttentionSpan, PrefixTree, TokenRow


def pairs(spans: list[CrossAttentionSpan]) -> list[tuple[list[int], list[int]]]:
    """(tokens of the queries, tokens of the keys) of every row."""

    def rows(tokens: torch.Tensor | slice, count: int) -> list[list[int]]:
        if isinstance(tokens, slice):
            return [list(range(tokens.start, tokens.stop))]
        return tokens.view(count, -1).tolist()

    return [
        pair for span in spans for pair in zip(rows(span.queries, span.rows), rows(span.keys, span.rows), strict=True)
    ]


def test_groups_of_equal_shape_attend_to_their_questions_in_one_call() -> None:
    rows = [
        TokenRow((1, 2, 3, 9), (7, 8)),  # the prefix is (1,): what all prompts begin with
        TokenRow((1, 2, 3, 9), (7, 8)),
        TokenRow((1, 4, 5, 9), (7, 8)),
        TokenRow((1, 4, 5, 9), (7, 8)),
        TokenRow((1, 6, 9), (7, 8)),  # a shorter question with one completion
    ]
    tree = PrefixTree(row.prompt for row in rows)
    assert (tree.tokens, tree.prefix) == ([1, 2, 3, 4, 5, 6], 1)
    packed, destinations = tree.pack_completions(rows, 2, "cpu")
    prefix, two_groups, last = packed.layout.spans
    assert (prefix.rows, two_groups.rows, last.rows) == (1, 2, 1)
    assert pairs([prefix]) == [(list(range(10)), [0])]  # all see the prefix
    assert pairs([two_groups]) == [([0, 1, 2, 3], [1, 2]), ([4, 5, 6, 7], [3, 4])]
    assert pairs([last]) == [([8, 9], [5])]
    assert destinations.tolist() == list(range(10))


def test_a_single_pair_is_a_view() -> None:
    tree = PrefixTree([(1, 2, 3)])
    packed, _ = tree.pack_completions([TokenRow((1, 2, 3), (4,)), TokenRow((1, 2, 3), (5,))], 1, "cpu")
    assert packed.layout.spans == [CrossAttentionSpan(1, slice(0, 2), slice(0, 2))]


def test_prefix_and_question_of_equal_length_are_two_calls() -> None:
    """Both are 2 tokens that one query sees: in one call, the second result would take the place of the first."""
    prompts = [(2, 2, 2, 2, 2), (2, 2, 2)]
    packed, _ = PrefixTree(prompts).pack_completions([TokenRow(prompts[0], (2,)), TokenRow(prompts[1], ())], 2, "cpu")
    assert [pairs([span]) for span in packed.layout.spans] == [[([0], [0, 1])], [([0], [2, 3])]]
