"""Validates service credentials in front of the internal routes of a service."""
