"""`reasoning_gym`: questions of reasoning-gym's generators."""
