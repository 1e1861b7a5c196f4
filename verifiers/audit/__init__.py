"""Measures a verifier: how often it is wrong, whether attacks succeed, how long it takes and how much memory."""

from rlvr.verifiers.audit.attacks import generated_attacks
from rlvr.verifiers.audit.cases import AuditCase, Kind, Label, read_cases, shipped_cases
from rlvr.verifiers.audit.measure import AuditOutcome, AuditRun, measure
from rlvr.verifiers.audit.summary import AuditSummary, Difference, Rate, differences, summarize

__all__ = [
    "AuditCase",
    "AuditOutcome",
    "AuditRun",
    "AuditSummary",
    "Difference",
    "Kind",
    "Label",
    "Rate",
    "differences",
    "generated_attacks",
    "measure",
    "read_cases",
    "shipped_cases",
    "summarize",
]
