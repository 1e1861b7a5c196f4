"""Which spans of tokens attend to which others, and how they are put together."""

import pytest

pytest.importorskip("torch")

import torch

from rlvr.runner.shared_prefix.token_tree import Row, Shared, Trunk


def pairs(shared: list[Shared]) -> list[tuple[list[int], list[int]]]:
    """(tokens of the queries, tokens of the keys) of every row."""

    def rows(tokens: torch.Tensor | slice, count: int) -> list[list[int]]:
        if isinstance(tokens, slice):
            return [list(range(tokens.start, tokens.stop))]
        return tokens.view(count, -1).tolist()

    return [pair for one in shared for pair in zip(rows(one.queries, one.rows), rows(one.keys, one.rows), strict=True)]


def test_groups_of_equal_shape_attend_to_their_questions_in_one_call() -> None:
    rows = [
        Row((1, 2, 3, 9), (7, 8)),  # the prefix is (1,): what all prompts begin with
        Row((1, 2, 3, 9), (7, 8)),
        Row((1, 4, 5, 9), (7, 8)),
        Row((1, 4, 5, 9), (7, 8)),
        Row((1, 6, 9), (7, 8)),  # a shorter question with one completion
    ]
    trunk = Trunk(row.prompt for row in rows)
    assert (trunk.tokens, trunk.prefix) == ([1, 2, 3, 4, 5, 6], 1)
    flat, where = trunk.pack(rows, 2, "cpu")
    prefix, two_groups, last = flat.layout.shared
    assert (prefix.rows, two_groups.rows, last.rows) == (1, 2, 1)
    assert pairs([prefix]) == [(list(range(10)), [0])]  # all see the prefix
    assert pairs([two_groups]) == [([0, 1, 2, 3], [1, 2]), ([4, 5, 6, 7], [3, 4])]
    assert pairs([last]) == [([8, 9], [5])]
    assert where.tolist() == list(range(10))


def test_a_single_pair_is_a_view() -> None:
    trunk = Trunk([(1, 2, 3)])
    flat, _ = trunk.pack([Row((1, 2, 3), (4,)), Row((1, 2, 3), (5,))], 1, "cpu")
    assert flat.layout.shared == [Shared(1, slice(0, 2), slice(0, 2))]


def test_prefix_and_question_of_equal_length_are_two_calls() -> None:
    """Both are 2 tokens that one query sees: in one call, the second result would take the place of the first."""
    prompts = [(2, 2, 2, 2, 2), (2, 2, 2)]
    flat, _ = Trunk(prompts).pack([Row(prompts[0], (2,)), Row(prompts[1], ())], 2, "cpu")
    assert [pairs([one]) for one in flat.layout.shared] == [[([0], [0, 1])], [([0], [2, 3])]]
