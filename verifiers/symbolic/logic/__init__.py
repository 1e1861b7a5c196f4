"""`logic`: assignments, formulas and puzzles."""
