"""`units`: the answer is the gold quantity, in any compatible unit."""
