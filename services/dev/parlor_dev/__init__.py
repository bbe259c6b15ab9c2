"""Runs the whole platform on one machine, and its demo."""
