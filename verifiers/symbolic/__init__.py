"""Symbolic checks: the answer itself is checked against the problem's constraints, not against one stored solution.

One folder a verifier, with its labelled attacks in `cases.jsonl`. Model text is parsed by closed grammars and never
evaluated. Libraries are imported when a verifier first needs them.
"""
