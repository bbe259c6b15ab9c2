"""Invites, relationships and entitlements."""
