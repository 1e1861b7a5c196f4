"""The pack `graph`: gold answers against trying everything, and renaming nodes doesn't change the split."""

import itertools
import random
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("networkx")

from rlvr.tasks.pack import load_pack


@pytest.fixture(scope="module")
def data() -> ModuleType:
    module = load_pack("graph").module("data")
    assert module is not None
    return module


def small(data: ModuleType, kind: str) -> list[dict[str, Any]]:
    return [row for row in data.generate("test", 120, 5) if row["category"] == f"{kind}_small"]


def test_no_path_is_shorter(data: ModuleType) -> None:
    for row in small(data, "shortest_path"):
        m = row["metadata"]
        weight = {frozenset(e[:2]): e[2] for e in m["edges"]}

        def length(path: Any, weight: dict[frozenset[str], int] = weight) -> int:
            return sum(weight.get(frozenset(step), 10**6) for step in itertools.pairwise(path))

        between = [n for n in m["nodes"] if n not in (m["source"], m["target"])]
        paths = (
            (m["source"], *middle, m["target"])
            for size in range(len(between) + 1)
            for middle in itertools.permutations(between, size)
        )
        assert length(row["gold"].split(" -> ")) == min(map(length, paths))


def test_no_matching_is_larger(data: ModuleType) -> None:
    for row in small(data, "matching"):
        edges, size = row["metadata"]["edges"], len(row["gold"].split(", "))
        larger = itertools.combinations(edges, size + 1)
        assert not any(len({node for edge in chosen for node in edge}) == 2 * size + 2 for chosen in larger)


def test_no_clique_is_larger(data: ModuleType) -> None:
    for row in small(data, "clique"):
        edges = {frozenset(edge) for edge in row["metadata"]["edges"]}
        for chosen in itertools.combinations(row["metadata"]["nodes"], len(row["gold"].split(", ")) + 1):
            assert not all(frozenset(pair) in edges for pair in itertools.combinations(chosen, 2))


def test_renaming_nodes_keeps_the_split(data: ModuleType) -> None:
    draw = random.Random(0)
    for split in ("train", "test"):
        for row in data.generate(split, 96, 6):
            m = row["metadata"]
            new = dict(zip(m["nodes"], draw.sample("abcdefghijklmnop", len(m["nodes"])), strict=True))
            edges = [[new[u], new[v], *weight] for u, v, *weight in m["edges"]]
            draw.shuffle(edges)
            assert data.held_out({**m, "edges": edges}) == (split == "test")
