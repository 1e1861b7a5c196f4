"""`graph`: how answers may be written, and every kind against trying all answers."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("networkx")

from rlvr.errors import VerifierError
from rlvr.verifiers.symbolic.graph.verifier import graph
from rlvr.verifiers.types import Completion, Example, Status, Verdict

C, X, U = Status.CORRECT, Status.INCORRECT, Status.UNPARSED
EDGES: list[list[Any]] = [["A", "B", 1], ["B", "C", 1], ["A", "C", 3], ["C", "D", 1]]
BARE = [edge[:2] for edge in EDGES]


def verify(answer: str, **metadata: Any) -> Verdict:
    text = f"<answer>\n{answer}\n</answer>"
    return graph(Example("", "", "", metadata=metadata), Completion(text))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "answer", ["A -> B -> C -> D", "A, B, C, D", "[A, B, C, D]", "A-B-C-D", "A - B - C - D", "A → B → C → D.",
    "A B C D", r"A \to B \to C \to D", "A --> B --> C\n--> D"]
)  # fmt: skip
def test_ways_to_write_a_path(answer: str) -> None:
    assert verify(answer, kind="path", edges=EDGES, source="A", target="D", optimal=True).status is C


@pytest.mark.parametrize(
    "answer", ["A-B, C-D", "(A,B), (C,D)", "[[A, B], [C, D]]", "{A, B}, {C, D}", "B-A; D-C", "A B\nC D", "A–B, C—D."]
)
def test_ways_to_write_edges(answer: str) -> None:
    assert verify(answer, kind="matching", edges=BARE, optimal=True).status is C


@pytest.mark.parametrize(
    ("metadata", "answer", "status", "reason"),
    [
        ({"kind": "path", "source": "A", "target": "D"}, "A, C, D", C, ""),
        ({"kind": "path", "source": "A", "target": "D",
        "optimal": True}, "A, C, D", X, "its length is 4, and there is a path of length 3"),
        ({"kind": "path", "source": "A", "target": "D"}, "A, D", X, "there is no edge from A to D"),
        ({"kind": "path", "source": "A", "target": "D"}, "A, C", X, "it leads from A to C"),
        ({"kind": "path", "source": "A", "target": "D"}, "A, B, A, C, D", U, "A is named twice"),
        ({"kind": "path", "source": "A", "target": "D"}, "A, E, D", U, "'E' is not a node"),
        ({"kind": "path", "source": "D", "target": "D"}, "D", C, ""),
        ({"kind": "path", "source": "A", "target": "D", "directed": True}, "A, C, D", C, ""),
        ({"kind": "coloring", "colors": 3}, "A: red, B: blue, C: green, D: red", C, ""),
        ({"kind": "coloring", "colors": 3}, "A: red, B: Red, C: green, D: red", X, "A and B are neighbors, and both 'red'"),
        ({"kind": "coloring", "colors": 3}, "A: 1, B: 2, C: 3, D: 4", X, "it uses 4 colors, more than 3"),
        ({"kind": "matching", "optimal": True}, "A-B", X, "it has 1 edges, and 2 are possible"),
        ({"kind": "matching", "size": 1}, "A-B", C, ""),
        ({"kind": "matching", "size": 1}, "A-B, B-C", X, "B is matched with A and C"),
        ({"kind": "matching", "size": 1}, "A-B, B-A", U, "named twice"),
        ({"kind": "topological_order", "directed": True}, "A, B, C, D", C, ""),
        ({"kind": "topological_order", "directed": True}, "A, C, B, D", X, "C comes before B"),
        ({"kind": "topological_order", "directed": True}, "A, B, C", X, "the node D is missing"),
        ({"kind": "spanning_tree"}, "A-B, A-C, C-D", C, ""),
        ({"kind": "spanning_tree", "optimal": True}, "A-B, A-C, C-D", X, "its weight is 5, and the least is 3"),
        ({"kind": "spanning_tree"}, "A-B, B-C, A-C", X, "don't connect"),
        ({"kind": "spanning_tree"}, "A-B, B-C", X, "has 3"),
        ({"kind": "clique", "size": 3}, "A, B, C", C, ""),
        ({"kind": "clique", "size": 3}, "B, C, D", X, "B and D are no neighbors"),
        ({"kind": "independent_set", "optimal": True}, "A, D", C, ""),
        ({"kind": "independent_set", "size": 2}, "C, D", X, "C and D are neighbors"),
    ],
)  # fmt: skip
def test_reasons(metadata: dict[str, Any], answer: str, status: Status, reason: str) -> None:
    verdict = verify(answer, edges=EDGES, **metadata)
    assert (verdict.status, reason in verdict.reason) == (status, True), verdict.reason


# ---- against trying everything

NODES = "ABCDE"
graphs = st.lists(
    st.tuples(st.sampled_from(list(itertools.combinations(NODES, 2))), st.integers(1, 4)),
    min_size=3,
    max_size=8,
    unique_by=lambda e: e[0],
)


def listed(edges: list[Any]) -> list[list[Any]]:
    return [[u, v, weight] for (u, v), weight in edges]


def orders() -> Iterator[tuple[str, ...]]:
    for size in range(1, len(NODES) + 1):
        yield from itertools.permutations(NODES, size)


@settings(deadline=None, max_examples=25)
@given(graphs)
def test_shortest_paths_among_all_paths(edges: list[Any]) -> None:
    weight = {frozenset(pair): w for pair, w in edges}
    lengths = {}
    for path in orders():
        steps = [frozenset(step) for step in itertools.pairwise(path)]
        if path[0] == "A" and path[-1] == "B" and all(step in weight for step in steps):
            lengths[path] = sum(weight[step] for step in steps)
    problem: dict[str, Any] = {
        "kind": "path",
        "nodes": list(NODES),
        "edges": listed(edges),
        "source": "A",
        "target": "B",
    }
    for path, length in lengths.items():
        assert verify(" -> ".join(path), **problem).status is C
        assert (verify(" -> ".join(path), **problem, optimal=True).status is C) == (length == min(lengths.values()))


@settings(deadline=None, max_examples=25)
@given(graphs, st.sampled_from(["clique", "independent_set"]))
def test_sets_among_all_sets(edges: list[Any], kind: str) -> None:
    present = {frozenset(pair) for pair, _ in edges}
    subsets = [s for size in range(1, 6) for s in itertools.combinations(NODES, size)]
    fits = [
        s for s in subsets if all((frozenset(p) in present) == (kind == "clique") for p in itertools.combinations(s, 2))
    ]
    most = max(map(len, fits))
    for subset in subsets:
        verdict = verify(", ".join(subset), kind=kind, nodes=list(NODES), edges=listed(edges), optimal=True)
        assert (verdict.status is C) == (subset in fits and len(subset) == most)


@settings(deadline=None, max_examples=25)
@given(graphs)
def test_matchings_and_trees_among_all_sets_of_edges(edges: list[Any]) -> None:
    all_edges = listed(edges)
    nodes = sorted({node for u, v, _ in all_edges for node in (u, v)})
    chosen = [s for size in range(1, 5) for s in itertools.combinations(all_edges, size)]
    matchings = [s for s in chosen if len({n for e in s for n in e[:2]}) == 2 * len(s)]
    most = max(map(len, matchings))
    trees = [s for s in chosen if len(s) == len(nodes) - 1 and connected(s) == set(nodes)]
    lightest = min((sum(e[2] for e in s) for s in trees), default=0)
    for subset in chosen:
        text = ", ".join(f"{u}-{v}" for u, v, _ in subset)
        right = subset in matchings and len(subset) == most
        assert (verify(text, kind="matching", edges=all_edges, optimal=True).status is C) == right
        if trees:
            right = subset in trees and sum(e[2] for e in subset) == lightest
            assert (verify(text, kind="spanning_tree", edges=all_edges, optimal=True).status is C) == right


def connected(edges: Any) -> set[str]:
    """What can be reached from the first edge."""
    reached = set(edges[0][:2])
    for _ in edges:
        reached |= {node for e in edges if reached & set(e[:2]) for node in e[:2]}
    return reached


@pytest.mark.parametrize(
    "metadata",
    [
        {}, {"kind": "tour", "edges": BARE}, {"kind": "path"}, {"kind": "path", "edges": BARE, "source": "A", "target": "Z"},
        {"kind": "path", "edges": [["A"]], "source": "A", "target": "A"}, {"kind": "path", "edges": [["A",
        "B", -1]], "source": "A", "target": "B"},
        {"kind": "path", "edges": [["A", "B", 0.5]], "source": "A", "target": "B"}, {"kind": "path", "edges": [["A",
        "A"]], "source": "A", "target": "A"},
        {"kind": "path", "edges": [["A", "B"], ["B", "A"]], "source": "A", "target": "B"}, {"kind": "path",
        "edges": [["A b", "B"]], "source": "B", "target": "B"},
        {"kind": "path", "edges": [["A", "B"], ["C", "D"]], "source": "A", "target": "D"}, {"kind": "coloring", "edges": BARE},
        {"kind": "matching", "edges": BARE}, {"kind": "clique", "edges": BARE}, {"kind": "clique",
        "edges": BARE, "directed": True, "size": 1},
        {"kind": "topological_order", "edges": BARE}, {"kind": "topological_order", "edges": [["A", "B"], ["B", "A"]], "directed": True},
        {"kind": "spanning_tree", "edges": [["A", "B"], ["C", "D"]]}, {"kind": "spanning_tree", "edges": BARE, "directed": True},
    ],
)  # fmt: skip
def test_a_wrong_problem_is_an_error(metadata: dict[str, Any]) -> None:
    answers = {"coloring": "A: 1", "matching": "A-B"}
    with pytest.raises(VerifierError, match="metadata: "):
        verify(answers.get(metadata.get("kind", ""), "A"), **metadata)


def test_searches_are_bounded() -> None:
    big = [[f"n{a}", f"n{b}"] for a in range(60) for b in range(a)]
    with pytest.raises(VerifierError, match="at most 40 nodes"):
        verify("n0", kind="clique", edges=big, optimal=True)


KINDS: list[dict[str, Any]] = [
    {"kind": "path", "source": "A", "target": "D", "optimal": True}, {"kind": "coloring", "colors": 3},
    {"kind": "matching", "optimal": True},
    {"kind": "topological_order", "directed": True}, {"kind": "spanning_tree", "optimal": True}, {"kind": "clique", "optimal": True},
]  # fmt: skip


@settings(deadline=None)
@given(st.sampled_from(KINDS), st.text(alphabet="ABCDE ->,:;()[]{}\n1", max_size=60) | st.text(max_size=40))
def test_any_text_has_a_verdict(problem: dict[str, Any], text: str) -> None:
    assert verify(text, **problem, edges=EDGES).status in (C, X, U)
