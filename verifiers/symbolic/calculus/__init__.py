"""`calculus`: the answer itself satisfies the problem, whichever form it has."""
