"""Models, prompts and what generates completions."""
