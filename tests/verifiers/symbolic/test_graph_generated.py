"""Independent sets from seeds: the planted answer is accepted, and near misses are refused. See conftest.py."""

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("networkx")

from rlvr.verifiers.symbolic.graph.verifier import graph

Problem = tuple[dict[str, Any], str, list[str]]  # metadata, an answer, near misses


def independent_sets(draw: random.Random) -> Problem:
    """A planted set; every other node is next to all of it, and to every other node, so the set is the largest."""
    nodes = draw.sample([f"n{n}" for n in range(40)], draw.randint(5, 14))
    size = draw.randint(2, len(nodes) - 2)
    chosen, others = nodes[:size], nodes[size:]
    edges = [[u, v] for u in chosen for v in others] + [list(pair) for pair in itertools.combinations(others, 2)]
    draw.shuffle(edges)
    wrong = [chosen[1:], [*chosen[1:], others[0]], [*chosen, others[0]], others, [*chosen, chosen[0]]]
    return (
        {"kind": "independent_set", "edges": edges, "optimal": True},
        ", ".join(chosen),
        [", ".join(w) for w in wrong],
    )


def test_planted_answers_are_accepted_and_near_misses_refused(try_problems: Callable[..., None]) -> None:
    try_problems(graph, independent_sets)
