"""Where a pack's rows come from."""
