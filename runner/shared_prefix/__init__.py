"""Prompts that share a prefix are computed once: in training and in generation."""
