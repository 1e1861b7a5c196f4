"""`instructions`: a text keeps constraints that a program can check."""
