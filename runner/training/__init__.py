"""GRPO: from a question to a weight update."""
