"""Graph problems from a seed: shortest paths, colorings, matchings, topological orders, spanning trees, cliques.

A hash of the weights at each node decides the split. Renaming nodes doesn't change it, so problems that differ only in names
are always in the same split.
"""

import hashlib
import itertools
import random
import string
from collections.abc import Callable, Iterator
from typing import Any

SIZES = {"small": (5, 7), "large": (9, 12)}  # nodes
TEST_SHARE = 5  # one shape in five

Row = dict[str, Any]
Edge = list[Any]
Problem = tuple[str, str, dict[str, Any]]  # what is asked, an answer, metadata


def generate(split: str, size: int, seed: int) -> Iterator[Row]:
    """`size` different rows of a split, the categories in turn."""
    draw = random.Random(f"graph {split} {seed}")
    categories = [(kind, level) for level in SIZES for kind in KINDS]
    seen: set[str] = set()
    while len(seen) < size:
        kind, level = categories[len(seen) % len(categories)]
        nodes = draw.sample(string.ascii_uppercase, draw.randint(*SIZES[level]))
        problem = KINDS[kind](draw, nodes)
        if problem is None:
            continue
        asked, answer, metadata = problem
        question = f"{_shown(metadata)}\n{asked}"
        if question in seen or held_out(metadata) != (split == "test"):
            continue
        seen.add(question)
        yield {
            "id": f"{split}-{len(seen)}",
            "question": question,
            "gold": answer,
            "category": f"{kind}_{level}",
            "metadata": metadata,
        }


def held_out(metadata: dict[str, Any]) -> bool:
    """Whether problems of this shape belong to the test split."""
    at: dict[str, list[str]] = {}
    for u, v, *weight in metadata["edges"]:
        at.setdefault(u, []).append(f"out {weight}" if metadata.get("directed") else str(weight))
        at.setdefault(v, []).append(f"in {weight}" if metadata.get("directed") else str(weight))
    kind = {"coloring": "colouring"}.get(
        metadata["kind"], metadata["kind"]
    )  # this spelling decided the splits, and must stay
    shape = f"{kind} {sorted(sorted(ends) for ends in at.values())}"
    return hashlib.sha256(shape.encode()).digest()[0] % TEST_SHARE == 0


def _shown(metadata: dict[str, Any]) -> str:
    edges, nodes = metadata["edges"], metadata["nodes"]
    if metadata.get("directed"):
        listed = ", ".join(f"{u}->{v}" for u, v in edges)
    else:
        listed = ", ".join(f"{u}-{v}" + (f" ({weight[0]})" if weight else "") for u, v, *weight in edges)
    return f"A graph has the nodes {', '.join(nodes)} and the edges {listed}."


# ---- one problem of each kind


def _shortest_path(draw: random.Random, nodes: list[str]) -> Problem | None:
    edges = _weighted(draw, nodes, 1.6)
    source, target = draw.sample(nodes, 2)
    path = _Graph(edges).shortest(source, target)
    if len(path) < 3:
        return None
    asked = f"The numbers are lengths. Give a shortest path from {source} to {target}, in the form A -> B -> C."
    wanted = {"source": source, "target": target, "optimal": True}
    return asked, " -> ".join(path), {"kind": "path", "nodes": sorted(nodes), "edges": edges, **wanted}


def _coloring(draw: random.Random, nodes: list[str]) -> Problem | None:
    colors = ("red", "green", "blue")
    chosen = {node: draw.choice(colors) for node in nodes}
    edges = [e for e in _pairs(draw, nodes, 3.0) if chosen[e[0]] != chosen[e[1]]]
    if len(edges) < len(nodes) or len(set(chosen.values())) < 3:
        return None
    asked = "Give each node a colour, three different ones at most, so that no two neighbours have the same. Write A: red, B: blue."
    answer = ", ".join(f"{node}: {chosen[node]}" for node in sorted(nodes))
    return asked, answer, {"kind": "coloring", "nodes": sorted(nodes), "edges": edges, "colors": 3}


def _matching(draw: random.Random, nodes: list[str]) -> Problem | None:
    edges = _pairs(draw, nodes, 1.2)
    chosen = _Graph(edges).matching()
    asked = "Give a matching of as many edges as possible: no node in two of them. Write A-B, C-D."
    return asked, _joined(chosen), {"kind": "matching", "nodes": sorted(nodes), "edges": edges, "optimal": True}


