"""Sums and products of matrices, cell by cell."""

from rlvr.verifiers.expressions.syntax import Node

Rows = list[list[Node]]


def rows(node: Node) -> Rows | None:
    """The cells of a matrix, or of a sum or product of matrices."""
    if node.head == "matrix":
        return [list(row.args) for row in node.args]
    if node.head == "neg":
        inner = rows(node.args[0])
        return inner and [[Node("neg", (c,)) for c in row] for row in inner]
    if node.head == "add":
        parts = [rows(a) for a in node.args]
        total = parts[0]
        for part in parts[1:]:
            if total is None or part is None or len(part) != len(total) or len(part[0]) != len(total[0]):
                return None
            total = [[Node("add", (x, y)) for x, y in zip(r, s, strict=True)] for r, s in zip(total, part, strict=True)]
        return total
    if node.head == "mul" and 2 <= len(node.args) <= 12:
        left, right = node.args[0] if len(node.args) == 2 else Node("mul", node.args[:-1]), node.args[-1]
        a, b = rows(left), rows(right)
        if a and b and len(a[0]) == len(b) and len(a) * len(b) * len(b[0]) <= 1000:
            return [
                [Node("add", tuple(Node("mul", (row[k], b[k][j])) for k in range(len(b)))) for j in range(len(b[0]))]
                for row in a
            ]
        scalar, matrix = (left, b) if b else (right, a)
        if matrix and not (a and b):
            return [[Node("mul", (scalar, c)) for c in row] for row in matrix]
    return None
