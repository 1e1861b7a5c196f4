"""Mathematical answers as trees: the grammar that `math`, `calculus`, `units` and `choice` share."""
