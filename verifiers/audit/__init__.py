"""Measures a verifier: how often it is wrong, how it holds under attack, how long it takes and how much memory."""

from rlvr.verifiers.audit.attacks import generated
from rlvr.verifiers.audit.cases import AuditCase, Kind, Label, read_cases, shipped_cases
from rlvr.verifiers.audit.measure import Outcome, Run, measure
from rlvr.verifiers.audit.summary import Rate, differences, summarize

__all__ = [
    "AuditCase",
    "Kind",
    "Label",
    "Outcome",
    "Rate",
    "Run",
    "differences",
    "generated",
    "measure",
    "read_cases",
    "shipped_cases",
    "summarize",
]
