"""`graph`: a path, coloring, matching, topological order, spanning tree, clique or independent set is valid and as good as required.

`example.metadata`: `kind`, `edges` ([u, v] or [u, v, weight] with whole weights), `nodes` if some have no edge,
`directed`, and what the kind needs:

    path                source, target; optimal: no shorter one exists
    coloring            colors: how many different ones at most
    matching            size: at least so many edges; optimal: as many as possible
    topological_order   a directed graph
    spanning_tree       optimal: no lighter one exists
    clique, independent_set   size: at least so many nodes; optimal: as many as possible (small graphs)

Answers: nodes in order, `A -> B -> C` or `A, B, C`; edges, `A-B, C-D`; colors, `A: red, B: blue`.
"""

import itertools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rlvr.verifiers.symbolic.fields import (
    MAX_PART,
    Unreadable,
    choice,
    compare_names,
    decide,
    fail,
    field,
    pairs,
    present,
    short,
    whole,
)
from rlvr.verifiers.symbolic.final_answer import load
from rlvr.verifiers.types import Completion, Example, Verdict
from rlvr.verifiers.verifier import verifier

MAX_ANSWER = 20_000  # characters
MAX_NODES = 500
MAX_EDGES = 5000
MAX_MATCHED = 100  # nodes, if the largest matching is asked for
MAX_SEARCHED = 40  # nodes, if the largest clique or independent set is asked for
MAX_WEIGHT = 10**12

_NAME = re.compile(r"[A-Za-z0-9_]{1,40}")
_BETWEEN = re.compile(r"(?:-+>?|[–—→⟶,\s]|\\to\b|\\rightarrow\b)+")
_EDGE = re.compile(r"[(\[{]?\s*([A-Za-z0-9_]{1,40})(?:\s*(?:-+|–|—|,)\s*|\s+)([A-Za-z0-9_]{1,40})\s*[)\]}]?")


def preload() -> None:
    """Import networkx before workers are forked."""
    load("networkx", "networkx")


@verifier("graph", cases=Path(__file__).with_name("cases.jsonl"), preload=preload)
def graph(example: Example, completion: Completion) -> Verdict:
    """Nodes, edges or colors solve the graph problem, as well as required."""
    metadata = present(example.metadata)
    problem_with = _KINDS[choice(metadata, "kind", tuple(_KINDS))]
    network = read_graph(metadata)
    return decide(
        completion, MAX_ANSWER, lambda answer: problem_with(metadata, network, answer), "every condition holds"
    )


def read_graph(metadata: Mapping[str, Any]) -> Any:
    """The networkx graph of the metadata, with a `weight` on each edge (default: 1). Raises VerifierError."""
    networkx = load("networkx", "networkx")
    graph = networkx.DiGraph() if field(metadata, "directed", bool, False) else networkx.Graph()
    edges, nodes = field(metadata, "edges", list), field(metadata, "nodes", list, [])
    if len(edges) > MAX_EDGES:
        fail(f"field 'edges' has {len(edges)} edges, more than {MAX_EDGES}")
    graph.add_nodes_from(map(str, nodes))
    for edge in edges:
        if not isinstance(edge, list) or not 2 <= len(edge) <= 3:
            fail(f"an edge must be [u, v] or [u, v, weight], not {edge!r:.80}")
        u, v = str(edge[0]), str(edge[1])
        if u == v or graph.has_edge(u, v):
            fail(f"the edge {edge!r:.80} is a loop, or appears twice")
        graph.add_edge(u, v, weight=whole(edge[2], "a weight", 0, MAX_WEIGHT) if len(edge) == 3 else 1)
    if not 1 <= len(graph) <= MAX_NODES or not all(_NAME.fullmatch(node) for node in graph):
        fail(f"a graph must have 1 to {MAX_NODES} nodes, with names of letters, digits and _")
    return graph


def _path(metadata: Mapping[str, Any], graph: Any, answer: str) -> str:
    source, target = str(metadata.get("source")), str(metadata.get("target"))
    networkx = load("networkx", "networkx")
    if source not in graph or target not in graph or not networkx.has_path(graph, source, target):
        fail(f"no path leads from {source!r:.40} to {target!r:.40}")
    nodes = _nodes(answer, graph)
    if nodes[0] != source or nodes[-1] != target:
        return f"it leads from {nodes[0]} to {nodes[-1]}, not from {source} to {target}"
    length = 0
    for u, v in itertools.pairwise(nodes):
        if not graph.has_edge(u, v):
            return f"there is no edge from {u} to {v}"
        length += graph[u][v]["weight"]
    if field(metadata, "optimal", bool, False):
        shortest = networkx.dijkstra_path_length(graph, source, target)
        if length > shortest:
            return f"its length is {length}, and there is a path of length {shortest}"
    return ""


def _coloring(metadata: Mapping[str, Any], graph: Any, answer: str) -> str:
    most = whole(metadata.get("colors"), "field 'colors'", 1, MAX_NODES)
    colors = {name: color.rstrip(".").casefold() for name, color in pairs(answer, len(graph)).items()}
    problem = compare_names(colors, graph, "node")
    if problem:
        return problem
    for u, v in graph.edges:
        if colors[u] == colors[v]:
            return f"{u} and {v} are neighbors, and both {short(colors[u], 20)}"
    used = len(set(colors.values()))
    return f"it uses {used} colors, more than {most}" if used > most else ""


def _matching(metadata: Mapping[str, Any], graph: Any, answer: str) -> str:
    edges = _edges(answer, graph)
    met: dict[str, str] = {}
    for u, v in edges:
        for node, other in ((u, v), (v, u)):
            if node in met:
                return f"{node} is matched with {met[node]} and {other}"
            met[node] = other
    return _large_enough(metadata, len(edges), "edges", lambda: _most_pairs(graph))


