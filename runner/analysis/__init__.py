"""Looks at runs, rows and verifiers after the fact."""
