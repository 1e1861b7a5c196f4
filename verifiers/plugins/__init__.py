"""Hook specifications, the registry, and rlvr's own plugin."""