def _topological_order(metadata: Mapping[str, Any], graph: Any, answer: str) -> str:
    if not graph.is_directed() or not load("networkx", "networkx").is_directed_acyclic_graph(graph):
        fail("a topological order needs a directed graph without cycles")
    nodes = _nodes(answer, graph)
    problem = compare_names(dict.fromkeys(nodes), graph, "node")
    place = {node: index for index, node in enumerate(nodes)}
    if problem:
        return problem
    for u, v in graph.edges:
        if place[u] > place[v]:
            return f"{v} comes before {u}, and an edge leads from {u} to {v}"
    return ""


def _spanning_tree(metadata: Mapping[str, Any], graph: Any, answer: str) -> str:
    networkx = load("networkx", "networkx")
    if graph.is_directed() or not networkx.is_connected(graph):
        fail("a spanning tree needs an undirected, connected graph")
    edges = _edges(answer, graph)
    if len(edges) != len(graph) - 1:
        return f"it has {len(edges)} edges; a spanning tree of {len(graph)} nodes has {len(graph) - 1}"
    tree = networkx.Graph(edges)
    if len(tree) != len(graph) or not networkx.is_connected(tree):
        return "its edges don't connect all nodes"
    if field(metadata, "optimal", bool, False):
        weight = sum(graph[u][v]["weight"] for u, v in edges)
        least = sum(data["weight"] for _, _, data in networkx.minimum_spanning_edges(graph))
        if weight > least:
            return f"its weight is {weight}, and the least is {least}"
    return ""


def _clique(metadata: Mapping[str, Any], graph: Any, answer: str) -> str:
    return _set(metadata, graph, answer, joined=True)


def _independent_set(metadata: Mapping[str, Any], graph: Any, answer: str) -> str:
    return _set(metadata, graph, answer, joined=False)


def _set(metadata: Mapping[str, Any], graph: Any, answer: str, joined: bool) -> str:
    if graph.is_directed():
        fail("a clique or independent set needs an undirected graph")
    nodes = _nodes(answer, graph)
    for index, u in enumerate(nodes):
        for v in nodes[:index]:
            if graph.has_edge(u, v) != joined:
                return f"{v} and {u} are {'no' if joined else ''} neighbors".replace("  ", " ")
    return _large_enough(metadata, len(nodes), "nodes", lambda: _largest(graph, joined))


def _most_pairs(graph: Any) -> int:
    if graph.is_directed() or len(graph) > MAX_MATCHED:
        fail(f"the largest matching needs an undirected graph of at most {MAX_MATCHED} nodes; give a size")
    return len(load("networkx", "networkx").max_weight_matching(graph, maxcardinality=True, weight=None))


def _largest(graph: Any, joined: bool) -> int:
    networkx = load("networkx", "networkx")
    if len(graph) > MAX_SEARCHED:
        fail(f"'optimal' needs at most {MAX_SEARCHED} nodes, not {len(graph)}; give a size")
    return len(networkx.max_weight_clique(graph if joined else networkx.complement(graph), weight=None)[0])


def _large_enough(metadata: Mapping[str, Any], size: int, what: str, largest: Callable[[], int]) -> str:
    """Why the size isn't what is asked for, or ""."""
    optimal = field(metadata, "optimal", bool, False)
    if not optimal and "size" not in metadata:
        fail("expected a 'size', or optimal = true")
    asked = largest() if optimal else whole(metadata["size"], "field 'size'", 0, MAX_NODES)
    return f"it has {size} {what}, and {asked} are {'possible' if optimal else 'asked for'}" if size < asked else ""


def _nodes(answer: str, graph: Any) -> list[str]:
    """The nodes that the answer names, in order, each once. Raises Unreadable."""
    nodes = [node for node in _BETWEEN.split(answer.strip().rstrip(".").strip("[](){} ")) if node]
    seen: set[str] = set()
    for node in nodes:
        if node not in graph:
            raise Unreadable(f"{short(node, 40)} is not a node of the graph")
        if node in seen:
            raise Unreadable(f"{node} is named twice")
        seen.add(node)
    if not nodes:
        raise Unreadable("the answer is empty")
    return nodes


def _edges(answer: str, graph: Any) -> list[tuple[str, str]]:
    """The edges that the answer names, each once. Raises Unreadable."""
    text = answer.strip().rstrip(".").strip()
    groups = re.findall(r"[(\[{][^()\[\]{}]*[)\]}]", text.removeprefix("[").removesuffix("]")) if "," in text else []
    bracketed = len(groups) > 0 and re.fullmatch(
        r"[\s,;\[\](){}]*", "".join(re.split(r"[(\[{][^()\[\]{}]*[)\]}]", text))
    )
    edges: list[tuple[str, str]] = []
    seen: set[frozenset[str]] = set()
    for part in groups if bracketed else filter(str.strip, re.split(r"[,;\n]", text)):
        match = _EDGE.fullmatch(part.strip()) if len(part) <= MAX_PART else None
        if match is None or not graph.has_edge(match[1], match[2]):
            raise Unreadable(f"{short(part.strip(), 40)} is not an edge of the graph")
        edge = frozenset(match.groups())
        if edge in seen:
            raise Unreadable(f"the edge {part.strip()} is named twice")
        seen.add(edge)
        edges.append((match[1], match[2]))
    return edges


_KINDS: Mapping[str, Callable[[Mapping[str, Any], Any, str], str]] = {
    "path": _path,
    "coloring": _coloring,
    "matching": _matching,
    "topological_order": _topological_order,
    "spanning_tree": _spanning_tree,
    "clique": _clique,
    "independent_set": _independent_set,
}
