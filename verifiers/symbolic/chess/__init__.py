"""`chess`: a legal move, or the first move of a mate in n."""
