"""Packs in other frameworks: small adapters, each of which needs nothing but its framework."""
