"""Packs in other people's frameworks: small adapters, each in need of nothing but the framework that it is for."""
