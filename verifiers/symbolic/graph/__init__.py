"""`graph`: a path, colouring, matching, order, tree or set is valid and as good as asked."""
