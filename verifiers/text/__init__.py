"""Verifiers of plain answers: exact text, one number, one choice."""
