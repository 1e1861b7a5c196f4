"""The settings of a run: what they are, where they come from, and what they become in TRL."""