def _topological_order(draw: random.Random, nodes: list[str]) -> Problem | None:
    place = {node: index for index, node in enumerate(nodes)}
    edges = [sorted(edge, key=place.__getitem__) for edge in _pairs(draw, nodes, 1.5)]
    draw.shuffle(edges)
    asked = (
        "Each edge leads from the first node to the second. Give a topological order of all nodes, in the form A, B, C."
    )
    return asked, ", ".join(nodes), {
        "kind": "topological_order", "nodes": sorted(nodes), "edges": edges, "directed": True
    }  # fmt: skip


def _spanning_tree(draw: random.Random, nodes: list[str]) -> Problem | None:
    edges = _weighted(draw, nodes, 1.7)
    asked = "The numbers are weights. Give the edges of a spanning tree of the least weight, in the form A-B, B-C."
    tree = _Graph(edges).tree()
    return asked, _joined(tree), {"kind": "spanning_tree", "nodes": sorted(nodes), "edges": edges, "optimal": True}


def _clique(draw: random.Random, nodes: list[str]) -> Problem | None:
    edges = _pairs(draw, nodes, len(nodes) / 4)
    asked = (
        "Give a largest clique: as many nodes as possible that are all neighbours of each other, in the form A, B, C."
    )
    chosen = _Graph(edges).clique()
    return asked, ", ".join(chosen), {"kind": "clique", "nodes": sorted(nodes), "edges": edges, "optimal": True}


KINDS: dict[str, Callable[[random.Random, list[str]], Problem | None]] = {
    "shortest_path": _shortest_path,
    "coloring": _coloring,
    "matching": _matching,
    "topological_order": _topological_order,
    "spanning_tree": _spanning_tree,
    "clique": _clique,
}


def _pairs(draw: random.Random, nodes: list[str], density: float) -> list[Edge]:
    """About `density` edges for each node, at least one at every node."""
    edges = {tuple(sorted((node, draw.choice([n for n in nodes if n != node])))) for node in nodes}
    for _ in range(int((density - 1) * len(nodes)) + 1):
        edges.add(tuple(sorted(draw.sample(nodes, 2))))
    return draw.sample([list(edge) for edge in sorted(edges)], len(edges))


def _weighted(draw: random.Random, nodes: list[str], density: float) -> list[Edge]:
    """A connected graph with weights from 1 to 9."""
    joined = {tuple(sorted((node, draw.choice(nodes[:index])))) for index, node in enumerate(nodes) if index}
    for _ in range(int((density - 1) * len(nodes)) + 1):
        joined.add(tuple(sorted(draw.sample(nodes, 2))))
    return [[*edge, draw.randint(1, 9)] for edge in draw.sample(sorted(joined), len(joined))]


def _joined(edges: list[Edge]) -> str:
    return ", ".join(f"{edge[0]}-{edge[1]}" for edge in edges)


class _Graph:
    """The algorithms that gold answers need, from networkx."""

    def __init__(self, edges: list[Edge]) -> None:
        import networkx

        self.networkx = networkx
        self.graph = networkx.Graph()
        for u, v, *weight in edges:
            self.graph.add_edge(u, v, weight=weight[0] if weight else 1)

    def shortest(self, source: str, target: str) -> list[str]:
        """The nodes of a shortest path; empty if there is no path."""
        try:
            path: list[str] = self.networkx.dijkstra_path(self.graph, source, target)
        except self.networkx.NetworkXNoPath:
            return []
        return path

    def length(self, path: list[str]) -> int:
        """The sum of the weights along a path."""
        return sum(self.graph[u][v]["weight"] for u, v in itertools.pairwise(path))

    def matching(self) -> list[Edge]:
        """A largest matching."""
        return sorted(map(sorted, self.networkx.max_weight_matching(self.graph, maxcardinality=True, weight=None)))

    def tree(self) -> list[Edge]:
        """A spanning tree of the least weight."""
        return sorted([sorted((u, v)) for u, v, _ in self.networkx.minimum_spanning_edges(self.graph)])

    def clique(self) -> list[str]:
        """A largest clique."""
        cliques: list[list[str]] = [sorted(nodes) for nodes in self.networkx.find_cliques(self.graph)]
        return max(cliques, key=lambda nodes: (len(nodes), nodes))


# ---- answers that look right and are not


def near_misses(row: Row, draw: random.Random) -> list[str]:
    """The gold answer with one mistake: longer than the shortest, one node too few, neighbors of one color, …"""
    texts = _WRONG[row["metadata"]["kind"]](row["metadata"], row["gold"], draw)
    stranger = next(name for name in string.ascii_uppercase if name not in row["metadata"]["nodes"])
    first = row["metadata"]["nodes"][0]
    renamed = row["gold"].replace(first, stranger)
    texts += [f"{row['gold']} or {row['gold']}", f"{row['gold']}, {stranger}"]
    if renamed != row["gold"]:
        texts.append(renamed)
    return [f"Answer: {text}" for text in texts]


