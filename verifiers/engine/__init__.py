"""Runs every verifier under a deadline and a memory limit."""
