"""Implementations of the ports; only bootstrap imports them."""
