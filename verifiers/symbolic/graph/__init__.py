"""`graph`: a path, coloring, matching, order, tree or set is valid and as good as required."""
