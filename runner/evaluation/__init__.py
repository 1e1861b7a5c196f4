"""Measures a model on a pack, with intervals."""
