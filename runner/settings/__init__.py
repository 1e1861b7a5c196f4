"""What a run is told to do: its own settings, and what they become in TRL."""
