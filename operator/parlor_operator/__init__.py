"""Reconciles Distributor and LegalHold resources."""