def _wrong_paths(metadata: dict[str, Any], answer: str, draw: random.Random) -> list[str]:
    path = answer.split(" -> ")
    graph = _Graph(metadata["edges"])
    best = graph.length(path)
    wrong = [path[::-1], path[:-1], path[1:], [*path, path[0]], [*path[:2], *path[:2], *path[2:]]]
    gaps = [index for index in range(1, len(path) - 1) if not graph.graph.has_edge(path[index - 1], path[index + 1])]
    wrong += [path[:index] + path[index + 1 :] for index in gaps]
    for u, v in itertools.pairwise(path):  # detours
        other = _Graph([e for e in metadata["edges"] if {e[0], e[1]} != {u, v}])
        if u in other.graph and v in other.graph and path[0] in other.graph and path[-1] in other.graph:
            longer = other.shortest(path[0], path[-1])
            if longer and graph.length(longer) > best:
                wrong.append(longer)
    return [" -> ".join(nodes) for nodes in wrong]


def _wrong_colorings(metadata: dict[str, Any], answer: str, draw: random.Random) -> list[str]:
    colors = dict(part.split(": ") for part in answer.split(", "))
    u, v = draw.choice(metadata["edges"])
    fourth = draw.choice([n for n in colors if list(colors.values()).count(colors[n]) > 1] or [""])
    wrong = [{**colors, u: colors[v]}, {**colors, v: colors[u]}, {n: c for n, c in colors.items() if n != u}]
    if fourth:
        wrong.append({**colors, fourth: "yellow"})
    texts = [", ".join(f"{node}: {color}" for node, color in coloring.items()) for coloring in wrong]
    return [*texts, f"{answer}, {u}: yellow"]


def _wrong_matchings(metadata: dict[str, Any], answer: str, draw: random.Random) -> list[str]:
    edges = answer.split(", ")
    u, v = edges[0].split("-")
    wrong = [edges[1:], [*edges, edges[0]], [*edges[1:], f"{v}-{u}", f"{u}-{v}"]]
    present = {frozenset(edge) for edge in metadata["edges"]}
    missing = [n for n in metadata["nodes"] if n != u and frozenset((u, n)) not in present]
    wrong += [[f"{u}-{draw.choice(missing)}", *edges[1:]]] if missing else []
    wrong += [[*edges, f"{a}-{b}"] for a, b in metadata["edges"] if {a, b} & {u, v} and {a, b} != {u, v}][:1]
    return [", ".join(matching) for matching in wrong if matching]


def _wrong_orders(metadata: dict[str, Any], answer: str, draw: random.Random) -> list[str]:
    nodes = answer.split(", ")
    u, v = draw.choice(metadata["edges"])
    swapped = [{u: v, v: u}.get(node, node) for node in nodes]
    late = [node for node in nodes if node != u]
    late.insert(late.index(v) + 1, u)
    wrong = [nodes[::-1], swapped, late, nodes[1:], [*nodes, nodes[0]]]
    return [", ".join(order) for order in wrong]


def _wrong_trees(metadata: dict[str, Any], answer: str, draw: random.Random) -> list[str]:
    edges = [part.split("-") for part in answer.split(", ")]
    weights = {frozenset(e[:2]): e[2] for e in metadata["edges"]}
    rest = [sorted(edge) for edge in sorted(map(sorted, weights)) if edge not in edges]
    wrong = [edges[1:], [*edges, edges[0]], *([*edges, edge] for edge in rest[:1])]
    for u, v in rest:  # a heavier edge instead of a lighter one on the path between its ends
        path = _Graph(edges).shortest(u, v)
        for a, b in itertools.pairwise(path):
            if weights[frozenset((a, b))] < weights[frozenset((u, v))]:
                wrong.append([*(edge for edge in edges if set(edge) != {a, b}), [u, v]])
    return [_joined(tree) for tree in wrong if tree]


def _wrong_cliques(metadata: dict[str, Any], answer: str, draw: random.Random) -> list[str]:
    nodes = answer.split(", ")
    outside = [node for node in metadata["nodes"] if node not in nodes]
    wrong = [nodes[1:], [*nodes, nodes[0]], *([*nodes, node] for node in outside[:2])]
    return [", ".join(clique) for clique in wrong if clique]


_WRONG: dict[str, Callable[[dict[str, Any], str, random.Random], list[str]]] = {
    "path": _wrong_paths,
    "coloring": _wrong_colorings,
    "matching": _wrong_matchings,
    "topological_order": _wrong_orders,
    "spanning_tree": _wrong_trees,
    "clique": _wrong_cliques,
}
